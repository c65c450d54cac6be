"""M13: the block list."""

from __future__ import annotations

import pytest
from unit.matcher.world import HASHER, ME, Block, contacts, entry, facts, judge, told

from eisd.matcher.facts import Blocklist, merge
from eisd.matcher.staff import staff_of

ANN, BOB = "ann@a.example", "bob@b.example"


@pytest.mark.parametrize("text", [ANN, "Ann+tag@A.example", "@a.example", "@A.Example"])
def test_m13_a_blocked_author_skips_an_incoming_message(text):
    """By exact key, by relaxed key or by domain, whatever its letter case."""
    message = facts(f"From: {ANN}\nTo: {ME}\nCc: {BOB}\n", blocks=[Block(text)])

    assert told(judge(message, entry(1, ANN), entry(2, BOB))) == "skipped:blocklisted"


def test_m13_an_entry_covers_the_plus_variants_of_its_address():
    """Who is blocked cannot come back with a tag."""
    message = facts(f"From: ann+new@a.example\nTo: {ME}\n", blocks=[Block(ANN)])

    assert told(judge(message)) == "skipped:blocklisted"


@pytest.mark.parametrize("text", ["@example", "@b.a.example", "@xa.example", "nn@a.example", "@"])
def test_m13_only_the_domain_and_what_is_below_it(text):
    """A parent, a sister and a longer name are other domains; nonsense blocks nobody."""
    message = facts(f"From: {ANN}\nTo: {ME}\n", blocks=[Block(text)])
    above = text == "@example"

    assert told(judge(message, entry(1, ANN))) == ("skipped:blocklisted" if above else "matched")


def test_m13_a_domain_stands_for_its_subdomains():
    """@b blocks mail.b too."""
    message = facts(f"From: x@deep.mail.a.example\nTo: {ME}\n", blocks=[Block("@a.example")])

    assert told(judge(message)) == "skipped:blocklisted"


def test_m13_a_blocked_participant_neither_matches_nor_hides_the_others():
    """The entry is about that address alone."""
    message = facts(f"From: {ME}\nTo: {ANN}, {BOB}\n", blocks=[Block(ANN)])

    assert contacts(judge(message, entry(1, ANN), entry(2, BOB))) == [2]


def test_m13_only_blocked_outsiders_skip_the_message():
    """When nobody else is there the whole message is skipped, outgoing too."""
    message = facts(f"From: {ME}\nTo: {ANN}\nCc: {BOB}\n", blocks=[Block(ANN), Block(BOB)])
    not_all = facts(f"From: {ME}\nTo: {ANN}\nCc: {BOB}\n", blocks=[Block(ANN)])

    assert told(judge(message)) == "skipped:blocklisted"
    assert told(judge(not_all)) == "unmatched:no_contact"


def test_m13_action_message_skips_in_any_role():
    """One such address in any role stops the message."""
    blocks = [Block(BOB, "message")]
    for role in ("Cc", "Bcc", "Reply-To"):
        message = facts(f"From: {ANN}\nTo: {ME}\n{role}: {BOB}\n", blocks=blocks)
        assert told(judge(message, entry(1, ANN))) == "skipped:blocklisted"


@pytest.mark.parametrize("action", ["participant", "message"])
def test_m13_staff_is_exempt(action):
    """A block on our own domain does not make us deaf."""
    message = facts(f"From: {ANN}\nTo: {ME}\n", blocks=[Block("@ours.example", action)])

    assert contacts(judge(message, entry(1, ANN))) == [1]


def test_m13_an_entry_for_another_mailbox_is_not_ours():
    """An entry with a mailbox is for that mailbox's copies only."""
    mine = facts(f"From: {ANN}\nTo: {ME}\n", blocks=[Block(ANN, mailbox="mine")])
    other = facts(f"From: {ANN}\nTo: {ME}\n", blocks=[Block(ANN, mailbox="other")])

    assert told(judge(mine, entry(1, ANN))) == "skipped:blocklisted"
    assert contacts(judge(other, entry(1, ANN))) == [1]


@pytest.mark.parametrize("action", ["participant", "message"])
def test_m13_a_copy_that_is_not_blocked_suffices(action):
    """One mailbox's entry says nothing of the copy in another, in whatever order they come."""
    text = f"From: {ANN}\nTo: {ME}\n"
    blocked, free = facts(text, blocks=[Block(ANN, action)]), facts(text)

    for both in (merge(blocked, free), merge(free, blocked)):
        assert contacts(judge(both, entry(1, ANN))) == [1]
    assert told(judge(merge(blocked, blocked), entry(1, ANN))) == "skipped:blocklisted"


def test_m13_staff_with_the_same_domain_as_a_blocked_contact():
    """Exempt is who is in S, not who shares a domain with it."""
    staff = staff_of(["me@a.example"], hasher=HASHER)
    message = facts(f"From: {ANN}\nTo: me@a.example\n", blocks=[Block("@a.example")])

    assert told(judge(message, entry(1, ANN), staff=staff)) == "skipped:blocklisted"


def test_an_empty_block_list_is_false():
    """Without entries for the mailbox there is nothing to look at."""
    assert not Blocklist.of([Block(ANN, mailbox="other")], "mine")
    assert Blocklist.of([Block(ANN)], "mine")
