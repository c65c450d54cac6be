"""The decision about one message in one workspace.

The order, and why, is told in docs/reference/matching.md: direction and class, then what stops
the whole message (block list, internal, class), then the candidates one by one, then the hits.
Everything here is a function of the merged facts, so nothing depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eisd.matcher import gates
from eisd.matcher.classify import classify
from eisd.matcher.keys import keys_of
from eisd.matcher.lookup import FURTHEST, Entries, Way, look_up, standing
from eisd.matcher.policy import Policy
from eisd.matcher.staff import direction_of, is_staff
from eisd.model.activity import Direction, Flag, MessageClass, Outcome, OutcomeReason, Via
from eisd.model.facts import (
    Candidate,
    CopyFacts,
    Decision,
    Facts,
    Hit,
    KeyHash,
    Mark,
    Participant,
    Staff,
)
from eisd.model.mail import Role, Signal

__all__ = ["decide", "direction_of", "keys_of", "same_message"]

_DAY: Final = 86_400
_STRENGTH: Final = {role: rank for rank, role in enumerate(Role)}
_BLOCKED: Final = int(Mark.BLOCKED)
_RECIPIENT: Final = int(Mark.RECIPIENT)
_VERIFIED: Final = int(Signal.VERIFIED)
_AMBIGUOUS_FROM: Final = int(Signal.AMBIGUOUS_FROM)
_NO_FLAGS: Final[frozenset[Flag]] = frozenset()
_UNMATCHED: Final = frozenset(
    {
        OutcomeReason.NO_CONTACT,
        OutcomeReason.TOMBSTONE,
        OutcomeReason.AFTER_ADDRESS_ENDED,
        OutcomeReason.BEFORE_ADDRESS_ADDED,
    }
)


def decide(
    facts: Facts,
    copies: Sequence[CopyFacts],
    staff: Staff,
    entries: Entries,
    policy: Policy,
    *,
    parent_by_staff: bool = False,
    tombstones: frozenset[KeyHash] = frozenset(),
    explain: bool = False,
) -> Decision:
    """Say which contacts of a workspace a message concerns, or why none.

    ``copies`` are all known copies in mailboxes that feed the workspace. ``entries`` is what the
    contact book holds under `keys_of` (more does no harm). ``parent_by_staff``: the message
    answers one that S wrote (G4). With ``explain`` every participant's way is told.
    """
    direction = direction_of(facts, staff)
    kind = classify(facts, direction, policy)
    is_direct = kind is MessageClass.LIST and gates.direct(
        facts, staff, parent_by_staff=parent_by_staff
    )
    if gates.blocked(facts, staff, direction):
        reason = OutcomeReason.BLOCKLISTED
    elif gates.internal(facts, copies, staff, direction, policy):
        reason = OutcomeReason.INTERNAL
    else:
        reason = gates.unwanted(kind, policy, is_direct=is_direct)
    ways: list[Way] = []
    if explain or (
        reason is OutcomeReason.NONE and _any_known(facts.participants, entries, tombstones)
    ):
        ways = _ways(facts, direction, copies, staff, entries, policy, tombstones)
    flags = _flags(facts, direction, kind, is_direct=is_direct)
    hits: tuple[Hit, ...] = ()
    if reason is OutcomeReason.NONE:
        hits = _hits(ways, flags)
        reason = OutcomeReason.NONE if hits else _reason(ways)
    return Decision(
        _outcome(reason),
        reason,
        direction,
        kind,
        flags,
        hits,
        tuple(_candidate(way) for way in ways) if explain else (),
        _notes(facts, direction, policy),
    )


def _any_known(
    participants: Sequence[Participant], entries: Entries, tombstones: frozenset[KeyHash]
) -> bool:
    """Say whether the book knows any key of a message; of most mail it knows none."""
    if not entries and not tombstones:
        return False
    return any(
        one.exact in entries or one.relaxed in entries or one.exact in tombstones
        for one in participants
    )


def _ways(
    facts: Facts,
    direction: Direction,
    copies: Sequence[CopyFacts],
    staff: Staff,
    entries: Entries,
    policy: Policy,
    tombstones: frozenset[KeyHash],
) -> list[Way]:
    """Follow every participant; Reply-To last, for it may depend on the author's way (M1)."""
    ways: list[Way] = []
    author_matched = False
    for one in sorted(facts.participants, key=_by_strength):
        if is_staff(one, staff):
            way = _barred(one, OutcomeReason.STAFF_ADDRESS, "S2", copies, entries, policy)
        elif int(one.marks) & _BLOCKED:
            way = _barred(one, OutcomeReason.BLOCKLISTED, "M13", copies, entries, policy)
        elif one.role not in policy.match_roles or (
            one.role is Role.REPLY_TO and (author_matched or direction is Direction.OUTGOING)
        ):
            way = Way(one, OutcomeReason.NO_CONTACT, "M1", verdict="role")
        else:
            way = look_up(one, copies, entries, policy, tombstones)
        author_matched = author_matched or (bool(way.contacts) and one.exact == facts.author)
        ways.append(way)
    return ways


def _by_strength(one: Participant) -> tuple[int, KeyHash]:
    """Order as Facts does: by role, strongest first, then by key."""
    return _STRENGTH[one.role], one.exact


def _barred(
    one: Participant,
    reason: OutcomeReason,
    rule: str,
    copies: Sequence[CopyFacts],
    entries: Entries,
    policy: Policy,
) -> Way:
    """Give the way of an address that may not match: a reason only if a contact bears it."""
    borne = any(
        entry.exact == one.exact and standing(entry, copies, policy) is OutcomeReason.NONE
        for entry in entries.get(one.exact, ())
    )
    return Way(one, reason if borne else OutcomeReason.NO_CONTACT, rule, verdict=reason.value)


def _hits(ways: Sequence[Way], flags: frozenset[Flag]) -> tuple[Hit, ...]:
    """Gather the ways by contact: the roles by strength, exact before relaxed."""
    led: dict[int, list[Way]] = {}
    for way in ways:
        for contact in way.contacts:
            led.setdefault(contact, []).append(way)
    return tuple(_hit(contact, led[contact], flags) for contact in sorted(led))


def _hit(contact: int, ways: Sequence[Way], flags: frozenset[Flag]) -> Hit:
    """Make one contact's hit of the participants that led to it."""
    exact = any(way.via is Via.EXACT for way in ways)
    shared = any(len(way.contacts) > 1 for way in ways)
    return Hit(
        contact=contact,
        roles=tuple(dict.fromkeys(way.participant.role for way in ways)),
        via=Via.EXACT if exact else Via.RELAXED,
        flags=flags | {Flag.AMBIGUOUS} if shared else flags,
        participants=tuple(way.participant.exact for way in ways),
    )


def _reason(ways: Sequence[Way]) -> OutcomeReason:
    """Give the reason of the candidate that came furthest (O2)."""
    return max(
        (way.reason for way in ways),
        key=FURTHEST.__getitem__,
        default=OutcomeReason.NO_CONTACT,
    )


def _outcome(reason: OutcomeReason) -> Outcome:
    """Give the outcome that goes with a reason of the matcher (O1)."""
    if reason is OutcomeReason.NONE:
        return Outcome.MATCHED
    return Outcome.UNMATCHED if reason in _UNMATCHED else Outcome.SKIPPED


def _flags(
    facts: Facts, direction: Direction, kind: MessageClass, *, is_direct: bool
) -> frozenset[Flag]:
    """Give the flags that every activity of the message bears."""
    bits = int(facts.signals)
    flags: list[Flag] = []
    if bits & _AMBIGUOUS_FROM:
        flags.append(Flag.AMBIGUOUS_FROM)
    if direction is Direction.OUTGOING and not bits & _VERIFIED:
        flags.append(Flag.UNVERIFIED)
    if is_direct:
        flags.append(Flag.DIRECT)
    if kind is MessageClass.AUTO_REPLY or kind is MessageClass.AUTO_GENERATED:
        flags.append(Flag.AUTO)
    return frozenset(flags) if flags else _NO_FLAGS


def _notes(facts: Facts, direction: Direction, policy: Policy) -> tuple[str, ...]:
    """Say what keeps the message from creating contacts (O2): notes, not outcomes."""
    notes: list[str] = []
    if direction is Direction.OUTGOING and not int(facts.signals) & _VERIFIED:
        notes.append("unverified_outgoing")
    most = policy.create_max_recipients
    if policy.create_policy != "none" and len(facts.participants) > most:
        recipients = sum(1 for one in facts.participants if int(one.marks) & _RECIPIENT)
        if recipients > most:
            notes.append("too_many_recipients")
    return tuple(notes)


def _candidate(way: Way) -> Candidate:
    """Tell one way to explain."""
    return Candidate(way.participant, way.word, way.rule, way.contacts)


def same_message(a: Facts, b: Facts) -> bool:
    """Say whether two copies with one Message-ID are one message (I2).

    They are not if the authors differ and the dates are over 24 h apart (a missing date is no
    evidence), or if authors and subjects both differ.
    """
    if a.author == b.author:
        return True
    apart = a.date is not None and b.date is not None and abs(a.date - b.date) > _DAY
    return not apart and a.subject_key == b.subject_key
