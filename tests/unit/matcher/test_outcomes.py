"""O1 and O2: outcomes, reasons, and which of several reasons is told."""

from __future__ import annotations

from unit.matcher.world import (
    CONNECTED,
    DAY,
    LATER,
    ME,
    STAFF,
    Block,
    contacts,
    entry,
    facts,
    judge,
    key,
    told,
)

from eisd.matcher.policy import Policy
from eisd.model.activity import Direction, MessageClass, Outcome, OutcomeReason
from eisd.model.facts import Staff
from eisd.model.mail import Role

ANN, BOB, CY = "ann@a.example", "bob@b.example", "cy@c.example"


def test_o1_matched_has_no_reason():
    """A message of a contact is matched, and matched needs no reason."""
    decision = judge(f"From: {ANN}\nTo: {ME}\n", entry(1, ANN))

    assert decision.outcome is Outcome.MATCHED
    assert decision.reason is OutcomeReason.NONE
    assert decision.direction is Direction.INCOMING
    assert decision.kind is MessageClass.PERSONAL


def test_o1_a_stranger_is_unmatched_no_contact():
    """Mail that shows no known address is unmatched:no_contact."""
    assert told(judge(f"From: {ANN}\nTo: {ME}\n")) == "unmatched:no_contact"
    assert told(judge(f"From: {ANN}\nTo: {ME}\n", entry(1, BOB))) == "unmatched:no_contact"


def test_o1_a_message_without_any_address_is_decided():
    """Headers that name nobody still end in an outcome."""
    assert told(judge("Subject: hello\n", entry(1, ANN))) == "unmatched:no_contact"


def test_o2_the_reason_is_that_of_the_candidate_that_came_furthest():
    """Of several candidates without an activity the one nearest to it gives the reason."""
    ended = entry(1, ANN, ended=CONNECTED)
    late = entry(2, BOB, added=LATER + DAY)
    message = f"From: {CY}\nTo: {ANN}, {BOB}\n"

    assert told(judge(message, ended)) == "unmatched:after_address_ended"
    assert told(judge(message, ended, late)) == "unmatched:before_address_added"
    assert told(judge(message, ended, tombstones=frozenset({key(CY)}))) == (
        "unmatched:after_address_ended"
    )
    assert told(judge(message, tombstones=frozenset({key(CY)}))) == "unmatched:tombstone"


def test_o2_one_hit_is_enough_whatever_the_others_lack():
    """A message is matched if one candidate matches, though others have ended or are unknown."""
    decision = judge(
        f"From: {CY}\nTo: {ANN}, {BOB}\n", entry(1, ANN, ended=CONNECTED), entry(2, BOB)
    )

    assert contacts(decision) == [2]


def test_o2_a_shared_address_came_further_than_an_ended_one():
    """skipped:shared_address beats every unmatched reason: the address was valid."""
    decision = judge(
        f"From: {ANN}\nTo: {BOB}\n",
        entry(1, ANN),
        entry(2, ANN),
        entry(3, BOB, added=LATER + DAY),
        policy=Policy(shared_address="none"),
    )

    assert told(decision) == "skipped:shared_address"


def test_o2_notes_are_no_outcomes():
    """What keeps a message from creating contacts is a note; the outcome stays."""
    crowd = ", ".join(f"p{n}@crowd.example" for n in range(25))
    message = f"From: {ME}\nTo: {crowd}\n"

    decision = judge(message, policy=Policy(create_policy="sent"))

    assert decision.notes == ("unverified_outgoing", "too_many_recipients")
    assert told(decision) == "unmatched:no_contact"
    assert judge(facts(message, sent=True)).notes == ()


def test_o5_explain_tells_the_way_of_every_participant():
    """With explain every participant has a verdict and the rule that decided it."""
    decision = judge(
        facts(f"From: {ANN}\nTo: {ME}\nCc: {BOB}, {CY}\n", blocks=[Block(CY)]),
        entry(1, ANN),
        entry(2, BOB, added=LATER + DAY),
        explain=True,
    )

    ways = {one.participant.exact: (one.verdict, one.rule) for one in decision.candidates}
    assert ways == {
        key(ANN): ("matched", "M2"),
        key(ME): ("staff_address", "S2"),
        key(BOB): ("before_address_added", "M3"),
        key(CY): ("blocklisted", "M13"),
    }


def test_o5_explain_of_a_skipped_message_tells_who_would_have_matched():
    """A message that its class stops is still told with its candidates, and without hits."""
    decision = judge(f"From: {ANN}\nTo: {ME}\nPrecedence: bulk\n", entry(1, ANN), explain=True)

    assert told(decision) == "skipped:bulk"
    assert decision.hits == ()
    assert decision.candidates[0].contacts == (1,)


def test_explain_changes_nothing_but_the_candidates():
    """Asking for an explanation gives the same decision."""
    for text in (
        f"From: {ANN}\nTo: {ME}\n",
        f"From: {CY}\nTo: {ME}\n",
        f"From: {ANN}\nTo: {ME}\nPrecedence: bulk\n",
        f"From: {ME}\nTo: you@ours.example\n",
    ):
        plain = judge(text, entry(1, ANN))
        full = judge(text, entry(1, ANN), explain=True)

        assert (plain.outcome, plain.reason, plain.hits, plain.flags) == (
            full.outcome,
            full.reason,
            full.hits,
            full.flags,
        )


def test_the_order_block_list_then_internal_then_class():
    """What stops a message is asked in the documented order; the first gives the reason."""
    everything = "To: me@ours.example\nPrecedence: bulk\n"
    blocked = facts(f"From: {ANN}\n{everything}", blocks=[Block("@a.example")])
    other_staff = Policy(internal_mode="any_staff")
    text = f"From: {ANN}\nCc: you@ours.example\n{everything}"

    assert told(judge(blocked, policy=other_staff)) == "skipped:blocklisted"
    assert told(judge(text, policy=other_staff)) == "skipped:internal"
    assert told(judge(text)) == "skipped:bulk"


def test_a_hit_names_its_roles_and_participants():
    """A contact met twice has one hit with both roles, the strongest first."""
    decision = judge(
        f"From: {ANN}\nTo: {ME}\nCc: {BOB}\n", entry(7, BOB), entry(7, ANN, primary=False)
    )

    (hit,) = decision.hits
    assert hit.roles == (Role.FROM, Role.CC)
    assert hit.participants == (key(ANN), key(BOB))


def test_the_staff_of_one_workspace_is_nothing_to_another():
    """decide() is asked once a workspace, and only its own S counts (Z1)."""
    message = f"From: {ME}\nTo: {ANN}\n"
    nobody = Staff(frozenset(), frozenset())

    assert judge(message, entry(1, ANN), staff=STAFF).direction is Direction.OUTGOING
    assert judge(message, entry(1, ANN), staff=nobody).direction is Direction.INCOMING
