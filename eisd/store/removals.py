"""Copies that are gone from the server: their rows stay, as history (F3, F4, F6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from eisd.store.sql import chunks, now_ms


def vanished(db: sqlite3.Connection, copies: Sequence[int]) -> None:
    """These copies are gone from the server before they could be fetched (O2)."""
    now = now_ms()
    db.executemany(
        "UPDATE copy SET outcome = 'skipped', reason = 'vanished', held = 'vanished',"
        " removed_at = coalesce(removed_at, ?) WHERE id = ?",
        [(now, copy) for copy in copies],
    )


def retire(db: sqlite3.Connection, folder: int) -> None:
    """The folder's remote ids are void (numbered anew, or put back from a backup): F6.

    The rows stay as history under a validity of their own, so that the same ids may come again;
    what was waiting to be fetched has vanished and is listed again.
    """
    now = now_ms()
    db.execute(
        "UPDATE copy SET outcome = 'skipped', reason = 'vanished', held = 'vanished'"
        " WHERE folder_id = ? AND outcome IN ('pending', 'error') AND removed_at IS NULL",
        (folder,),
    )
    db.execute(
        "UPDATE copy SET removed_at = coalesce(removed_at, ?1), validity = validity || '~' || ?1"
        " WHERE folder_id = ?2 AND validity NOT LIKE '%~%'",
        (now, folder),
    )


def retired(db: sqlite3.Connection, folder: int) -> list[int]:
    """Messages of copies whose remote ids became void and that no copy shows since."""
    return [
        row[0]
        for row in db.execute(
            """
            SELECT DISTINCT p.message_id FROM copy p
            WHERE p.folder_id = ? AND p.validity LIKE '%~%' AND p.message_id IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM copy o
                WHERE o.message_id = p.message_id AND o.removed_at IS NULL)
            """,
            (folder,),
        )
    ]


def displaced(
    db: sqlite3.Connection, folder: int, validity: str, listed: Mapping[str, bytes]
) -> None:
    """Retire copies whose remote id the server has given to another message since.

    It must not, within one numbering; a server that has none does. ``listed`` holds by remote id
    the identity that it names now.
    """
    if not listed:
        return
    place = (folder, validity)
    if not db.execute(  # a backfill comes to ids that are all new: one look tells
        "SELECT 1 FROM copy WHERE folder_id = ? AND validity = ?"
        " AND remote_id BETWEEN ? AND ? LIMIT 1",
        (*place, min(listed), max(listed)),
    ).fetchone():
        return
    now = now_ms()
    for places, chunk in chunks(list(listed)):
        known = db.execute(
            "SELECT id, remote_id, id_key FROM copy WHERE folder_id = ? AND validity = ?"
            f" AND remote_id IN ({places})",
            (*place, *chunk),
        ).fetchall()
        gone = [row_id for row_id, remote_id, id_key in known if listed[remote_id] != id_key]
        removed(db, gone)
        db.executemany(
            "UPDATE copy SET validity = validity || '~' || ? WHERE id = ?",
            [(now, one) for one in gone],
        )


def removed(db: sqlite3.Connection, copies: Sequence[int]) -> list[int]:
    """Mark copies removed; return the messages that no copy shows any more.

    What was waiting to be fetched has vanished (O2).
    """
    now = now_ms()
    orphans: set[int] = set()
    for places, chunk in chunks(copies):
        db.execute(
            "UPDATE copy SET outcome = 'skipped', reason = 'vanished', held = 'vanished'"
            f" WHERE outcome IN ('pending', 'error') AND id IN ({places})",
            chunk,
        )
        db.execute(f"UPDATE copy SET removed_at = ? WHERE id IN ({places})", (now, *chunk))
        orphans.update(
            row[0]
            for row in db.execute(
                f"""
                SELECT DISTINCT p.message_id FROM copy p
                WHERE p.id IN ({places}) AND p.message_id IS NOT NULL AND NOT EXISTS (
                  SELECT 1 FROM copy o WHERE o.message_id = p.message_id AND o.removed_at IS NULL)
                """,
                chunk,
            )
        )
    return sorted(orphans)


def of_gone_folders(db: sqlite3.Connection, mailbox: int) -> list[int]:
    """Copies in folders the server no longer lists that are not marked removed yet."""
    return [
        row[0]
        for row in db.execute(
            "SELECT p.id FROM folder f JOIN copy p ON p.folder_id = f.id"
            " WHERE f.mailbox_id = ? AND f.status = 'gone' AND p.removed_at IS NULL",
            (mailbox,),
        )
    ]
