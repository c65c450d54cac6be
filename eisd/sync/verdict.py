"""What the copies of one message amount to, workspace by workspace (O4, M15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eisd.matcher.codec import unpack
from eisd.matcher.gates import direct
from eisd.matcher.match import decide, keys_of
from eisd.matcher.staff import direction_of
from eisd.model.activity import OUTCOME_RANK, Direction, Outcome, OutcomeReason
from eisd.model.facts import CopyFacts, Decision, Facts, Staff
from eisd.model.mail import Signal
from eisd.model.mailbox import Box, SyncMode
from eisd.store import contacts, copies, mailboxes
from eisd.store.sql import Connection
from eisd.sync.rules import Rules

_LIST = int(Signal.LIST)
NOBODY = Staff(frozenset(), frozenset())


class Sight(NamedTuple):
    """One copy as a verdict sees it."""

    mailbox: int
    gate_at: int
    box: Box
    live: bool


@dataclass(slots=True)
class Book:
    """Who is who, as the connection at hand has it: staff, feeds, and the contacts' filter."""

    db: Connection
    staff: Mapping[str, Staff]
    feeds: Mapping[int, Mapping[str, int]]
    filter: contacts.Filter | None
    """None: ask the rows at once (for a single message it is not worth building)."""

    @classmethod
    def read(cls, db: Connection, *, with_filter: bool = False) -> Book:
        """Load it from the database."""
        return cls(
            db,
            mailboxes.staff(db),
            mailboxes.feeds(db),
            contacts.load_filter(db) if with_filter else None,
        )

    def may_know(self, facts: Facts) -> bool:
        """Whether one of the addresses may be a contact's."""
        return self.filter is None or self.filter.any(keys_of(facts))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Decisions by workspace, and what they make of each copy, in the order given."""

    decisions: Mapping[str, Decision]
    outcomes: Sequence[tuple[Outcome, OutcomeReason]]
    matched: bool = field(default=False)


_DIRECTION = (Outcome.SKIPPED, OutcomeReason.DIRECTION)


def judge(
    rules: Rules,
    book: Book,
    facts: Facts,
    sights: Sequence[Sight],
    *,
    known: bool = True,
    explain: bool = False,
) -> Verdict:
    """Decide one message for every workspace its copies feed.

    ``known`` False says that no address can be a contact's, so the rows need not be asked.
    """
    best: list[tuple[Outcome, OutcomeReason] | None] = [None] * len(sights)
    decisions: dict[str, Decision] = {}
    for workspace in _workspaces(book, sights):
        staff = book.staff.get(workspace, NOBODY)
        direction = direction_of(facts, staff)
        eligible = [
            at
            for at, sight in enumerate(sights)
            if workspace in book.feeds.get(sight.mailbox, ())
            and _takes(rules.of(sight.mailbox).mode, direction)
        ]
        if not eligible:
            continue
        entries = contacts.entries(book.db, workspace, keys_of(facts)) if known else {}
        decision = decide(
            facts,
            [_copy(rules, book, workspace, sights[at]) for at in eligible],
            staff,
            entries,
            rules.policy,
            parent_by_staff=_parent_by_staff(book.db, facts, staff),
            explain=explain,
        )
        decisions[workspace] = decision
        for at in eligible:
            best[at] = _better(best[at], (decision.outcome, decision.reason))
    return Verdict(
        decisions,
        [outcome or _DIRECTION for outcome in best],
        any(d.outcome is Outcome.MATCHED for d in decisions.values()),
    )


def _workspaces(book: Book, sights: Sequence[Sight]) -> list[str]:
    if len(sights) == 1:
        return sorted(book.feeds.get(sights[0].mailbox, ()))
    return sorted({w for sight in sights for w in book.feeds.get(sight.mailbox, ())})


def _takes(mode: SyncMode, direction: Direction) -> bool:
    """Whether a mailbox records mail of that direction (M15)."""
    if mode is SyncMode.TWO_WAY:
        return True
    return mode.value == direction.value


def _copy(rules: Rules, book: Book, workspace: str, sight: Sight) -> CopyFacts:
    own = rules.of(sight.mailbox)
    return CopyFacts(
        mailbox=sight.mailbox,
        mailbox_key=own.key,
        aliases=own.aliases,
        gate_at=sight.gate_at,
        connected_at=book.feeds[sight.mailbox][workspace],
        box=sight.box,
        live=sight.live,
    )


def _better(
    one: tuple[Outcome, OutcomeReason] | None, other: tuple[Outcome, OutcomeReason]
) -> tuple[Outcome, OutcomeReason]:
    if one is None or OUTCOME_RANK[other[0]] < OUTCOME_RANK[one[0]]:
        return other
    return one


def _parent_by_staff(db: Connection, facts: Facts, staff: Staff) -> bool:
    """Whether a list message answers what staff wrote (G4); asked for list mail alone."""
    if not (facts.parents and int(facts.signals) & _LIST) or direct(
        facts, staff, parent_by_staff=False
    ):
        return False
    prefix = facts.parents[0].to_bytes(8, "big")
    return any(
        direction_of(unpack(id_key, gate_at, packed), staff) is Direction.OUTGOING
        for id_key, gate_at, packed in copies.facts_by_prefix(db, prefix)
    )
