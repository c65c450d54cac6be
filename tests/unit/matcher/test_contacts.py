"""M1 to M8, N6 and N7: which contacts a message concerns."""

from __future__ import annotations

import pytest
from unit.matcher.world import (
    CONNECTED,
    DAY,
    EARLIER,
    HOUR,
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

from eisd.matcher.keys import keys_of
from eisd.matcher.match import decide
from eisd.matcher.policy import Policy
from eisd.model.activity import Flag, Via
from eisd.model.mail import Role

ANN, BOB = "ann@a.example", "bob@b.example"
FROM_ANN = f"From: {ANN}\nTo: {ME}\n"
MINUTE = 60_000


@pytest.mark.parametrize("role", ["To", "Cc", "Bcc"])
def test_m1_recipients_are_candidates(role):
    """To, Cc and Bcc count alike, in mail to us and from us."""
    sent = f"From: {ME}\n{role}: {ANN}\n"

    assert contacts(judge(sent, entry(1, ANN))) == [1]
    assert contacts(judge(f"From: {BOB}\nTo: {ME}\n{role}: {ANN}\n", entry(1, ANN))) == [1]


def test_m1_match_roles_leaves_the_others_out():
    """An address in a role that match.roles lacks is no candidate."""
    message = f"From: {ANN}\nTo: {ME}\nCc: {BOB}\n"
    policy = Policy(match_roles=frozenset({Role.FROM}))

    assert contacts(judge(message, entry(1, ANN), entry(2, BOB), policy=policy)) == [1]
    assert told(judge(message, entry(2, BOB), policy=policy)) == "unmatched:no_contact"


def test_m1_reply_to_counts_when_the_author_is_nobody():
    """A form's mail comes from a robot; Reply-To says who wrote."""
    message = f"From: forms@robot.example\nReply-To: {ANN}\nTo: {ME}\n"

    assert judge(message, entry(1, ANN)).hits[0].roles == (Role.REPLY_TO,)
    assert contacts(judge(message, entry(1, ANN), entry(2, "forms@robot.example"))) == [2]


def test_m1_reply_to_counts_when_the_authors_address_has_ended():
    """Only an author who matched makes Reply-To needless."""
    message = f"From: {BOB}\nReply-To: {ANN}\nTo: {ME}\n"

    assert contacts(judge(message, entry(1, ANN), entry(2, BOB, ended=CONNECTED))) == [1]


def test_m1_reply_to_of_outgoing_mail_is_no_candidate():
    """Where staff wants its answers says nothing of a contact."""
    message = f"From: {ME}\nTo: {BOB}\nReply-To: {ANN}\n"

    assert told(judge(message, entry(1, ANN))) == "unmatched:no_contact"


def test_m2_every_hit_has_an_activity():
    """A message to three contacts concerns three."""
    message = f"From: {ME}\nTo: {ANN}\nCc: {BOB}\nBcc: cy@c.example\n"

    decision = judge(message, entry(3, "cy@c.example"), entry(1, ANN), entry(2, BOB))

    assert contacts(decision) == [1, 2, 3]


def test_m2_a_display_name_never_matches():
    """An address in somebody's name is not that somebody's address."""
    message = f'From: "{ANN}" <{BOB}>\nTo: {ME}\n'

    assert told(judge(message, entry(1, ANN))) == "unmatched:no_contact"


@pytest.mark.parametrize(
    ("added", "gate", "outcome"),
    [
        (None, LATER, "matched"),
        (LATER, LATER, "matched"),
        (LATER + 5 * MINUTE, LATER, "matched"),
        (LATER + 5 * MINUTE + 999, LATER, "matched"),
        (LATER + 5 * MINUTE + 1000, LATER, "unmatched:before_address_added"),
        (LATER + DAY, LATER, "unmatched:before_address_added"),
        (None, EARLIER, "matched"),
        (CONNECTED - HOUR, EARLIER, "matched"),
        (CONNECTED + 5 * MINUTE, EARLIER, "matched"),
        (CONNECTED + HOUR, EARLIER, "unmatched:before_address_added"),
        (CONNECTED + HOUR, CONNECTED, "unmatched:before_address_added"),
        (CONNECTED + HOUR, CONNECTED + HOUR, "matched"),
    ],
)
def test_m3_added_at(added, gate, outcome):
    """Live mail needs the address when it came, backfill when the mailbox was connected."""
    assert told(judge(facts(FROM_ANN, gate=gate), entry(1, ANN, added=added))) == outcome


@pytest.mark.parametrize(
    ("ended", "gate", "outcome"),
    [
        (LATER + 1000, LATER, "matched"),
        (LATER + 999, LATER, "unmatched:after_address_ended"),
        (LATER, LATER, "unmatched:after_address_ended"),
        (EARLIER + DAY, EARLIER, "matched"),
        (EARLIER, EARLIER, "unmatched:after_address_ended"),
    ],
)
def test_m3_ended_at(ended, gate, outcome):
    """An ended address matches what came before its end, to the second, live or backfill."""
    assert told(judge(facts(FROM_ANN, gate=gate), entry(1, ANN, ended=ended))) == outcome


def test_m3_any_copy_suffices():
    """A second mailbox, connected later, can bring what the first was too early for."""
    known = entry(1, ANN, added=LATER)
    message = facts(FROM_ANN, gate=EARLIER)
    first = copy(gate=EARLIER)
    second = copy(gate=LATER + HOUR)

    assert told(judge(message, known, copies=[first])) == "unmatched:before_address_added"
    assert contacts(judge(message, known, copies=[first, second])) == [1]


def test_m3_an_auto_created_address_never_reaches_back():
    """Every copy of it, backfill too, needs gate_at >= added_at, and no skew is allowed for."""
    created = entry(1, ANN, added=LATER, created=True)

    assert contacts(judge(facts(FROM_ANN, gate=LATER), created)) == [1]
    assert told(judge(facts(FROM_ANN, gate=LATER - 1000), created)) == (
        "unmatched:before_address_added"
    )
    early = entry(1, ANN, added=EARLIER, created=True)
    assert contacts(judge(facts(FROM_ANN, gate=EARLIER), early)) == [1]
    assert told(judge(facts(FROM_ANN, gate=EARLIER - HOUR), early)) == (
        "unmatched:before_address_added"
    )


def test_m4_a_backfill_that_was_asked_for_counts():
    """match_from opens the past down to its time; the end still holds."""
    asked = entry(1, ANN, added=LATER + DAY, match_from=EARLIER)

    assert contacts(judge(facts(FROM_ANN, gate=EARLIER), asked)) == [1]
    assert told(judge(facts(FROM_ANN, gate=EARLIER - HOUR), asked)) == (
        "unmatched:before_address_added"
    )
    over = entry(1, ANN, added=LATER + DAY, match_from=EARLIER, ended=EARLIER)
    assert told(judge(facts(FROM_ANN, gate=EARLIER), over)) == "unmatched:after_address_ended"


def test_m4_new_address_all_opens_the_whole_past():
    """With new_address = all the time of adding does not matter, unless eisd made the contact."""
    policy = Policy(new_address="all")
    late = entry(1, ANN, added=LATER + DAY)
    made = entry(1, ANN, added=LATER + DAY, created=True)

    assert contacts(judge(FROM_ANN, late, policy=policy)) == [1]
    assert told(judge(FROM_ANN, made, policy=policy)) == "unmatched:before_address_added"


def test_m5_primary_looks_at_primary_addresses_only():
    """With match.addresses = primary a secondary address matches nothing."""
    policy = Policy(match_addresses="primary")
    second = entry(1, ANN, primary=False)

    assert told(judge(FROM_ANN, second, policy=policy)) == "unmatched:no_contact"
    assert contacts(judge(FROM_ANN, second)) == [1]
    assert contacts(judge(FROM_ANN, entry(1, ANN), policy=policy)) == [1]


def test_m6_the_gap_between_two_intervals_does_not_match():
    """Removed and added again: what came in between stays out."""
    first = entry(1, ANN, ended=CONNECTED + DAY)
    again = entry(1, ANN, added=CONNECTED + 3 * DAY)

    def at(days: int) -> str:
        return told(judge(facts(FROM_ANN, gate=CONNECTED + days * DAY), first, again))

    assert [at(0), at(2), at(4)] == ["matched", "unmatched:before_address_added", "matched"]


def test_m7_an_address_that_moved_has_two_owners_in_time():
    """From A to B: the past is A's, the future B's."""
    moved = [entry(1, ANN, ended=LATER), entry(2, ANN, added=LATER)]

    assert contacts(judge(facts(FROM_ANN, gate=LATER - HOUR), *moved)) == [1]
    assert contacts(judge(facts(FROM_ANN, gate=LATER), *moved)) == [2]


def test_m7_the_past_of_an_address_that_moved_is_not_the_new_contacts():
    """Neither clock skew nor the rule for older mail gives it, as it does where nobody had it."""
    soon = CONNECTED + MINUTE
    had, has = entry(1, ANN, ended=soon), entry(2, ANN, added=soon)
    before = facts(FROM_ANN, gate=CONNECTED - DAY)
    just_before = facts(FROM_ANN, gate=soon - 1000)

    assert contacts(judge(before, had, has)) == [1]
    assert contacts(judge(just_before, had, has)) == [1]
    assert contacts(judge(before, has)) == contacts(judge(just_before, has)) == [2]


def test_m8_all_gives_each_an_activity_and_a_flag():
    """An address on two contacts concerns both, marked ambiguous."""
    decision = judge(FROM_ANN, entry(1, ANN), entry(2, ANN))

    assert contacts(decision) == [1, 2]
    assert all(Flag.AMBIGUOUS in hit.flags for hit in decision.hits)


def test_m8_all_marks_only_those_who_share():
    """The flag is the hit's: a contact found by an address of its own is not ambiguous."""
    message = f"From: {ANN}\nTo: {ME}\nCc: {BOB}\n"

    decision = judge(message, entry(1, ANN), entry(2, ANN), entry(3, BOB))

    assert [Flag.AMBIGUOUS in hit.flags for hit in decision.hits] == [True, True, False]


def test_m8_primary_first_takes_one():
    """Who has it as primary; among equals the oldest contact."""
    policy = Policy(shared_address="primary_first")
    second = [entry(1, ANN, primary=False), entry(2, ANN), entry(3, ANN)]

    decision = judge(FROM_ANN, *second, policy=policy)

    assert contacts(decision) == [2]
    assert decision.hits[0].flags == frozenset()


def test_m8_none_takes_nobody():
    """skipped:shared_address, unless only one of the two has it at that time."""
    policy = Policy(shared_address="none")
    ended = entry(2, ANN, ended=CONNECTED)

    assert told(judge(FROM_ANN, entry(1, ANN), entry(2, ANN), policy=policy)) == (
        "skipped:shared_address"
    )
    assert contacts(judge(FROM_ANN, entry(1, ANN), ended, policy=policy)) == [1]


def test_m8_two_intervals_of_one_contact_are_not_shared():
    """An address is shared by contacts, not by intervals."""
    decision = judge(FROM_ANN, entry(1, ANN), entry(1, ANN), policy=Policy(shared_address="none"))

    assert contacts(decision) == [1]


TAGGED = f"From: ann+shop@a.example\nTo: {ME}\n"


@pytest.mark.parametrize(
    ("message", "address"),
    [
        (TAGGED, ANN),
        (FROM_ANN, "ann+crm@a.example"),
        (TAGGED, "ann+crm@a.example"),
        (f"From: a.n.n+x@googlemail.com\nTo: {ME}\n", "ann@gmail.com"),
    ],
)
def test_n6_falls_back_to_the_relaxed_key(message, address):
    """Plus tags and Gmail's dots are looked through on both sides; the hit says so."""
    decision = judge(message, entry(1, address))

    assert contacts(decision) == [1]
    assert decision.hits[0].via is Via.RELAXED


def test_n6_off_compares_exactly():
    """normalize.subaddress = off leaves tags apart."""
    assert told(judge(TAGGED, entry(1, ANN), policy=Policy(subaddress="off"))) == (
        "unmatched:no_contact"
    )


def test_n6_the_exact_key_goes_first():
    """A contact that has the very address leaves nothing to fall back to."""
    decision = judge(TAGGED, entry(1, ANN), entry(2, "ann+shop@a.example"))

    assert contacts(decision) == [2]
    assert decision.hits[0].via is Via.EXACT


def test_n6_an_exact_key_not_yet_added_blocks():
    """A contact has the address, only later: the message is not given to somebody else."""
    late = entry(2, "ann+shop@a.example", added=LATER + DAY)

    assert told(judge(TAGGED, entry(1, ANN), late)) == "unmatched:before_address_added"


def test_n6_an_ended_or_tombstoned_exact_key_does_not_block():
    """What nobody has any more leaves the way to the relaxed key free."""
    ended = entry(2, "ann+shop@a.example", ended=CONNECTED)
    stone = frozenset({key("ann+shop@a.example")})

    assert contacts(judge(TAGGED, entry(1, ANN), ended)) == [1]
    assert contacts(judge(TAGGED, entry(1, ANN), tombstones=stone)) == [1]


def test_n6_must_point_to_exactly_one_contact():
    """Two contacts behind one relaxed key are none; an ended one does not count."""
    one, other = entry(1, ANN), entry(2, "ann+crm@a.example")

    assert told(judge(TAGGED, one, other)) == "unmatched:no_contact"
    assert contacts(judge(TAGGED, one, entry(2, "ann+crm@a.example", ended=CONNECTED))) == [1]
    assert contacts(judge(TAGGED, one, entry(1, "ann+crm@a.example"))) == [1]


def test_n6_asks_for_an_allowed_address():
    """Under the primary policy a secondary address is no target of the fallback."""
    policy = Policy(match_addresses="primary")

    assert told(judge(TAGGED, entry(1, ANN, primary=False), policy=policy)) == (
        "unmatched:no_contact"
    )


@pytest.mark.parametrize(
    "address",
    ["nn@a.example", "xann@a.example", "ann@a.example.org", "ann@xa.example", "ann@b.a.example"],
)
def test_n7_never_a_substring(address):
    """Part of an address, or an address with something around it, is another address."""
    assert told(judge(FROM_ANN, entry(1, address))) == "unmatched:no_contact"


def test_n7_an_entry_under_a_key_that_is_not_its_own_matches_nothing():
    """The book's rows are compared again, whatever key they were found under."""
    stray = [entry(1, "zoe@z.example")]
    known = facts(TAGGED)

    decision = decide(known, [copy()], STAFF, dict.fromkeys(keys_of(known), stray), Policy())

    assert told(decision) == "unmatched:no_contact"


def test_m1_reply_to_waits_for_the_author_in_any_order():
    """Facts whose participants come unsorted are decided alike."""
    known = facts(f"From: {BOB}\nReply-To: {ANN}\nTo: {ME}, cy@c.example\n")
    backwards = known._replace(participants=known.participants[::-1])
    everybody = [entry(1, BOB), entry(2, ANN), entry(1, "cy@c.example", primary=False)]

    assert judge(backwards, *everybody) == judge(known, *everybody)
    assert judge(backwards, *everybody).hits[0].roles == (Role.FROM, Role.TO)


def test_m10_a_tombstone_is_told():
    """A deleted contact's address that nobody has again gives the reason tombstone."""
    assert told(judge(FROM_ANN, tombstones=frozenset({key(ANN)}))) == "unmatched:tombstone"


def test_m12_a_bcc_of_the_senders_copy_matches():
    """Bcc is known from the sent copy, and counts like any recipient."""
    decision = judge(facts(f"From: {ME}\nBcc: {ANN}\n", sent=True), entry(1, ANN))

    assert decision.hits[0].roles == (Role.BCC,)


def test_m15_direction_is_the_messages_whatever_the_folder():
    """Staff's own mail is outgoing though no copy lies in Sent."""
    assert judge(facts(f"From: {ME}\nTo: {ANN}\n")).direction.value == "outgoing"
