"""The outbox as people and programs see it, and what of it needs a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from eisd.store.sql import now_ms, signed, stamp
from eisd.store.threads import Ref

Shown = dict[str, object]
ANSWERS = 100
"""So many answers are shown of one submission."""

_COLUMNS = (
    "id",
    "mailbox",
    "state",
    "message_id",
    "sender",
    "subject",
    "size",
    "created_at",
    "due_at",
    "next_at",
    "attempts",
    "sent_at",
    "ended_at",
    "reply",
    "filing",
    "recipients",
)
_TIMES = ("created_at", "due_at", "next_at", "sent_at", "ended_at")
_SELECT = """
  SELECT s.id, b.name, s.state, '<' || s.message_id || '>', s.sender, s.subject, s.size,
    s.created_at, s.due_at,
    CASE WHEN s.state IN ('queued', 'doubt') THEN s.next_at END, s.attempts, s.sent_at,
    s.ended_at, s.reply, s.filing,
    (SELECT count(*) FROM recipient r WHERE r.submission_id = s.id)
  FROM submission s JOIN mailbox b ON b.id = s.mailbox_id
"""


def _shown(values: Sequence[object]) -> Shown:
    found: Shown = dict(zip(_COLUMNS, values, strict=True))
    for name in _TIMES:
        at = found[name]
        found[name] = stamp(at) if isinstance(at, int) else None
    return found


def listing(
    db: sqlite3.Connection,
    *,
    mailbox: str | None = None,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
) -> list[Shown]:
    """Submissions, newest first; ``before``: only those with a lower id."""
    where, values = ["1"], list[object]()
    if mailbox is not None:
        where.append(
            "s.mailbox_id = (SELECT id FROM mailbox WHERE name = ?"
            " ORDER BY configured DESC, id DESC LIMIT 1)"
        )
        values.append(mailbox)
    if states:
        where.append(f"s.state IN ({','.join('?' * len(states))})")
        values.extend(states)
    if before is not None:
        where.append("s.id < ?")
        values.append(before)
    rows = db.execute(
        f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY s.id DESC LIMIT ?", (*values, limit)
    )
    return [_shown(row) for row in rows]


def show(db: sqlite3.Connection, submission: int) -> Shown | None:
    """One submission with its recipients and its activities."""
    row = db.execute(f"{_SELECT} WHERE s.id = ?", (submission,)).fetchone()
    if row is None:
        return None
    found = _shown(row)
    found["recipients"] = [
        {"address": address, "state": state, "reply": reply}
        for address, state, reply in db.execute(
            "SELECT address, state, reply FROM recipient WHERE submission_id = ? ORDER BY address",
            (submission,),
        )
    ]
    found["activities"] = [
        one
        for (one,) in db.execute(
            "SELECT a.id FROM submission s JOIN message m ON m.id_key = s.id_key"
            " JOIN activity a ON a.message_id = m.id WHERE s.id = ? ORDER BY a.id",
            (submission,),
        )
    ]
    return found


def answers(db: sqlite3.Connection, parent: int) -> list[Shown]:
    """Activities of what came back to the message that answers name by this hash, oldest first.

    Answers to its answers name it too; what is our own is none.
    """
    rows = db.execute(
        """
        SELECT a.id, a.kind, a.contact_id, a.occurred_at FROM message_ref r
        JOIN activity a ON a.message_id = r.message_id
        WHERE r.ref = ? AND r.kind = ? AND a.direction = 'incoming'
        ORDER BY a.occurred_at, a.id LIMIT ?
        """,
        (signed(parent), Ref.PARENT, ANSWERS),
    )
    columns = ("activity", "kind", "contact_id", "occurred_at")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def in_doubt(db: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """(submission, mailbox's name, since when in ms) of messages that a person has to settle."""
    return db.execute(
        "SELECT s.id, b.name, s.next_at FROM submission s JOIN mailbox b ON b.id = s.mailbox_id"
        " WHERE s.state = 'doubt' AND b.configured ORDER BY s.id LIMIT 100"
    ).fetchall()


def counts(db: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """How many submissions of each mailbox wait for something, by state."""
    found: dict[str, dict[str, int]] = {}
    for name, state, number in db.execute(
        "SELECT b.name, s.state, count(*) FROM submission s JOIN mailbox b ON b.id = s.mailbox_id"
        " WHERE s.state IN ('queued', 'held', 'sending', 'doubt') GROUP BY 1, 2"
    ):
        found.setdefault(name, {})[state] = number
    return found


def oldest(db: sqlite3.Connection) -> float | None:
    """Since when the oldest message is due, in seconds since 1970; None: none is due."""
    (at,) = db.execute(
        "SELECT min(due_at) FROM submission WHERE state IN ('queued', 'sending') AND due_at <= ?",
        (now_ms(),),
    ).fetchone()
    return None if at is None else at / 1000
