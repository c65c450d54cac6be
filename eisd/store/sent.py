"""Copies of what eisd itself sends, in the folder that no server lists (`folders.outbox`)."""

from __future__ import annotations

import sqlite3

from eisd.store.sql import now_ms


def find(db: sqlite3.Connection, folder: int, submission: int) -> tuple[int, int] | None:
    """(copy, variant) of a submission's message, if it is on record."""
    return db.execute(  # type: ignore[no-any-return]
        "SELECT id, variant FROM copy WHERE folder_id = ? AND validity = '' AND remote_id = ?",
        (folder, str(submission)),
    ).fetchone()


def set_time(db: sqlite3.Connection, copy: int, gate_at: int) -> bool:
    """Set when the message was sent (ms); False if it stands there already."""
    changed = db.execute(
        "UPDATE copy SET gate_at = ?1 WHERE id = ?2 AND gate_at <> ?1", (gate_at, copy)
    )
    return changed.rowcount == 1


def seen_elsewhere(db: sqlite3.Connection, id_key: bytes) -> bool:
    """Whether some server lists the message: then it was sent. Drafts do not count."""
    row = db.execute(
        "SELECT 1 FROM copy p JOIN folder f ON f.id = p.folder_id"
        " WHERE p.id_key = ? AND f.status <> 'ours' AND p.held <> 'draft' LIMIT 1",
        (id_key,),
    ).fetchone()
    return row is not None


def let_go(db: sqlite3.Connection, copy: int) -> None:
    """The message can be had from here no longer; what is still pending is the server's to give."""
    now = now_ms()
    db.execute(
        "UPDATE copy SET removed_at = coalesce(removed_at, ?1),"
        " reason = iif(outcome = 'pending', 'vanished', reason),"
        " outcome = iif(outcome = 'pending', 'skipped', outcome) WHERE id = ?2",
        (now, copy),
    )


def forget(db: sqlite3.Connection, copy: int) -> None:
    """Erase the copy, and its message with the activities if no other copy shows it."""
    (message,) = db.execute("SELECT message_id FROM copy WHERE id = ?", (copy,)).fetchone()
    db.execute("DELETE FROM copy WHERE id = ?", (copy,))
    db.execute(
        "DELETE FROM message WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM copy WHERE message_id = ?1)",
        (message,),
    )
