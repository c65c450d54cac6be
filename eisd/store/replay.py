"""Jobs that decide what is stored again by today's policy, and how far they have come."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from eisd.store import copies
from eisd.store.sql import CHUNK, marks, now_ms

TABLES = (
    """
    CREATE TABLE replay (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      since INTEGER,
      mailbox INTEGER,
      position INTEGER NOT NULL DEFAULT 0,
      last_copy INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT
    """,
)

STEP = 2_000
"""So many copies are looked at before the next write, or somebody else's read."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages: those with a copy received since then (ms), in one mailbox, up to one."""

    since: int | None
    mailbox: int | None
    last_copy: int


@dataclass(frozen=True, slots=True)
class Job:
    """One replay that is under way."""

    id: int
    span: Span
    position: int


def span(db: sqlite3.Connection, since: int | None, mailbox: int | None) -> Span:
    """What is on record now."""
    return Span(since, mailbox, copies.last(db))


def enqueue(db: sqlite3.Connection, wanted: Span) -> None:
    """Write the job; it ends at the last copy that the span knows."""
    db.execute(
        "INSERT INTO replay (since, mailbox, last_copy, created_at) VALUES (?, ?, ?, ?)",
        (wanted.since, wanted.mailbox, wanted.last_copy, now_ms()),
    )


def next_job(db: sqlite3.Connection) -> Job | None:
    """The oldest that is not done."""
    row = db.execute(
        "SELECT id, since, mailbox, last_copy, position FROM replay ORDER BY id LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, since, mailbox, last_copy, position = row
    return Job(number, Span(since, mailbox, last_copy), position)


def look(
    db: sqlite3.Connection, wanted: Span, position: int, nothing: bytes
) -> tuple[list[bytes], int]:
    """Identities of the next copies after ``position``, and where it stopped.

    Copies that count for no message are left out, and those of which ``nothing`` was kept
    (`store.unmatched`): of these nothing can be decided.
    """
    end = min(wanted.last_copy, position + STEP)
    rows = db.execute(
        """
        SELECT DISTINCT p.id_key FROM copy p JOIN folder f ON f.id = p.folder_id
        WHERE p.id > ?1 AND p.id <= ?2 AND p.held = '' AND p.facts <> ?3
          AND (p.removed_at IS NULL OR p.outcome = 'matched')
          AND (?4 IS NULL OR p.gate_at >= ?4) AND (?5 IS NULL OR f.mailbox_id = ?5)
        """,
        (position, end, nothing, wanted.since, wanted.mailbox),
    )
    return [id_key for (id_key,) in rows], end


def moved(db: sqlite3.Connection, job: Job, position: int) -> None:
    """What was found up to ``position`` is decided; with the last copy the job is done."""
    if position >= job.span.last_copy:
        db.execute("DELETE FROM replay WHERE id = ?", (job.id,))
    else:
        db.execute("UPDATE replay SET position = ? WHERE id = ?", (position, job.id))


def contacts_of(db: sqlite3.Connection, message: int) -> dict[int, str]:
    """The contacts that have an activity of a message, by row id: their own ids."""
    return dict(
        db.execute("SELECT contact, contact_id FROM activity WHERE message_id = ?", (message,))
    )


def names(db: sqlite3.Connection, rows: list[int]) -> dict[int, dict[str, object]]:
    """Where copies lie, for people: mailbox, folder, remote id, and what is known of them."""
    found: dict[int, dict[str, object]] = {}
    for at in range(0, len(rows), CHUNK):
        chunk = rows[at : at + CHUNK]
        cursor = db.execute(
            f"""
            SELECT p.id, b.name AS mailbox, f.name AS folder, p.remote_id,
              strftime('%Y-%m-%dT%H:%M:%fZ', p.gate_at / 1000.0, 'unixepoch') AS received_at,
              (SELECT m.subject FROM message m WHERE m.id = p.message_id) AS subject
            FROM copy p JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
            WHERE p.id IN ({marks(len(chunk))})
            """,
            chunk,
        )
        words = [column[0] for column in cursor.description]
        found |= {row[0]: dict(zip(words[1:], row[1:], strict=True)) for row in cursor}
    return found
