"""From one participant to the contacts it stands for: M2, M3, M5, M8 and N6."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from eisd.matcher.policy import Policy
from eisd.model.activity import OutcomeReason, Via
from eisd.model.facts import AddressEntry, CopyFacts, KeyHash, Participant

Entries = Mapping[KeyHash, Sequence[AddressEntry]]

# Bound once: reading a member off its class is a slow look-up before Python 3.12.
_NONE: Final = OutcomeReason.NONE
_NO_CONTACT: Final = OutcomeReason.NO_CONTACT
_BEFORE: Final = OutcomeReason.BEFORE_ADDRESS_ADDED
_AFTER: Final = OutcomeReason.AFTER_ADDRESS_ENDED
_TOMBSTONE: Final = OutcomeReason.TOMBSTONE
_EXACT: Final = Via.EXACT
_RELAXED: Final = Via.RELAXED

_SECOND: Final = 1000
_SKEW: Final = 300 * _SECOND
"""How far clocks may differ where a time of ours meets a provider's (M3), milliseconds."""

_ALWAYS: Final = ((None, None),)
_NEVER: Final = 1 << 62
"""Later than any time."""

FURTHEST: Final = {
    reason: rank
    for rank, reason in enumerate(
        (
            OutcomeReason.NO_CONTACT,
            OutcomeReason.BLOCKLISTED,
            OutcomeReason.STAFF_ADDRESS,
            OutcomeReason.TOMBSTONE,
            OutcomeReason.AFTER_ADDRESS_ENDED,
            OutcomeReason.BEFORE_ADDRESS_ADDED,
            OutcomeReason.SHARED_ADDRESS,
        )
    )
}
"""How far a candidate came that gave no contact (O2), least first."""


class Way(NamedTuple):
    """One participant's way through the rules: to contacts, or to the reason for none."""

    participant: Participant
    reason: OutcomeReason
    """NONE when it led to contacts."""
    rule: str
    contacts: tuple[int, ...] = ()
    via: Via = _EXACT
    verdict: str = ""
    """A word of its own for explain, where the reason does not say it."""

    @property
    def word(self) -> str:
        """The verdict as explain tells it."""
        return self.verdict or ("matched" if self.contacts else self.reason.value)


def look_up(
    participant: Participant,
    copies: Sequence[CopyFacts],
    entries: Entries,
    policy: Policy,
    tombstones: frozenset[KeyHash] = frozenset(),
) -> Way:
    """Find the contacts of one address: by exact key, else (N6) by relaxed key."""
    exact = participant.exact
    borne = entries.get(exact)
    if borne:
        held = [entry for entry in borne if entry.exact == exact]
        way, current = _by_exact(participant, held, copies, policy)
    else:  # nobody's
        way, current = Way(participant, _NO_CONTACT, "M2"), False
    if (
        not (current or way.contacts)
        and policy.subaddress == "fallback"
        and participant.relaxed in entries
    ):
        way = further(way, _by_relaxed(participant, copies, entries, policy))
    if exact in tombstones:
        way = further(way, Way(participant, _TOMBSTONE, "M10"))
    return way


def _by_exact(
    participant: Participant,
    held: Sequence[AddressEntry],
    copies: Sequence[CopyFacts],
    policy: Policy,
) -> tuple[Way, bool]:
    """Find contacts by exact key; also say whether a contact has it now, which stops N6."""
    way = Way(participant, _NO_CONTACT, "M2")
    valid: list[AddressEntry] = []
    standings = [standing(entry, copies, policy, held) for entry in held]
    current = standings.count(_AFTER) < len(standings)
    allowed = _allowed(held, policy)
    if allowed is not held:
        standings = [standing(entry, copies, policy, allowed) for entry in allowed]
    for entry, reason in zip(allowed, standings, strict=True):
        if reason is _NONE:
            valid.append(entry)
        else:
            way = further(way, Way(participant, reason, "M3"))
    if held and not allowed:
        way = Way(participant, _NO_CONTACT, "M5")
    return (_shared(participant, valid, policy) if valid else way), current


def _by_relaxed(
    participant: Participant, copies: Sequence[CopyFacts], entries: Entries, policy: Policy
) -> Way:
    """Find the one contact that the relaxed key points to."""
    way = Way(participant, _NO_CONTACT, "M2")
    contacts: set[int] = set()
    held = [e for e in entries.get(participant.relaxed, ()) if e.relaxed == participant.relaxed]
    allowed = _allowed(held, policy)
    for entry in allowed:
        reason = standing(entry, copies, policy, allowed)
        if reason is _NONE:
            contacts.add(entry.contact)
        else:
            way = further(way, Way(participant, reason, "M3"))
    if len(contacts) == 1:
        return Way(participant, _NONE, "N6", tuple(contacts), _RELAXED)
    if contacts:
        return Way(participant, _NO_CONTACT, "N6")
    return way


def _allowed(entries: Sequence[AddressEntry], policy: Policy) -> Sequence[AddressEntry]:
    """Apply match.addresses (M2): all intervals, or the times at which they were primary (M5)."""
    if policy.match_addresses == "all":
        return entries
    return [
        entry._replace(
            added_at=since if since is not None else entry.added_at,
            ended_at=until if entry.ended_at is None else min(entry.ended_at, until or _NEVER),
        )
        for entry in entries
        for since, until in entry.primary_times or (_ALWAYS if entry.primary else ())
    ]


def _shared(participant: Participant, valid: Sequence[AddressEntry], policy: Policy) -> Way:
    """Choose among the contacts that have an address (M8)."""
    contacts = sorted({entry.contact for entry in valid})
    if len(contacts) == 1:
        return Way(participant, _NONE, "M2", tuple(contacts))
    if policy.shared_address == "none":
        return Way(participant, OutcomeReason.SHARED_ADDRESS, "M8")
    if policy.shared_address == "primary_first":
        first = min(valid, key=lambda entry: (not entry.primary, entry.contact))
        contacts = [first.contact]
    return Way(participant, _NONE, "M8", tuple(contacts))


def standing(
    entry: AddressEntry,
    copies: Iterable[CopyFacts],
    policy: Policy,
    among: Sequence[AddressEntry] = (),
) -> OutcomeReason:
    """Say NONE if some copy falls into the interval of an address (M3), else why none does.

    ``among`` are all intervals under the same key: between two of one contact is a gap (M6).
    """
    best = _AFTER
    for copy in copies:
        if entry.ended_at is not None and copy.gate_at >= _floor(entry.ended_at):
            continue
        if _known(entry, copy, policy, among) and not _in_gap(entry, copy.gate_at, among):
            return _NONE
        best = _BEFORE
    return best


def _in_gap(entry: AddressEntry, gate_at: int, among: Sequence[AddressEntry]) -> bool:
    """Say whether a time lies between the end of an earlier interval and this one's beginning."""
    if entry.added_at is None or len(among) < 2 or gate_at >= _floor(entry.added_at):  # noqa: PLR2004
        return False
    return any(
        other.ended_at is not None
        and (other.contact, other.exact) == (entry.contact, entry.exact)
        and _floor(other.ended_at) <= gate_at
        and other.ended_at <= (entry.added_at or 0)
        for other in among
    )


def _anothers(entry: AddressEntry, gate_at: int, among: Sequence[AddressEntry]) -> bool:
    """Say whether another contact, from whom the address moved here, still had it (M7)."""
    return any(
        other.ended_at is not None
        and gate_at < _floor(other.ended_at) <= _floor(entry.added_at or 0)
        and other.contact != entry.contact
        and other.exact == entry.exact
        for other in among
    )


def _known(
    entry: AddressEntry, copy: CopyFacts, policy: Policy, among: Sequence[AddressEntry]
) -> bool:
    """Say whether the address counts as known already when the copy was received."""
    if entry.match_from is not None and copy.gate_at >= _floor(entry.match_from):
        return True
    if entry.added_at is None:
        return True
    added_at = _floor(entry.added_at)
    if entry.created:  # added_at is itself a provider's time: no skew to allow for
        return copy.gate_at >= added_at
    if policy.new_address != "from_added":  # what is on record is within the window (F5)
        return True
    if len(among) > 1 and _anothers(entry, copy.gate_at, among):
        return False
    live = copy.gate_at >= _floor(copy.connected_at)
    return added_at - _SKEW <= (copy.gate_at if live else copy.connected_at)


def _floor(milliseconds: int) -> int:
    """Floor to the second: providers' receive times have no more."""
    return milliseconds - milliseconds % _SECOND


def further(a: Way, b: Way) -> Way:
    """Give the one that came further; the first of equals, except that any rule beats plain M2."""
    if a.contacts or b.contacts:
        return a if a.contacts else b
    if FURTHEST[a.reason] == FURTHEST[b.reason]:
        return b if a.rule == "M2" else a
    return a if FURTHEST[a.reason] > FURTHEST[b.reason] else b
