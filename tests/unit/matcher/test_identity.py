"""I1, I2 and I4: what identifies a message, and what its copies say together."""

from __future__ import annotations

import pytest
from unit.matcher.world import DATE, EARLIER, HASHER, LATER, ME, facts, key

from eisd.matcher.codec import NOTHING, unpack
from eisd.matcher.facts import merge
from eisd.matcher.keys import Hasher, parent_key
from eisd.matcher.match import same_message
from eisd.model.facts import Mark
from eisd.model.mail import Role, Signal

ANN, BOB = "ann@a.example", "bob@b.example"
NEXT_DAY = "Date: Thu, 16 Nov 2023 22:13:20 +0000\n"


def test_i1_the_message_id_is_the_identity():
    """Two copies with one Message-ID have one id_key, whatever else differs."""
    a = facts(f"Message-ID: <1@a>\nFrom: {ANN}\n")
    b = facts(f"Message-ID:  <1@a> \nFrom: {BOB}\nSubject: x\n")

    assert a.id_key == b.id_key == HASHER.identity("1@a")
    assert len(a.id_key) == 16


def test_i1_without_one_the_header_facts_are():
    """Copies without a Message-ID are one message if their header facts agree."""
    text = f"From: {ANN}\nTo: {ME}\nSubject: hello\n{DATE}"

    assert facts(text).id_key == facts(f"Received: x\n{text}").id_key
    assert facts(text).id_key != facts(text.replace("hello", "hullo")).id_key


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (f"From: {ANN}\nSubject: one\n{NEXT_DAY}", True),
        (f"From: {ANN}\nSubject: two\n{DATE}", True),
        (f"From: {BOB}\nSubject: one\n{DATE}", True),
        (f"From: {BOB}\nSubject: one\n", True),
        (f"From: {BOB}\nSubject: one\n{NEXT_DAY}", False),
        (f"From: {BOB}\nSubject: two\n{DATE}", False),
    ],
)
def test_i2_when_one_id_means_two_messages(other, same):
    """Another author and over 24 h, or another author and another subject."""
    head = "Message-ID: <1@a>\n"
    a, b = facts(f"{head}From: {ANN}\nSubject: one\n{DATE}"), facts(head + other)

    assert same_message(a, b) is same
    assert same_message(b, a) is same


def test_i4_an_address_keeps_its_strongest_role():
    """From before To before Cc before Bcc before Reply-To, within a copy and between copies."""
    head = "Message-ID: <1@a>\n"
    a = facts(f"{head}From: {ANN}\nTo: {BOB}\nCc: {BOB}, {ME}\nReply-To: {ANN}\n")
    b = facts(f"{head}From: {ANN}\nBcc: {BOB}\nTo: {ME}\n")

    def roles(known):
        return {one.exact: one.role for one in known.participants}

    assert roles(a) == {key(ANN): Role.FROM, key(BOB): Role.TO, key(ME): Role.CC}
    assert roles(merge(a, b)) == {key(ANN): Role.FROM, key(BOB): Role.TO, key(ME): Role.TO}


def test_i4_participants_are_sorted_by_role_and_key():
    """The order in a header leaves no trace in the facts."""
    people = [f"p{n}@a.example" for n in range(9)]
    known = facts(f"To: {', '.join(people)}\nFrom: {ANN}\nCc: {BOB}\n").participants

    assert [one.role for one in known] == [Role.FROM, *[Role.TO] * 9, Role.CC]
    assert [one.exact for one in known[1:10]] == sorted(map(key, people))


def test_i4_the_earliest_times_count():
    """gate_at and Date by min; a copy without a Date takes nothing away."""
    head = f"Message-ID: <1@a>\nFrom: {ANN}\n"
    merged = merge(
        facts(head + DATE, gate=LATER),
        merge(facts(head + NEXT_DAY, gate=EARLIER), facts(head, gate=LATER)),
    )

    assert (merged.gate_at, merged.date) == (EARLIER, 1_700_000_000)


def test_i4_what_a_person_can_read_is_kept():
    """A copy of which only hashes were kept does not erase addresses and names."""
    head = f"Message-ID: <1@a>\nFrom: Ann <{ANN}>\n"
    bare = facts(head, keep_text=False)
    (one,) = merge(bare, facts(head)).participants

    assert [(one.address, one.name) for one in bare.participants] == [("", "")]
    assert (one.address, one.name) == (ANN, "Ann")


@pytest.mark.parametrize("author", [f"ann{n}@a.example" for n in range(8)])
def test_i4_the_author_is_the_one_no_list_rewrote(author):
    """The direct copy says who wrote; what the list's copy says of its author is dropped."""
    head = f"Message-ID: <1@a>\nTo: l@l.example\nCc: {BOB}\n"
    direct = facts(f"{head}From: {author}\n")
    rewritten = facts(
        f"{head}From: Ann via L <l@l.example>\nReply-To: info@l.example\n"
        "List-Id: <l.l.example>\nList-Post: <mailto:l@l.example>\n"
    )

    for merged in (merge(direct, rewritten), merge(rewritten, direct)):
        assert merged.author == key(author)
        assert not merged.signals & (Signal.LIST_REWRITE | Signal.AUTHOR_ROLE)


def test_i4_what_a_list_adds_stays_if_every_copy_has_it():
    """One that came without the list was sent to somebody; one of which nothing is kept is none."""
    head = f"Message-ID: <1@a>\nFrom: {ANN}\nTo: l@l.example\n"
    by_list = "List-Id: <l>\nPrecedence: list\nList-Unsubscribe: <mailto:u@l.example>\n"
    direct, listed = facts(head), facts(head + by_list)
    nothing = unpack(direct.id_key, direct.gate_at, NOTHING)
    marks = Signal.LIST | Signal.BULK | Signal.UNSUBSCRIBE

    assert not merge(direct, listed).signals & marks
    assert merge(listed, listed).signals & marks == marks
    assert merge(nothing, listed).signals & marks == marks


def test_i4_facts_of_two_messages_do_not_merge():
    """Merging what has not one identity is a mistake, and is said."""
    with pytest.raises(ValueError, match="two messages"):
        merge(facts("Message-ID: <1@a>\n"), facts("Message-ID: <2@a>\n"))


def test_the_lists_own_address_is_marked():
    """List-Post, and the From that a list has put in, are no people."""
    known = facts(
        f"From: L <l@l.example>\nTo: l@l.example, {ME}\nX-Original-From: {ANN}\n"
        "List-Id: <l>\nList-Post: <mailto:l@l.example>\n"
    )

    marks = {one.exact: one.marks for one in known.participants}
    assert marks[key("l@l.example")] == Mark.LIST_ADDRESS | Mark.RECIPIENT
    assert marks[key(ANN)] == Mark.NONE
    assert marks[key(ME)] == Mark.RECIPIENT


def test_parents_are_in_reply_to_then_references_from_the_end():
    """Each once, as the first half of the parent's own id_key."""
    known = facts("In-Reply-To: <3@a>\nReferences: <1@a> <2@a> <3@a>\n")

    expected = [parent_key(HASHER.identity(f"{n}@a")) for n in (3, 2, 1)]
    assert list(known.parents) == expected


def test_an_item_that_is_no_address_is_no_participant():
    """Text among the recipients has no key and is left out of the facts."""
    assert [one.exact for one in facts(f"To: nobody, {ANN}\n").participants] == [key(ANN)]


def test_keys_differ_by_index_key_and_by_kind():
    """Without the index key no hash can be made; an address is no Message-ID."""
    other = Hasher(b"another key")

    assert HASHER.key(ANN) != other.key(ANN)
    assert HASHER.identity(ANN) != other.identity(ANN)
    assert HASHER.key(ANN) != parent_key(HASHER.identity(ANN))
    assert HASHER.key("") == 0
    with pytest.raises(ValueError, match="empty"):
        Hasher(b"")


def test_a_free_mail_domain_is_nobodys_registrable_domain():
    """The registrable domain is 0 at a free-mail provider, else the domain one registers."""
    mine, theirs = facts("From: a@mail.ours.com\nTo: b@gmail.com\n").participants

    assert mine.registrable == HASHER.key("ours.com")
    assert mine.domain == HASHER.key("mail.ours.com")
    assert theirs.registrable == 0
