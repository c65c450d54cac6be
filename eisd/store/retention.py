"""What goes with its age: found by readers in steps, erased by the writer a little at a time.

The row of a copy stays while the server lists the copy, so that counts agree and what was pruned
is known again; it tells nothing but that a message lies there. Times in milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eisd.store import copies
from eisd.store.contact_purge import overwriting
from eisd.store.sql import marks, now_ms

CHANGES = ("CREATE INDEX message_gate ON message(gate_at)",)

STEP: Final = 20_000
"""So many copies are looked at in one read."""
SOME: Final = 100
"""So many messages or submissions go in one write."""
MANY: Final = 500
"""So many copies do."""
_DONE: Final = "pruned_at"


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What is older than these goes; None: nothing does. Milliseconds since 1970 UTC."""

    activities: int | None = None
    unmatched: int | None = None
    outbox: int | None = None
    attachments: int | None = None


@dataclass(frozen=True, slots=True)
class Old:
    """Copies that are too old, by row id, and where the look at them stopped."""

    blank: Sequence[int]
    """Nothing is to be known of these but that they are there."""
    gone: Sequence[int]
    """The server has long removed these: their rows go."""
    end: int


# Messages

_MESSAGES: Final = """
  FROM message m WHERE m.gate_at < ? AND NOT EXISTS (SELECT 1 FROM submission s
    WHERE s.id_key = m.id_key AND s.ended_at IS NULL)
"""
"""But for what is still to be sent."""


def old_messages(db: sqlite3.Connection, before: int) -> list[int]:
    """The next messages that were received before then, oldest first."""
    rows = db.execute(f"SELECT m.id {_MESSAGES} ORDER BY m.gate_at LIMIT {SOME}", (before,))
    return [row[0] for row in rows]


def erase(db: sqlite3.Connection, messages: Sequence[int], nothing: bytes) -> int:
    """Take messages off the record with their activities; return how many of these there were.

    ``nothing`` are the facts of a copy of which none are kept. What SQLite frees is overwritten.
    """
    some = marks(len(messages))
    (count,) = db.execute(
        f"SELECT count(*) FROM activity WHERE message_id IN ({some})", messages
    ).fetchone()
    rows = db.execute(
        f"SELECT id, id_key, variant, thread_id FROM message WHERE id IN ({some})", messages
    ).fetchall()
    with overwriting(db):
        for message, id_key, variant, thread in rows:
            held = db.execute(
                "SELECT id FROM copy WHERE message_id = ?1 OR (id_key = ?2 AND variant = ?3)",
                (message, id_key, variant),
            ).fetchall()
            expire(db, [row[0] for row in held], nothing)
            db.execute("DELETE FROM report WHERE id_key = ?", (id_key,))
            db.execute("DELETE FROM recipient_report WHERE id_key = ?", (id_key,))
            db.execute("DELETE FROM message WHERE id = ?", (message,))
            db.execute(
                "DELETE FROM thread WHERE id = ?1"
                " AND NOT EXISTS (SELECT 1 FROM message WHERE thread_id = ?1)",
                (thread,),
            )
    return count  # type: ignore[no-any-return]


def expire(db: sqlite3.Connection, held: Sequence[int], nothing: bytes) -> None:
    """Copies of a message that was on record: they count for nothing, and it does not come back."""
    db.executemany(
        "UPDATE copy SET facts = ?1, message_id = NULL, parent = NULL, thread = NULL, error = '',"
        " retry_at = NULL, outcome = 'skipped', reason = 'expired', held = 'expired'"
        " WHERE id = ?2",
        [(nothing, one) for one in held],
    )


# Copies of what is not on record

_UNSENT: Final = """
  EXISTS (SELECT 1 FROM submission s WHERE s.id_key = p.id_key AND s.ended_at IS NULL)
"""
_BLANK: Final = f"""
  message_id IS NULL AND ((gate_at < ?1 AND (held = '' OR facts <> ?3) AND NOT {_UNSENT})
    OR (gate_at < ?2 AND outcome IN ('unmatched', 'skipped') AND facts <> ?3))
"""
_GONE: Final = "message_id IS NULL AND held <> 'expired' AND (removed_at < ?1 OR removed_at < ?2)"


def old_copies(db: sqlite3.Connection, cutoffs: Cutoffs, position: int, nothing: bytes) -> Old:
    """Copies after ``position`` that are too old, among the next `STEP`."""
    end = min(copies.last(db), position + STEP)
    rows = db.execute(
        f"SELECT id, ({_GONE}) IS TRUE FROM copy p WHERE id > ?4 AND id <= ?5"
        f" AND (({_GONE}) OR ({_BLANK}))",
        (cutoffs.activities, cutoffs.unmatched, nothing, position, end),
    ).fetchall()
    blank, gone = ([one for one, is_gone in rows if is_gone == wanted] for wanted in (0, 1))
    return Old(blank, gone, end)


def blank_copies(
    db: sqlite3.Connection, cutoffs: Cutoffs, ids: Sequence[int], nothing: bytes
) -> int:
    """Forget the hashes of these, where that still holds; returns how many.

    What is older than mail is kept for is outside the window from then on.
    """
    with overwriting(db):
        return db.executemany(
            f"""
            UPDATE copy AS p SET facts = ?3, parent = NULL, thread = NULL, error = '',
              outcome = iif(gate_at < ?1 AND held = '', 'skipped', outcome),
              reason = iif(gate_at < ?1 AND held = '', 'outside_window', reason),
              held = iif(gate_at < ?1 AND held = '', 'outside_window', held)
            WHERE id = ?4 AND {_BLANK}
            """,
            [(cutoffs.activities, cutoffs.unmatched, nothing, one) for one in ids],
        ).rowcount


def drop_copies(db: sqlite3.Connection, cutoffs: Cutoffs, ids: Sequence[int]) -> int:
    """Delete the rows of copies that the server removed long ago; returns how many."""
    with overwriting(db):
        return db.executemany(
            f"DELETE FROM copy WHERE id = ?3 AND {_GONE}",
            [(cutoffs.activities, cutoffs.unmatched, one) for one in ids],
        ).rowcount


# What was sent

_ENDED: Final = "ended_at < ? AND filing <> 'due'"


def old_submissions(db: sqlite3.Connection, before: int) -> list[int]:
    """The next submissions that ended before then."""
    rows = db.execute(f"SELECT id FROM submission WHERE {_ENDED} LIMIT {SOME}", (before,))
    return [row[0] for row in rows]


def drop_submissions(db: sqlite3.Connection, before: int, ids: Sequence[int]) -> int:
    """Delete them with their recipients; returns how many."""
    with overwriting(db):
        return db.execute(
            f"DELETE FROM submission WHERE {_ENDED} AND id IN ({marks(len(ids))})", (before, *ids)
        ).rowcount


def drop_drafts(db: sqlite3.Connection, before: int) -> int:
    """Delete drafts that were sent or deleted before then; returns how many."""
    with overwriting(db):
        return db.execute(
            "DELETE FROM draft WHERE state <> 'draft' AND updated_at < ?", (before,)
        ).rowcount


# The content of attachments

_STORED: Final = """
  FROM attachment t JOIN message m ON m.id = t.message_id
  WHERE t.stored AND t.id > ? AND m.gate_at < ?
"""


def old_attachments(db: sqlite3.Connection, before: int, position: int) -> list[int]:
    """The next attachments after ``position`` whose content is kept, of messages from before."""
    rows = db.execute(f"SELECT t.id {_STORED} ORDER BY t.id LIMIT {SOME}", (position, before))
    return [row[0] for row in rows]


def drop_contents(db: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Keep these attachments' names alone; content goes that no other message bears.

    Returns how many attachments it was.
    """
    some = marks(len(ids))
    digests = db.execute(
        f"SELECT DISTINCT sha256 FROM attachment WHERE stored AND id IN ({some})", ids
    ).fetchall()
    with overwriting(db):
        count = db.execute(
            f"UPDATE attachment SET stored = 0 WHERE stored AND id IN ({some})", ids
        ).rowcount
        db.executemany(
            "DELETE FROM blob WHERE sha256 = ?1"
            " AND NOT EXISTS (SELECT 1 FROM attachment WHERE sha256 = ?1 AND stored)",
            digests,
        )
    return count


# What would go, and when it last went


def count(db: sqlite3.Connection, cutoffs: Cutoffs) -> dict[str, int]:
    """How much of what is too old, but for copies: `old_copies` tells of these."""
    queries = {
        "messages": (f"SELECT count(*) {_MESSAGES}", (cutoffs.activities,)),
        "activities": (
            f"SELECT count(*) FROM activity a WHERE a.message_id IN (SELECT m.id {_MESSAGES})",
            (cutoffs.activities,),
        ),
        "submissions": (f"SELECT count(*) FROM submission WHERE {_ENDED}", (cutoffs.outbox,)),
        "drafts": (
            "SELECT count(*) FROM draft WHERE state <> 'draft' AND updated_at < ?",
            (cutoffs.outbox,),
        ),
        "attachments": (f"SELECT count(*) {_STORED}", (0, cutoffs.attachments)),
    }
    return {name: db.execute(sql, values).fetchone()[0] for name, (sql, values) in queries.items()}


def done_at(db: sqlite3.Connection) -> int | None:
    """When what was too old last went; None: never."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_DONE,)).fetchone()
    return None if row is None else int(row[0])


def done(db: sqlite3.Connection) -> None:
    """What was too old has gone, as of now."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DONE, str(now_ms())))
