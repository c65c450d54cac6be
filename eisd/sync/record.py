"""The two transactions of a message's way (DESIGN: the way of a message).

`record` takes a batch of listed copies: copies, outcomes and the folder's cursor go in together,
so that a position never covers a copy without an outcome (F7), and every decision is made against
the contact book of that very transaction (I5). `complete` takes one fetched message: its text,
its activities, and the outcomes of all its copies.

Most copies concern nobody and are alone under their identity; they are decided in memory and
written in one statement a batch. The others go by `eisd.sync.settle`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from eisd.errors import Transient
from eisd.matcher.codec import pack
from eisd.matcher.facts import facts_of, merge
from eisd.matcher.keys import keys_of, parent_key
from eisd.matcher.staff import direction_of
from eisd.mime.headers import decode_text, identity
from eisd.model.activity import Direction, Outcome, OutcomeReason
from eisd.model.facts import Facts
from eisd.model.folder import Cursor
from eisd.model.mail import Headers, Parsed, Signal
from eisd.model.mailbox import Box
from eisd.store import copies, folders, removals, reports
from eisd.store.copies import CopyRow, NewCopy
from eisd.store.database import Tx
from eisd.store.messages import Content
from eisd.store.sql import Connection
from eisd.sync.prepare import Prepared
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, representatives, settle, variant_for
from eisd.sync.verdict import NOBODY, Book, Sight, judge, read_people

BOOK = "book"
_NOTHING = pack(Facts(bytes(16), 0, 0, 0, 0, None, 0, 0, Signal(0), ()))
"""What is kept of a copy that concerns nobody when the index is off."""
_STATUS = {"failed": "bounced", "delayed": "delayed"}


@dataclass(slots=True)
class Recorded(Settled):
    """What a batch came to, for the log and the engine."""

    copies: int = 0


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message's bytes as the worker and the header extractor read them."""

    headers: Headers
    parsed: Parsed
    size: int


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


def record(
    tx: Tx,
    rules: Rules,
    place: Place,
    batch: Sequence[Prepared],
    step: Step,
) -> Recorded:
    """Record a batch with its outcomes, and move the folder's position past it.

    Raises:
        Transient: the position was moved by somebody else; nothing was recorded.
    """
    cursor = step.to
    if not folders.move(tx.db, place.folder, cursor, step.remaining, before=step.since):
        raise Transient("the folder is to be listed anew", code="resync")
    book = book_of(tx)
    done = Recorded(copies=len(batch))
    removals.displaced(
        tx.db, place.folder, cursor.validity, [(o.remote_id, o.facts.id_key) for o in batch]
    )
    known: dict[bytes, list[CopyRow]] = {}
    for row in copies.by_identity(tx.db, list({one.facts.id_key for one in batch})):
        known.setdefault(row.id_key, []).append(row)
    alone, others = _apart(batch, known.keys(), book)
    rows = [_alone(rules, book, place.mailbox, one) for one in alone]
    done.pending += sum(row.outcome is Outcome.PENDING for row in rows)
    copies.insert(tx.db, place.folder, cursor.validity, rows)
    for id_key, members in others.items():
        _together(tx.db, rules, book, place, cursor.validity, members, known.get(id_key, []), done)
    _list_parents(tx.db, rules, book, place.mailbox, batch, done)
    return done


def _apart(
    batch: Sequence[Prepared], known: Collection[bytes], book: Book
) -> tuple[list[Prepared], dict[bytes, list[Prepared]]]:
    """Tell copies that are alone and concern nobody from those that need settling."""
    by_key: dict[bytes, list[Prepared]] = {}
    for one in batch:
        by_key.setdefault(one.facts.id_key, []).append(one)
    alone: list[Prepared] = []
    others: dict[bytes, list[Prepared]] = {}
    for id_key, members in by_key.items():
        is_alone = len(members) == 1 and id_key not in known
        if is_alone and not book.may_know(keys_of(members[0].facts)):
            alone += members
        else:
            others[id_key] = members
    return alone, others


def _alone(rules: Rules, book: Book, mailbox: int, one: Prepared) -> NewCopy:
    if one.held:
        return _new(one, 0, Outcome.SKIPPED, one.held, 0)
    sight = Sight(mailbox, one.gate_at, one.box, one.live)
    verdict = judge(rules, book, one.facts, [sight], known=False)
    outcome, reason = verdict.outcomes[0]
    if reason is OutcomeReason.BOUNCE:
        outcome = Outcome.PENDING  # its report is still to be read (G1)
    if one.unread:
        outcome, reason = Outcome.ERROR, OutcomeReason.FETCH
    answers = one.facts.parents[0] if reason is OutcomeReason.LIST and one.facts.parents else 0
    new = _new(one, 0, outcome, reason, answers)
    return new if rules.index or outcome is Outcome.PENDING else new._replace(facts=_NOTHING)


def _new(
    one: Prepared, variant: int, outcome: Outcome, reason: OutcomeReason, parent: int
) -> NewCopy:
    flags = one.flags
    return NewCopy(
        remote_id=one.remote_id,
        id_key=one.facts.id_key,
        variant=variant,
        gate_at=one.gate_at,
        size=one.size,
        box=one.box,
        live=one.live,
        seen="\\Seen" in flags,
        answered="\\Answered" in flags,
        flagged="\\Flagged" in flags,
        held=one.held,
        outcome=outcome,
        reason=reason,
        facts=pack(one.facts),
        message_id=None,
        parent=parent,
    )


def _together(
    db: Connection,
    rules: Rules,
    book: Book,
    place: Place,
    validity: str,
    members: Sequence[Prepared],
    known: Sequence[CopyRow],
    done: Recorded,
) -> None:
    """Record copies of one identity provisionally, then settle it."""
    at_hand: dict[int, Facts] = {}
    firsts = representatives(known)
    rows = []
    for one in members:
        variant = variant_for(firsts, one.facts)
        firsts.setdefault(variant, one.facts)
        if not one.held:
            other = at_hand.get(variant)
            at_hand[variant] = one.facts if other is None else merge(other, one.facts)
        outcome, reason = (
            (Outcome.SKIPPED, one.held)
            if one.held
            else (Outcome.UNMATCHED, OutcomeReason.NO_CONTACT)
        )
        rows.append(_new(one, variant, outcome, reason, 0))
    copies.insert(db, place.folder, validity, rows)
    settle(rules, book, members[0].facts.id_key, at_hand=at_hand, done=done)
    if not rules.index:
        copies.blank(db, members[0].facts.id_key, _NOTHING)


def _list_parents(
    db: Connection,
    rules: Rules,
    book: Book,
    mailbox: int,
    batch: Sequence[Prepared],
    done: Recorded,
) -> None:
    """Decide skipped list mail again whose parent has just turned out to be ours (G4)."""
    workspaces = book.people.feeds.get(mailbox, {})
    staffs = [book.people.staff.get(workspace, NOBODY) for workspace in workspaces]
    written = [
        parent_key(one.facts.id_key)
        for one in batch
        if any(direction_of(one.facts, staff) is Direction.OUTGOING for staff in staffs)
    ]
    for id_key in copies.answered_by(db, written):
        settle(rules, book, id_key, done=done)


def complete(tx: Tx, rules: Rules, copy: int, fetched: Fetched) -> Settled:
    """Record a fetched message and what follows from it; its copies are pending no longer.

    Raises LookupError when the copy is no longer on record.
    """
    row = copies.by_id(tx.db, copy)
    done = Settled()
    if row.reason is OutcomeReason.BOUNCE:
        _report(tx, rules, row, fetched)
        return done
    facts = facts_of(
        fetched.headers,
        gate_at_ms=row.gate_at,
        hasher=rules.hasher,
        blocklist=rules.of(row.mailbox_id).blocklist,
        trusted_authserv=rules.trusted_authserv,
        sent=row.box is Box.SENT,
    )
    if facts.id_key != row.id_key:
        row = _identify(tx, rules, row, facts, done)
    if fetched.parsed.calendar_method in {"REQUEST", "REPLY", "CANCEL"}:
        facts = _with(facts, Signal.CALENDAR)
    settle(
        rules,
        book_of(tx),
        row.id_key,
        at_hand={row.variant: facts},
        content=(row.variant, _content(fetched)),
        fetched=copy,
        done=done,
    )
    return done


def _identify(tx: Tx, rules: Rules, row: CopyRow, facts: Facts, done: Settled) -> CopyRow:
    """The listing showed another header, or none at all: what was fetched is the truth."""
    others = copies.by_identity(tx.db, [facts.id_key])
    variant = variant_for(representatives(others), facts)
    copies.identify(tx.db, row.id, facts.id_key, variant, pack(facts))
    settle(rules, book_of(tx), row.id_key, done=done)
    return copies.by_id(tx.db, row.id)


def _report(tx: Tx, rules: Rules, row: CopyRow, fetched: Fetched) -> None:
    """Take what a delivery report or a receipt says, and nothing else of it (G1)."""
    report = fetched.parsed.report
    about = report.original_message_id if report else None
    if about is None and fetched.headers.in_reply_to:
        about = fetched.headers.in_reply_to
    if report is not None and about:
        id_key = rules.hasher.identity(about)
        if report.kind == "disposition-notification":
            if report.action == "displayed":
                reports.read(tx.db, id_key, row.gate_at)
        elif status := _STATUS.get(report.action):
            reports.delivery(tx.db, id_key, status)
        reports.apply(tx.db, id_key)
    copies.hold(tx.db, row.id, OutcomeReason.BOUNCE)


def _with(facts: Facts, signal: Signal) -> Facts:
    return facts._replace(signals=facts.signals | signal)


def _content(fetched: Fetched) -> Content:
    headers, parsed = fetched.headers, fetched.parsed
    return Content(
        identity=identity(headers),
        subject=decode_text(headers.subject_raw),
        snippet=parsed.snippet,
        text=parsed.text,
        text_reply=parsed.text_reply,
        date_raw=decode_text(headers.date_raw),
        dated_at=_ms(headers.date),
        received=tuple(int(at.timestamp() * 1000) for at in headers.received),
        size=fetched.size,
        parse_status=parsed.status,
        defects=(*headers.defects, *parsed.defects),
        sha256=parsed.sha256,
        attachments=parsed.attachments,
    )


def _ms(when: datetime | None) -> int | None:
    return None if when is None else int(when.timestamp() * 1000)
