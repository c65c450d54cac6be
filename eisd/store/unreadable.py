"""Copies whose message could not be read after all tries (poison, O1): tried anew, or accepted."""

from __future__ import annotations

from eisd.store.sql import Connection

_KEY = "unreadable_accepted:"
_POISON = (
    "outcome = 'error' AND reason = 'poison' AND removed_at IS NULL"
    " AND folder_id IN (SELECT id FROM folder WHERE mailbox_id = ?1)"
)


def again(db: Connection, mailbox: int) -> int:
    """Queue them for another five tries; return how many. What was accepted is so no more."""
    db.execute("DELETE FROM meta WHERE key = ?", (f"{_KEY}{mailbox}",))
    done = db.execute(
        f"UPDATE copy SET reason = 'fetch', attempts = 0, retry_at = NULL WHERE {_POISON}",
        (mailbox,),
    )
    return done.rowcount


def accept(db: Connection, mailbox: int) -> int:
    """Leave them as they are: they stay on record, and are no issue any more; return how many."""
    count, last = db.execute(
        f"SELECT count(*), max(id) FROM copy WHERE {_POISON}", (mailbox,)
    ).fetchone()
    if count:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"{_KEY}{mailbox}", str(last)))
    return int(count)


def open_ones(db: Connection) -> dict[int, int]:
    """How many nobody has accepted yet, by mailbox."""
    return dict(
        db.execute(
            "SELECT f.mailbox_id, count(*) FROM copy p JOIN folder f ON f.id = p.folder_id"
            " WHERE p.outcome = 'error' AND p.reason = 'poison' AND p.removed_at IS NULL"
            " AND p.id > coalesce((SELECT CAST(value AS INTEGER) FROM meta"
            f"   WHERE key = '{_KEY}' || f.mailbox_id), 0)"
            " GROUP BY 1"
        ).fetchall()
    )
