"""Submissions: what eisd was asked to send, and what became of it. Times in milliseconds.

Nothing here decides: `eisd.outbox` does, inside the transaction that it gives to the writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisd.model.submission import Filing, RecipientState, SubmissionState
from eisd.store import contact_unsend
from eisd.store.sql import now_ms, signed, unsigned


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A message that is about to be accepted. ``recipients`` are (address, exact hash)."""

    mailbox: int
    state: SubmissionState
    message_id: str
    id_key: bytes
    envelope_id: str
    sender: str
    utf8: bool
    subject: str
    rfc822: bytes
    recipients: Sequence[tuple[str, int]]
    due_at: int
    idempotency_key: str | None = None
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class Submission:
    """One row of the outbox, without its message."""

    id: int
    mailbox: int
    state: SubmissionState
    message_id: str
    id_key: bytes
    envelope_id: str
    sender: str
    utf8: bool
    size: int
    fingerprint: bytes
    created_at: int
    due_at: int
    next_at: int
    attempts: int
    sent_at: int | None
    reply: str
    filing: Filing
    filing_attempts: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a submission; ``exact`` is the address's hash."""

    address: str
    exact: int
    state: RecipientState
    reply: str


_ROW = (
    "id, mailbox_id, state, message_id, id_key, envelope_id, sender, utf8, size, fingerprint,"
    " created_at, due_at, next_at, attempts, sent_at, reply, filing, filing_attempts"
)

_UNSETTLED = "state IN ('sending', 'doubt')"
"""In these words, for a partial index serves a query only where its own condition stands in it."""


def _row(values: Any) -> Submission:
    found = list(values)
    found[2] = SubmissionState(found[2])
    found[7] = bool(found[7])
    found[16] = Filing(found[16])
    return Submission(*found)


def add(db: sqlite3.Connection, new: NewSubmission) -> int:
    """Record a submission with its message; its idempotency key must be free (`by_key`)."""
    now = now_ms()
    (row_id,) = db.execute(
        """
        INSERT INTO submission (mailbox_id, state, message_id, id_key, envelope_id, sender, utf8,
          subject, size, idempotency_key, fingerprint, created_at, due_at, next_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
        """,
        (
            new.mailbox,
            new.state,
            new.message_id,
            new.id_key,
            new.envelope_id,
            new.sender,
            new.utf8,
            new.subject,
            len(new.rfc822),
            new.idempotency_key,
            new.fingerprint,
            now,
            new.due_at,
            new.due_at,
        ),
    ).fetchone()
    db.execute("INSERT INTO submission_message VALUES (?, ?)", (row_id, new.rfc822))
    db.executemany(
        "INSERT INTO recipient (submission_id, address, exact) VALUES (?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(row_id, address, signed(exact)) for address, exact in new.recipients],
    )
    return row_id  # type: ignore[no-any-return]


def by_id(db: sqlite3.Connection, submission: int) -> Submission | None:
    """One submission."""
    return _one(db, "id = ?", submission)


def by_key(db: sqlite3.Connection, key: str) -> Submission | None:
    """The submission that was asked for under that idempotency key."""
    return _one(db, "idempotency_key = ?", key)


def by_identity(db: sqlite3.Connection, id_key: bytes) -> Submission | None:
    """The submission whose message has that identity."""
    return _one(db, "id_key = ? ORDER BY id LIMIT 1", id_key)


def by_envelope(db: sqlite3.Connection, envelope_id: str) -> Submission | None:
    """The submission that a delivery report names by its envelope id (RFC 3461)."""
    return _one(db, "envelope_id = ?", envelope_id)


def _one(db: sqlite3.Connection, where: str, value: object) -> Submission | None:
    row = db.execute(f"SELECT {_ROW} FROM submission WHERE {where}", (value,)).fetchone()
    return None if row is None else _row(row)


def due(db: sqlite3.Connection, mailbox: int, now: int, limit: int) -> list[Submission]:
    """What a mailbox may send now, in the order in which it was to be sent."""
    rows = db.execute(
        f"SELECT {_ROW} FROM submission WHERE mailbox_id = ? AND state = 'queued'"
        " AND next_at <= ? ORDER BY next_at, id LIMIT ?",
        (mailbox, now, limit),
    ).fetchall()
    return [_row(row) for row in rows]


def next_due(db: sqlite3.Connection, mailbox: int) -> int | None:
    """When a mailbox has something to send next."""
    return _least(
        db, "SELECT min(next_at) FROM submission WHERE mailbox_id = ? AND state = 'queued'", mailbox
    )


def _least(db: sqlite3.Connection, sql: str, mailbox: int) -> int | None:
    (at,) = db.execute(sql, (mailbox,)).fetchone()
    return at  # type: ignore[no-any-return]


def message(db: sqlite3.Connection, submission: int) -> bytes | None:
    """A submission's message with its Bcc header; None once nothing needed it any more."""
    row = db.execute(
        "SELECT rfc822 FROM submission_message WHERE submission_id = ?", (submission,)
    ).fetchone()
    return None if row is None else row[0]


def recipients(db: sqlite3.Connection, submission: int) -> list[Recipient]:
    """A submission's recipients."""
    return [
        Recipient(address, unsigned(exact), RecipientState(state), reply)
        for address, exact, state, reply in db.execute(
            "SELECT address, exact, state, reply FROM recipient WHERE submission_id = ?"
            " ORDER BY address",
            (submission,),
        )
    ]


# Changes


def set_state(
    db: sqlite3.Connection,
    submission: int,
    state: SubmissionState,
    *,
    next_at: int | None = None,
    reply: str | None = None,
) -> None:
    """Set a submission's state, when it is looked at next, and the words that led there."""
    over = state in {SubmissionState.SENT, SubmissionState.FAILED, SubmissionState.CANCELLED}
    db.execute(
        "UPDATE submission SET state = ?, next_at = coalesce(?, next_at),"
        " reply = coalesce(?, reply), ended_at = ? WHERE id = ?",
        (state, next_at, reply, now_ms() if over else None, submission),
    )
    if over:
        contact_unsend.ended(db, submission)


def tried(db: sqlite3.Connection, submission: int) -> None:
    """Count a try."""
    db.execute("UPDATE submission SET attempts = attempts + 1 WHERE id = ?", (submission,))


def sent(db: sqlite3.Connection, submission: int, at: int) -> None:
    """Somebody's server has the message since then; the first time stays."""
    db.execute(
        "UPDATE submission SET sent_at = coalesce(sent_at, ?) WHERE id = ?", (at, submission)
    )


def set_recipients(
    db: sqlite3.Connection,
    submission: int,
    states: Mapping[str, tuple[RecipientState, str]],
) -> None:
    """Set the state of recipients by their address, and the words that led there."""
    db.executemany(
        "UPDATE recipient SET state = ?, reply = ? WHERE submission_id = ? AND address = ?",
        [(state, reply, submission, address) for address, (state, reply) in states.items()],
    )


def set_filing(
    db: sqlite3.Connection, submission: int, filing: Filing, *, at: int | None = None
) -> None:
    """Set what becomes of the copy in Sent, and when it is tried; a try that failed is counted."""
    db.execute(
        "UPDATE submission SET filing = ?1, filing_at = ?2,"
        " filing_attempts = filing_attempts + (filing = 'due') WHERE id = ?3",
        (filing, at, submission),
    )


def drop_failed(db: sqlite3.Connection, before: int) -> None:
    """Messages that failed so long ago are not going to be tried again by anybody."""
    db.execute(
        "DELETE FROM submission_message WHERE submission_id IN"
        " (SELECT id FROM submission WHERE state = 'failed' AND ended_at < ?)",
        (before,),
    )


def drop_message(db: sqlite3.Connection, submission: int) -> None:
    """Nothing needs a submission's message any more."""
    db.execute("DELETE FROM submission_message WHERE submission_id = ?", (submission,))


# What waits for something else


def filing_due(db: sqlite3.Connection, mailbox: int, now: int, limit: int) -> list[Submission]:
    """Sent messages whose copy is to be filed now."""
    rows = db.execute(
        f"SELECT {_ROW} FROM submission WHERE mailbox_id = ? AND filing = 'due'"
        " AND filing_at <= ? ORDER BY filing_at LIMIT ?",
        (mailbox, now, limit),
    ).fetchall()
    return [_row(row) for row in rows]


def next_filing(db: sqlite3.Connection, mailbox: int) -> int | None:
    """When a mailbox has a copy to file next."""
    return _least(
        db, "SELECT min(filing_at) FROM submission WHERE mailbox_id = ? AND filing = 'due'", mailbox
    )


def doubts(db: sqlite3.Connection, mailbox: int, now: int) -> list[Submission]:
    """Messages in doubt that are to be looked for now."""
    rows = db.execute(
        f"SELECT {_ROW} FROM submission WHERE mailbox_id = ? AND {_UNSETTLED}"
        " AND state = 'doubt' AND next_at <= ? ORDER BY next_at LIMIT 100",
        (mailbox, now),
    ).fetchall()
    return [_row(row) for row in rows]


def next_doubt(db: sqlite3.Connection, mailbox: int) -> int | None:
    """When a mailbox's next message in doubt is to be looked for."""
    return _least(
        db,
        f"SELECT min(next_at) FROM submission WHERE mailbox_id = ? AND {_UNSETTLED}"
        " AND state = 'doubt'",
        mailbox,
    )


def look_again(db: sqlite3.Connection, submission: int, at: int) -> None:
    """A message in doubt is looked for again at that time."""
    db.execute(
        "UPDATE submission SET next_at = ? WHERE id = ? AND state = 'doubt'", (at, submission)
    )


def mailboxes_at_work(db: sqlite3.Connection) -> list[int]:
    """Mailboxes that have something to send, to file or to settle."""
    return [
        row[0]
        for row in db.execute(
            "SELECT mailbox_id FROM submission WHERE state IN ('queued', 'sending', 'doubt')"
            " UNION SELECT mailbox_id FROM submission WHERE filing = 'due'"
        )
    ]


def interrupted(db: sqlite3.Connection, mailbox: int) -> list[Submission]:
    """Messages whose last step was under way when the process that took it ended."""
    rows = db.execute(
        f"SELECT {_ROW} FROM submission WHERE mailbox_id = ? AND {_UNSETTLED}"
        " AND state = 'sending'",
        (mailbox,),
    ).fetchall()
    return [_row(row) for row in rows]


def recent(
    db: sqlite3.Connection, mailboxes: Iterable[int], since: int, limit: int
) -> list[tuple[int, int]]:
    """(sent at, recipients) of what these mailboxes sent since then, the newest ``limit``."""
    found: list[tuple[int, int]] = []
    for mailbox in mailboxes:
        found += db.execute(
            """
            SELECT sent_at, (SELECT count(*) FROM recipient r WHERE r.submission_id = s.id)
            FROM submission s WHERE mailbox_id = ? AND sent_at > ? ORDER BY sent_at DESC LIMIT ?
            """,
            (mailbox, since, limit),
        ).fetchall()
    return sorted(found)[-limit:]
