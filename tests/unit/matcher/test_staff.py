"""S1 to S5: who is staff, who wrote a message, whether that is proven, and internal mail."""

from __future__ import annotations

import pytest
from unit.matcher.world import (
    HASHER,
    LATER,
    ME,
    STAFF,
    contacts,
    copy,
    entry,
    facts,
    judge,
    key,
    told,
)

from eisd.matcher.facts import merge
from eisd.matcher.match import direction_of
from eisd.matcher.policy import Policy
from eisd.matcher.staff import staff_of
from eisd.model.activity import Direction, Flag
from eisd.model.mail import Role, Signal

ANN, BOB = "ann@a.example", "bob@b.example"
YOU = "you@ours.example"


def test_s1_domains_count_by_scope():
    """Listed domains are internal with scope domains, the mailboxes' own with mailbox_domains."""
    given = {"hasher": HASHER, "domains": ["Corp.example"]}

    listed = staff_of([ME], scope="domains", **given).domains
    own = staff_of([ME], scope="mailbox_domains", **given).domains
    neither = staff_of([ME], **given).domains

    assert listed == {HASHER.key("corp.example")}
    assert own == {HASHER.key("ours.example")}
    assert neither == frozenset()


def test_s1_a_subdomain_of_an_internal_domain_is_internal():
    """The registrable domain of an address is compared as well as its domain."""
    staff = staff_of(["me@ours.com"], hasher=HASHER, scope="mailbox_domains")

    decision = judge("From: me@ours.com\nTo: x@mail.ours.com\n", staff=staff)

    assert told(decision) == "skipped:internal"


@pytest.mark.parametrize("scope", ["domains", "mailbox_domains"])
def test_s1_a_free_mail_domain_is_never_internal(scope):
    """A mailbox at a free-mail provider does not make the whole provider staff."""
    staff = staff_of(
        ["me@gmail.com"], hasher=HASHER, domains=["gmail.com", "@outlook.com"], scope=scope
    )

    assert staff.domains == frozenset()
    assert contacts(
        judge("From: ann@gmail.com\nTo: me@gmail.com\n", entry(1, "ann@gmail.com"), staff=staff)
    ) == [1]


def test_s1_internal_addresses_are_staff():
    """Addresses listed under [internal] count like a mailbox's."""
    staff = staff_of([ME], hasher=HASHER, addresses=[" Boss@Corp.example ", "nonsense"])

    assert staff.exact == {key(ME), key("boss@corp.example")}


def test_s1_both_keys_always_apply_to_staff():
    """A plus variant of a staff address is staff, whatever normalize.subaddress says."""
    message = f"From: {ME}\nTo: you+crm@ours.example\n"

    assert told(judge(message, policy=Policy(subaddress="off"))) == "skipped:internal"


def test_s2_a_staff_address_never_matches_though_a_contact_bears_it():
    """Staff comes first: the contact with a staff address gets no activity."""
    decision = judge(f"From: {ANN}\nTo: {YOU}\n", entry(1, YOU))

    assert told(decision) == "skipped:staff_address"


def test_s2_a_staff_address_does_not_hide_a_contact():
    """Another participant that is a contact matches all the same."""
    assert contacts(judge(f"From: {ANN}\nTo: {YOU}\n", entry(1, YOU), entry(2, ANN))) == [2]


def test_s3_outgoing_if_the_author_is_staff():
    """The author decides the direction, not the folder and not the recipients."""
    assert direction_of(facts(f"From: {ME}\nTo: {ANN}\n"), STAFF) is Direction.OUTGOING
    assert direction_of(facts(f"From: {ANN}\nTo: {ME}\n"), STAFF) is Direction.INCOMING


def test_s3_more_than_one_from_address_sets_a_flag():
    """The first From address is the author; the flag says that there are more."""
    decision = judge(f"From: {ANN}, {BOB}\nTo: {ME}\n", entry(1, BOB))

    assert decision.hits[0].roles == (Role.FROM,)
    assert Flag.AMBIGUOUS_FROM in decision.hits[0].flags
    assert facts(f"From: {ANN}, {BOB}\n").author == key(ANN)


@pytest.mark.parametrize("header", ["X-Original-From", "X-Original-Sender"])
def test_s3_a_list_rewrite_names_its_author_elsewhere(header):
    """The author is in X-Original-From or X-Original-Sender, and matches as From."""
    decision = judge(
        f"From: Ann via Us <sales@ours.example>\nTo: {ME}\n{header}: {ANN}\n", entry(1, ANN)
    )

    assert decision.direction is Direction.INCOMING
    assert decision.hits[0].roles == (Role.FROM,)


def test_s3_a_list_rewrite_without_them_names_it_in_reply_to():
    """From equal to List-Post is the list's: the author is the first Reply-To address."""
    known = facts(
        "From: Ann via List <list@l.example>\nTo: list@l.example\nReply-To: ann@a.example\n"
        "List-Id: <list.l.example>\nList-Post: <mailto:list@l.example>\n"
    )

    assert known.author == key(ANN)


def test_s4_a_copy_in_sent_verifies():
    """Outgoing mail bears the flag unverified until a copy in Sent is seen."""
    message = f"From: {ME}\nTo: {ANN}\n"

    without = judge(facts(message), entry(1, ANN))
    within = judge(merge(facts(message), facts(message, sent=True)), entry(1, ANN))

    assert without.hits[0].flags == {Flag.UNVERIFIED}
    assert without.notes == ("unverified_outgoing",)
    assert within.hits[0].flags == frozenset()


def test_s4_incoming_mail_is_never_called_unverified():
    """The flag speaks of mail that claims to be from staff, and of no other."""
    assert judge(f"From: {ANN}\nTo: {ME}\n", entry(1, ANN)).flags == frozenset()


TRUSTED = "mx.ours.example"


def verified(results: str, from_: str = ME) -> bool:
    known = facts(f"From: {from_}\nTo: {ANN}\n{results}", trusted_authserv=frozenset({TRUSTED}))
    return Signal.VERIFIED in known.signals


@pytest.mark.parametrize(
    "value",
    [
        "mx.ours.example; dmarc=pass header.from=ours.example",
        "MX.ours.example 1; spf=fail; dmarc = pass (p=NONE; dis=NONE) header.from=OURS.example.",
        '"mx.ours.example"; dmarc/1=pass reason="a; b" header.from="ours.example"',
        "(a (nested) note) mx.ours.example (1); dmarc=pass header.from=me@ours.example",
    ],
)
def test_s4_a_trusted_dmarc_pass_verifies(value):
    """The topmost result of a trusted server counts, however RFC 8601 lets it be written."""
    assert verified(f"Authentication-Results: {value}\n")


@pytest.mark.parametrize(
    "value",
    [
        "mx.evil.example; dmarc=pass header.from=ours.example",
        "mx.ours.example.evil.example; dmarc=pass header.from=ours.example",
        "mx.ours.example; dmarc=pass header.from=evil.example",
        "mx.ours.example; dmarc=pass",
        "mx.ours.example; dmarc=fail header.from=ours.example",
        "mx.ours.example; dmarc=pass header.from=ours.example; dmarc=fail header.from=ours.example",
        "mx.ours.example; spf=pass smtp.mailfrom=ours.example",
        "mx.ours.example; spf=none (; dmarc=pass header.from=ours.example)",
        'mx.ours.example; spf=none reason="; dmarc=pass header.from=ours.example"',
        'mx.ours.example; spf=none reason=";" dmarc=pass header.from=ours.example',
        "mx.ours.example; none",
        "mx.ours.example",
        "",
        ";;==;(",
    ],
)
def test_s4_nothing_less_verifies(value):
    """Another server, domain, method or verdict, and what only looks like a result, is no proof."""
    assert not verified(f"Authentication-Results: {value}\n")


def test_s4_only_the_topmost_trusted_result_counts():
    """A forged header below the border server's own is not read."""
    top = f"Authentication-Results: {TRUSTED}; dmarc=fail header.from=ours.example\n"
    forged = f"Authentication-Results: {TRUSTED}; dmarc=pass header.from=ours.example\n"
    foreign = "Authentication-Results: other.example; dmarc=fail header.from=ours.example\n"

    assert not verified(top + forged)
    assert verified(foreign + forged)


def test_s4_a_pass_for_the_lists_domain_is_none_for_the_author():
    """With a rewritten From, or two of them, DMARC has checked somebody else's domain."""
    head = f"Authentication-Results: {TRUSTED}; dmarc=pass header.from="
    lists, ours = f"{head}l.example\n", f"{head}ours.example\n"

    for passed in (lists, ours):
        assert not verified(f"X-Original-From: {ME}\n{passed}", from_="list@l.example")
        assert not verified(passed, from_=f"{ME}, list@l.example")
    assert verified(ours, from_=f"{ME}, you@ours.example")


def test_s5_mail_among_staff_is_internal():
    """When everybody in every role is staff the message is skipped."""
    assert told(judge(f"From: {ME}\nTo: {YOU}\nReply-To: {ME}\n")) == "skipped:internal"


def test_s5_mail_to_oneself_is_internal():
    """The author as only recipient counts as a recipient."""
    assert told(judge(f"From: {ME}\nTo: {ME}\n")) == "skipped:internal"


def test_s5_without_a_recipient_it_is_not_internal():
    """Staff mail that shows no recipient may have gone to anybody in Bcc."""
    assert told(judge(f"From: {ME}\nTo: undisclosed-recipients:;\n")) == "unmatched:no_contact"


@pytest.mark.parametrize("role", ["Cc", "Bcc", "Reply-To"])
def test_s5_one_outsider_in_any_role_makes_it_external(role):
    """Internal asks for every role, Reply-To too."""
    assert told(judge(f"From: {ME}\nTo: {YOU}\n{role}: {ANN}\n")) == "unmatched:no_contact"


def test_s5_looks_at_all_known_copies():
    """A bcc that only the sender's copy shows makes the message external."""
    seen_by_you = facts(f"From: {ME}\nTo: {YOU}\nMessage-ID: <1@ours>\n")
    sent = facts(f"From: {ME}\nTo: {YOU}\nBcc: {ANN}\nMessage-ID: <1@ours>\n", sent=True)

    assert told(judge(seen_by_you, entry(1, ANN))) == "skipped:internal"
    assert contacts(judge(merge(seen_by_you, sent), entry(1, ANN))) == [1]


def test_s5_mail_without_an_author_is_not_internal():
    """Nobody knows who wrote it, so it is not known to be staff's."""
    assert told(judge(f"To: {ME}\n")) == "unmatched:no_contact"


ANY = Policy(internal_mode="any_staff")


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (f"From: {ANN}\nTo: {ME}\n", "matched"),
        (f"From: {ANN}\nTo: {ME}\nCc: {YOU}\n", "skipped:internal"),
        (f"From: {YOU}\nTo: {ANN}\nCc: {ME}\n", "skipped:internal"),
        (f"From: {ME}\nTo: {ANN}\n", "matched"),
        (f"From: {ANN}\nTo: me+tag@ours.example\n", "matched"),
        (f"From: {ANN}\nTo: {BOB}\n", "matched"),
        (f"From: {ANN}\nTo: {ME}\nReply-To: {YOU}\n", "matched"),
    ],
)
def test_s5_any_staff_skips_when_a_colleague_takes_part(message, outcome):
    """A staff address other than the copy's own mailbox, as author or recipient, is enough."""
    assert told(judge(message, entry(1, ANN), policy=ANY)) == outcome


def test_s5_any_staff_knows_the_mailboxs_aliases():
    """An alias of the copy's own mailbox is no colleague."""
    staff = staff_of([ME, "hello@ours.example"], hasher=HASHER)
    message = facts(f"From: {ANN}\nTo: hello@ours.example\nCc: {ME}\n")

    knowing = copy(gate=LATER, aliases=["hello@ours.example"])
    alone = copy(gate=LATER)

    assert contacts(judge(message, entry(1, ANN), staff=staff, policy=ANY, copies=[knowing])) == [1]
    assert told(judge(message, entry(1, ANN), staff=staff, policy=ANY, copies=[alone])) == (
        "skipped:internal"
    )


def test_s5_any_staff_any_copy_suffices():
    """If one copy shows no colleague of its own mailbox, the message is looked at."""
    message = facts(f"From: {ANN}\nTo: {ME}\n")
    mine, yours = copy(mailbox=ME), copy(mailbox=YOU)

    assert told(judge(message, entry(1, ANN), policy=ANY, copies=[yours])) == "skipped:internal"
    assert contacts(judge(message, entry(1, ANN), policy=ANY, copies=[yours, mine])) == [1]
