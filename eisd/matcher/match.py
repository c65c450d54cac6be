"""The decision about one message in one workspace.

The order, and why, is told in docs/reference/matching.md: direction and class, then what stops
the whole message (block list, internal, class), then the candidates one by one, then the hits.
Everything here is a function of the merged facts, so nothing depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
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
_TOLD: Final = _VERIFIED | _AMBIGUOUS_FROM
"""The signals that a decision repeats as flags."""
# Bound once: reading a member off its class is a slow look-up before Python 3.12.
_NONE: Final = OutcomeReason.NONE
_NO_CONTACT: Final = OutcomeReason.NO_CONTACT
_STAFF: Final = OutcomeReason.STAFF_ADDRESS
_BLOCKLISTED: Final = OutcomeReason.BLOCKLISTED
_INTERNAL: Final = OutcomeReason.INTERNAL
_MATCHED: Final = Outcome.MATCHED
_OUTGOING: Final = Direction.OUTGOING
_EXACT: Final = Via.EXACT
_RELAXED: Final = Via.RELAXED
_REPLY_TO: Final = Role.REPLY_TO
_LIST: Final = MessageClass.LIST
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
    is_direct = kind is _LIST and gates.direct(facts, staff, parent_by_staff=parent_by_staff)
    if gates.blocked(facts, staff, direction):
        reason = _BLOCKLISTED
    elif gates.internal(facts, copies, staff, direction, policy):
        reason = _INTERNAL
    else:
        reason = gates.unwanted(kind, policy, is_direct=is_direct)
    ways: Sequence[Way] = ()
    if explain or (reason is _NONE and _any_known(facts.participants, entries, tombstones)):
        ways = _ways(facts, direction, copies, staff, entries, policy, tombstones)
    plain = _plain(
        _reason(ways) if reason is _NONE else reason,
        direction,
        kind,
        int(facts.signals) & _TOLD,
        is_direct=is_direct,
        crowded=_crowded(facts, policy),
    )
    hits = _hits(ways, plain.flags) if reason is _NONE and ways else ()
    if not hits and not explain:
        return plain
    return Decision(
        outcome=_MATCHED if hits else plain.outcome,
        reason=_NONE if hits else plain.reason,
        direction=direction,
        kind=kind,
        flags=plain.flags,
        hits=hits,
        candidates=tuple(map(_candidate, ways)) if explain else (),
        notes=plain.notes,
    )


@lru_cache(1 << 10)
def _plain(
    reason: OutcomeReason,
    direction: Direction,
    kind: MessageClass,
    bits: int,
    *,
    is_direct: bool,
    crowded: bool,
) -> Decision:
    """Make a decision without hits; most mail shares a few of them."""
    unverified = direction is Direction.OUTGOING and not bits & _VERIFIED
    automatic = kind is MessageClass.AUTO_REPLY or kind is MessageClass.AUTO_GENERATED
    flags = {
        Flag.AMBIGUOUS_FROM: bool(bits & _AMBIGUOUS_FROM),
        Flag.UNVERIFIED: unverified,
        Flag.DIRECT: is_direct,
        Flag.AUTO: automatic,
    }
    notes = {"unverified_outgoing": unverified, "too_many_recipients": crowded}
    return Decision(
        outcome=Outcome.UNMATCHED if reason in _UNMATCHED else Outcome.SKIPPED,
        reason=reason,
        direction=direction,
        kind=kind,
        flags=frozenset(flag for flag, holds in flags.items() if holds),
        notes=tuple(note for note, holds in notes.items() if holds),
    )


def _crowded(facts: Facts, policy: Policy) -> bool:
    """Say whether a message has more recipients than one that creates contacts may have (C1)."""
    most = policy.create_max_recipients
    if policy.create_policy == "none" or len(facts.participants) <= most:
        return False
    return sum(1 for one in facts.participants if int(one.marks) & _RECIPIENT) > most


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
            way = _barred(one, _STAFF, "S2", copies, entries, policy)
        elif int(one.marks) & _BLOCKED:
            way = _barred(one, _BLOCKLISTED, "M13", copies, entries, policy)
        elif one.role not in policy.match_roles or (
            one.role is _REPLY_TO and (author_matched or direction is _OUTGOING)
        ):
            way = Way(one, _NO_CONTACT, "M1", verdict="role")
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
    held = entries.get(one.exact)
    borne = held is not None and any(
        entry.exact == one.exact and standing(entry, copies, policy) is _NONE for entry in held
    )
    return Way(one, reason if borne else _NO_CONTACT, rule, verdict=reason)


def _hits(ways: Sequence[Way], flags: frozenset[Flag]) -> tuple[Hit, ...]:
    """Gather the ways by contact: the roles by strength, exact before relaxed."""
    led: dict[int, list[Way]] = {}
    for way in ways:
        for contact in way.contacts:
            led.setdefault(contact, []).append(way)
    return tuple(_hit(contact, led[contact], flags) for contact in sorted(led))


def _hit(contact: int, ways: Sequence[Way], flags: frozenset[Flag]) -> Hit:
    """Make one contact's hit of the participants that led to it."""
    exact = _EXACT in [way.via for way in ways]
    shared = max([len(way.contacts) for way in ways]) > 1
    return Hit(
        contact=contact,
        roles=tuple(dict.fromkeys([way.participant.role for way in ways])),
        via=_EXACT if exact else _RELAXED,
        flags=flags | {Flag.AMBIGUOUS} if shared else flags,
        participants=tuple([way.participant.exact for way in ways]),
    )


def _reason(ways: Sequence[Way]) -> OutcomeReason:
    """Give the reason of the candidate that came furthest (O2)."""
    reasons = [way.reason for way in ways if not way.contacts]
    return max(reasons, key=FURTHEST.__getitem__) if reasons else _NO_CONTACT


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
