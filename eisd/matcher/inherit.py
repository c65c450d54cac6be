"""A message that nobody's address explains, but that answers somebody's thread (M11)."""

from __future__ import annotations

from typing import Final

from eisd.matcher.policy import Policy
from eisd.matcher.staff import is_staff
from eisd.model.activity import Direction, Outcome, OutcomeReason, Via
from eisd.model.facts import Candidate, Decision, Facts, Hit, Mark, Participant, Staff
from eisd.model.mail import Role

_HEIRLESS: Final = frozenset(
    {
        OutcomeReason.NO_CONTACT,
        OutcomeReason.AFTER_ADDRESS_ENDED,
        OutcomeReason.BEFORE_ADDRESS_ADDED,
    }
)
"""A tombstone is not among them: whom somebody deleted comes back by no way."""


def may_inherit(decision: Decision, facts: Facts, policy: Policy) -> bool:
    """Say whether a thread is to be asked for a contact."""
    return (
        policy.thread_inherit == "single_contact"
        and bool(facts.parents)
        and decision.reason in _HEIRLESS
    )


def inherit(decision: Decision, facts: Facts, staff: Staff, contact: int) -> Decision:
    """Give the message to the one contact of its thread.

    The hit names the participants whose addresses may be new ones of that contact: a suggestion
    for people, which `eisd explain` shows and nothing stores.
    """
    suggested = _suggested(facts, staff, decision.direction)
    hit = Hit(
        contact=contact,
        roles=tuple(dict.fromkeys(one.role for one in suggested)) or (Role.FROM,),
        via=Via.THREAD,
        flags=decision.flags,
        participants=tuple(one.exact for one in suggested),
    )
    told = tuple(
        Candidate(one.participant, "matched", "M11", (contact,))
        if one.participant.exact in hit.participants
        else one
        for one in decision.candidates
    )
    return decision._replace(
        outcome=Outcome.MATCHED,
        reason=OutcomeReason.NONE,
        hits=(hit,),
        candidates=told,
    )


def _suggested(facts: Facts, staff: Staff, direction: Direction) -> list[Participant]:
    """The outsiders who take part: the author of received mail, the recipients of sent mail."""
    outsiders = [one for one in facts.participants if not is_staff(one, staff)]
    if direction is Direction.INCOMING:
        return [one for one in outsiders if one.exact == facts.author]
    return [one for one in outsiders if int(one.marks) & int(Mark.RECIPIENT)]
