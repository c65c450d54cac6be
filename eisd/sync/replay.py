"""Replaying: what today's policy makes of what is stored, told first and then done.

`compare` only reads, and decides by the code that settles; what it tells is what settling will do.
Settling takes nothing away that is on record, so a policy that has become stricter is told as what
it would no longer record, and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

from eisd.matcher.codec import NOTHING, unpack
from eisd.matcher.facts import merge
from eisd.model.activity import Outcome, OutcomeReason
from eisd.store import copies, messages, replay
from eisd.store.copies import CopyRow
from eisd.store.replay import Span
from eisd.store.sql import Connection
from eisd.sync import threads
from eisd.sync.rules import Rules
from eisd.sync.settle import becomes
from eisd.sync.verdict import Book, Sight, Verdict, judge

SAMPLES = 20
"""So many copies of each change are told one by one."""


@dataclass(slots=True)
class Difference:
    """What today's policy would change, and what it would not record but is kept."""

    copies: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(outcome on record, outcome today) of copies that change."""
    kept: Counter[str] = field(default_factory=Counter)
    """Today's outcome of copies that are matched and stay so."""
    activities: int = 0
    """New activities of messages whose text is on record; others follow when it is fetched."""
    kept_activities: int = 0
    """Activities on record that today's policy would not make."""
    samples: list[dict[str, object]] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        """Whether replaying would change nothing."""
        return not self.changes and not self.activities


def look(db: Connection, span: Span, position: int) -> tuple[list[bytes], int]:
    """Identities of the next copies, and where it stopped."""
    return replay.look(db, span, position, NOTHING)


def compare(db: Connection, rules: Rules, span: Span, position: int, told: Difference) -> int:
    """Add the next copies to what is ``told``; returns where it stopped."""
    found, end = look(db, span, position)
    book = Book.read(db)
    groups: dict[tuple[bytes, int], list[CopyRow]] = {}
    for row in copies.by_identity(db, found):
        if not row.held:
            groups.setdefault((row.id_key, row.variant), []).append(row)
    sampled: list[tuple[int, str, str]] = []
    for rows in groups.values():
        first = min((row.id for row in rows if _is_in(span, row)), default=0)
        if first > position:  # else an earlier step has told of it
            sampled += _message(rules, book, rows, told)
    room = max(0, SAMPLES - len(told.samples))
    places = replay.names(db, [row for row, _, _ in sampled[:room]])
    told.samples += [
        {**places[row], "before": before, "after": after} for row, before, after in sampled[:room]
    ]
    return end


def _is_in(span: Span, row: CopyRow) -> bool:
    """Whether `look` finds the message by this copy."""
    is_there = not row.removed or row.outcome is Outcome.MATCHED
    late = span.since is None or row.gate_at >= span.since
    here = span.mailbox in {None, row.mailbox_id}
    return is_there and late and here and row.facts != NOTHING


def _message(
    rules: Rules, book: Book, rows: Sequence[CopyRow], told: Difference
) -> list[tuple[int, str, str]]:
    """Decide one message; returns (copy, before, after) of what changes or is kept."""
    each = [unpack(row.id_key, row.gate_at, row.facts) for row in rows]
    message = messages.find(book.db, rows[0].id_key, rows[0].variant)
    verdict = judge(
        rules,
        book,
        reduce(merge, each),
        [Sight(r.mailbox_id, r.gate_at, r.box, r.live, r.ours) for r in rows],
        threads=threads.told_by_provider(rows),
        message=message.id if message else 0,
    )
    readable: set[int] = set()
    if message is not None:
        people = messages.people(book.db, message.id)
        readable = {exact for exact, one in people.items() if one.address}
        _activities(book, message.id, verdict, told)
    found = []
    for row, facts, decided in zip(rows, each, verdict.outcomes, strict=True):
        silent = message is not None and {p.exact for p in facts.participants} <= readable
        new = becomes(row, decided, verdict, on_record=message is not None, says_nothing=silent)
        before, after = _word(row.outcome, row.reason), _word(*new)
        told.copies += 1
        if before != after:
            told.changes[before, after] += 1
        elif row.outcome is Outcome.MATCHED and not verdict.matched:
            after = _word(*decided)
            told.kept[after] += 1
        else:
            continue
        found.append((row.id, before, after))
    return found


def _activities(book: Book, message: int, verdict: Verdict, told: Difference) -> None:
    have = replay.contacts_of(book.db, message).keys()
    would = {hit.contact for one in verdict.decisions.values() for hit in one.hits}
    told.activities += len(would - have)
    told.kept_activities += len(have - would)


def _word(outcome: Outcome, reason: OutcomeReason) -> str:
    if outcome is Outcome.PENDING:
        return "matched, to be fetched"
    told = "internal" if reason is OutcomeReason.INTERNAL_ERROR else reason.value
    return f"{outcome.value}:{told}" if told else outcome.value
