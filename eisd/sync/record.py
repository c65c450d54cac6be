"""The first of the two transactions of a message's way: what a folder lists.

`record` takes a batch of listed copies: copies, outcomes and the folder's cursor go in together,
so that a position never covers a copy without an outcome (F7), and every decision is made against
the contact book of that very transaction (I5). The second one is `eisd.sync.complete`.

Most copies are alone under their identity; if they concern nobody, what was read of them holds.
All of these are written in one statement a batch. The others go by `eisd.sync.settle`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from eisd.errors import Transient
from eisd.matcher.codec import NOTHING, unpack
from eisd.matcher.facts import merge
from eisd.matcher.keys import parent_key
from eisd.matcher.scan import Context, again
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Facts, KeyHash
from eisd.model.folder import Cursor
from eisd.model.mailbox import Box
from eisd.store import copies, folders, messages, removals
from eisd.store.copies import CopyRow, NewCopy
from eisd.store.database import Tx
from eisd.store.sql import signed
from eisd.store.threads import Ref
from eisd.sync.creating import create, creates
from eisd.sync.drafted import recognise
from eisd.sync.prepare import Prepared, Ready, readable
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, representatives, settle, variant_for
from eisd.sync.threads import wait
from eisd.sync.verdict import Book, People, Sight, judge, read_people

BOOK = "book"
# Bound once: reading a member off its class is a slow look-up before Python 3.12.
_MATCHED: Final = Outcome.MATCHED
_PENDING: Final = Outcome.PENDING
_UNMATCHED: Final = Outcome.UNMATCHED
_ERROR: Final = Outcome.ERROR
_BOUNCE: Final = OutcomeReason.BOUNCE
_NO_CONTACT: Final = OutcomeReason.NO_CONTACT
_WORD: Final = {each: str(each.value) for kind in (Box, Outcome, OutcomeReason) for each in kind}
"""Members as the plain text they are."""
_RESULTS: Final = {"unmatched": "unmatched", "skipped": "ignored", "error": "failed"}
"""What a copy that needs no fetch comes to; one that does is counted with its text."""


@dataclass(slots=True)
class Recorded(Settled):
    """What a batch came to, for the log and the engine."""

    copies: int = 0
    results: Counter[str] = field(default_factory=Counter)
    """How many came to what, as the metric `eisd_messages_total` has it."""
    people: People | None = None
    """As they were then: what the next batch is to be read by."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch was listed: row ids, and the numbering its remote ids belong to."""

    mailbox: int
    folder: int


@dataclass(frozen=True, slots=True)
class Step:
    """How a batch moves the folder's position."""

    since: Cursor | None
    to: Cursor
    remaining: int | None


def book_of(tx: Tx) -> Book:
    """The writer's own book, kept from write to write; `forget_book` when people change."""
    book = tx.cache.get(BOOK)
    if book is None:
        book = tx.cache[BOOK] = Book.read(tx.db, with_filter=True)
    return book


def forget_people(tx: Tx) -> None:
    """Staff or feeds have changed: read them again. The filter of contacts stays."""
    book = tx.cache.get(BOOK)
    if book is not None:
        tx.cache[BOOK] = Book(tx.db, read_people(tx.db), book.filter)


def record(tx: Tx, rules: Rules, place: Place, ready: Ready, step: Step) -> Recorded:
    """Record a batch with its outcomes, and move the folder's position past it.

    Raises:
        Transient: the position was moved by somebody else; nothing was recorded.
    """
    cursor = step.to
    if not folders.move(tx.db, place.folder, cursor, step.remaining, before=step.since):
        raise Transient("the folder is to be listed anew", code="resync")
    book = book_of(tx)
    done = Recorded(copies=len(ready.copies), people=book.people)
    context, batch = _up_to_date(ready, book)
    listed = {one.listed.remote_id: one.read.id_key for one in batch}
    removals.displaced(tx.db, place.folder, cursor.validity, listed)
    id_keys = Counter([one.read.id_key for one in batch])
    known: dict[bytes, list[CopyRow]] = {}
    for row in copies.by_identity(tx.db, list(id_keys)):
        known.setdefault(row.id_key, []).append(row)
    several = set(known)
    if len(id_keys) < len(batch):
        several.update(id_key for id_key, number in id_keys.items() if number > 1)
    alone, others, concerning = _apart(batch, several, book)
    if creates(rules):
        _create(rules, book, context, alone, done)
        concerning = _concerning(book, alone)
    rows = _rows(rules, book, context, alone, concerning)
    copies.insert(tx.db, place.folder, cursor.validity, rows)
    outcomes = Counter([row.outcome for row in rows])
    done.pending += outcomes["pending"]
    done.results.update({_RESULTS[each]: n for each, n in outcomes.items() if each in _RESULTS})
    for id_key, members in others.items():
        _together(rules, book, context, place, cursor, members, known.get(id_key, []), done)
        done.results["duplicate"] += len(members) - (id_key not in known)
        if id_key not in known:
            outcome = copies.by_identity(book.db, [id_key])[0].outcome
            done.results.update({_RESULTS[outcome]: 1} if outcome in _RESULTS else {})
    for id_key in copies.answered_by(
        tx.db, [parent_key(one.read.id_key) for one in batch if one.read.outgoing]
    ):  # skipped list mail whose parent has just turned out to be ours (G4)
        settle(rules, book, id_key, done=done)
    recognise(tx, place.mailbox, batch)
    return done


def _up_to_date(ready: Ready, book: Book) -> tuple[Context, Sequence[Prepared]]:
    """The batch as it is judged by the people of this very transaction (I5)."""
    context = ready.context
    people = book.people.only(context.mailbox)
    if context.people == people:
        return ready
    context = replace(context, people=people)
    return context, [
        one._replace(
            read=again(
                context,
                one.read,
                one.gate_at,
                live=one.listed.live,
                sent=one.box is Box.SENT,
            )
        )
        for one in ready.copies
    ]


def _apart(
    batch: Sequence[Prepared], several: Collection[bytes], book: Book
) -> tuple[list[Prepared], dict[bytes, list[Prepared]], dict[bytes, Prepared]]:
    """Copies alone under their identity, all others, and those alone that may concern somebody."""
    others: dict[bytes, list[Prepared]] = {}
    alone = []
    for one in batch if several else ():
        id_key = one.read.id_key
        if id_key in several and not (one.unread or one.read.outcome is _ERROR):
            others.setdefault(id_key, []).append(one)
        else:  # of what could not be read nothing is known
            alone.append(one)
    alone = alone if several else list(batch)
    concerning = _concerning(book, alone)
    for id_key in messages.on_record(book.db, list(concerning)):
        one = concerning.pop(id_key)
        others[id_key] = [one]  # its copies were forgotten, the message was not
        alone.remove(one)
    return alone, others, concerning


def _concerning(book: Book, batch: Sequence[Prepared]) -> dict[bytes, Prepared]:
    """Those of the copies that may concern a contact, by their identity."""
    keys = [one.read.keys for one in batch]
    known = book.those_it_may_know(set().union(*keys))
    if not known:
        return {}
    return {
        one.read.id_key: one
        for one, mine in zip(batch, keys, strict=True)
        if not known.isdisjoint(mine)
    }


def _create(
    rules: Rules, book: Book, context: Context, batch: Sequence[Prepared], done: Recorded
) -> None:
    """Make the contacts that these copies ask for, before any of them is decided (C3)."""
    both = rules.policy.create_policy == "sent_and_received"
    for one in batch:
        if one.held or one.read.outcome is not Outcome.UNMATCHED:
            continue
        if both or one.read.outgoing:
            facts = readable(context, one)
            sight = Sight(context.mailbox, one.gate_at, one.box, one.listed.live)
            create(rules, book, facts, judge(rules, book, facts, [sight]), done)


def _rows(
    rules: Rules,
    book: Book,
    context: Context,
    alone: Sequence[Prepared],
    concerning: Mapping[bytes, Prepared],
) -> list[NewCopy]:
    """Copies alone under their identity, each with the outcome that settling would give it.

    What was read of most of them holds as it is.
    """
    book = book.excerpt({key for one in concerning.values() for key in one.read.keys})
    inherits = rules.policy.thread_inherit != "off"
    rows = []
    for one in alone:
        _, _, held, (id_key, _, _, outcome, reason, parent, _), _, unread, _ = one
        if held:
            row = _new(one, 0, Outcome.SKIPPED, held, 0)
        elif unread:
            row = _new(one, 0, _ERROR, OutcomeReason.FETCH, 0)
        elif parent or id_key in concerning or (inherits and outcome is _UNMATCHED):
            row = _decided(rules, book, context, one, concerns=id_key in concerning)
        else:
            row = _new(one, 0, _PENDING if reason is _BOUNCE else outcome, reason, 0)
        rows.append(row)
    if rules.index:
        return rows
    nothing = bytearray(NOTHING)
    return [row if row.outcome == _PENDING else row._replace(facts=nothing) for row in rows]


def _decided(
    rules: Rules, book: Book, context: Context, one: Prepared, *, concerns: bool
) -> NewCopy:
    """A copy that may concern somebody, that answers, or that may inherit."""
    _, gate_at, _, read, box, _, thread = one
    id_key, packed, _, outcome, reason, parent, _ = read
    if concerns or (parent and book.parents(parent)) or not parent:  # its facts tell who wrote it
        facts = unpack(id_key, gate_at, packed)
        sight = Sight(context.mailbox, gate_at, box, one.listed.live)
        told = {thread: Ref.PROVIDER} if thread else {}
        decided = judge(rules, book, facts, [sight], known=concerns, threads=told).outcomes[0]
        wait(book.db, rules.policy, id_key, facts.parents, decided)
        outcome, reason = decided
        parent = parent if reason is OutcomeReason.LIST else 0
    if reason is _BOUNCE or outcome is _MATCHED:
        outcome = _PENDING  # its text, or its report (G1), is still to be read
    return _new(one, 0, outcome, reason, parent)


@lru_cache
def _flags(flags: frozenset[str]) -> tuple[int, int, int]:
    """Whether a copy is seen, answered, flagged; most have one of a few sets of flags."""
    return int("\\Seen" in flags), int("\\Answered" in flags), int("\\Flagged" in flags)


def _new(
    one: Prepared, variant: int, outcome: Outcome, reason: OutcomeReason, parent: KeyHash
) -> NewCopy:
    (remote_id, _, size, flags, _, live, *_), gate_at, held, read, box, _, thread = one
    seen, answered, flagged = _flags(flags)
    return NewCopy(
        remote_id,
        bytearray(read.id_key),
        variant,
        gate_at,
        size,
        _WORD[box],
        live + 0,
        seen,
        answered,
        flagged,
        _WORD[held],
        _WORD[outcome],
        _WORD[reason],
        bytearray(read.facts),
        0,
        signed(parent),
        signed(thread),
    )


def _together(
    rules: Rules,
    book: Book,
    context: Context,
    place: Place,
    cursor: Cursor,
    members: Sequence[Prepared],
    known: Sequence[CopyRow],
    done: Recorded,
) -> None:
    """Record copies of one identity provisionally, then settle it."""
    at_hand: dict[int, Facts] = {}
    firsts = representatives(known)
    rows = []
    for one in members:
        facts = readable(context, one)
        variant = variant_for(firsts, facts)
        firsts.setdefault(variant, facts)
        outcome, reason = _UNMATCHED, _NO_CONTACT
        if one.held:
            outcome, reason = Outcome.SKIPPED, one.held
        else:
            other = at_hand.get(variant)
            at_hand[variant] = facts if other is None else merge(other, facts)
        rows.append(_new(one, variant, outcome, reason, 0))
    copies.insert(book.db, place.folder, cursor.validity, rows)
    id_key = members[0].read.id_key
    settle(rules, book, id_key, at_hand=at_hand, done=done)
    if not rules.index:
        copies.blank(book.db, id_key, NOTHING)
