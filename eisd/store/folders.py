"""Folders and the positions in them. A cursor is written in the transaction of what it covers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from eisd.model.folder import Cursor, Folder, FolderRole
from eisd.store.sql import now_ms

OUTBOX = "(sent by eisd)"
"""The name of the folder of what eisd itself sends; no server's folder is called so."""


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder as the database has it. ``status`` is synced, excluded or gone."""

    id: int
    folder: Folder
    status: str
    why: str
    cursor: Cursor | None
    remaining: int | None
    proof_at: int | None
    reconciled_at: int | None


_ROW = (
    "id, name, handle, role, status, why, cursor, validity, backfilling, remaining, proof_at,"
    " reconciled_at"
)


def _row(values: Sequence[object]) -> FolderRow:
    (row_id, name, handle, role, status, why, cursor, validity, backfilling, *rest) = values
    position = Cursor(str(cursor), str(validity), bool(backfilling)) if cursor else None
    return FolderRow(
        row_id,  # type: ignore[arg-type]
        Folder(str(name), str(handle), FolderRole(str(role))),
        str(status),
        str(why),
        position,
        *rest,  # type: ignore[arg-type]
    )


def of_mailbox(db: sqlite3.Connection, mailbox: int) -> list[FolderRow]:
    """Every folder that a mailbox's server ever listed."""
    rows = db.execute(
        f"SELECT {_ROW} FROM folder WHERE mailbox_id = ? AND status <> 'ours' ORDER BY id",
        (mailbox,),
    ).fetchall()
    return [_row(row) for row in rows]


def by_id(db: sqlite3.Connection, folder: int) -> FolderRow:
    """One folder. Raises LookupError when there is none."""
    row = db.execute(f"SELECT {_ROW} FROM folder WHERE id = ?", (folder,)).fetchone()
    if row is None:
        raise LookupError(f"no folder {folder}")
    return _row(row)


def put(
    db: sqlite3.Connection, mailbox: int, listed: Sequence[tuple[Folder, str]]
) -> list[FolderRow]:
    """Record what the server lists: each folder with "" or the reason why it is excluded.

    A folder that is no longer listed is marked gone; its rows stay.
    """
    names = {folder.name for folder, _ in listed}
    for row in of_mailbox(db, mailbox):
        if row.folder.name not in names and row.status != "gone":
            gone(db, row.id)
    db.executemany(
        """
        INSERT INTO folder (mailbox_id, name, handle, role, status, why) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (mailbox_id, name) DO UPDATE SET handle = excluded.handle,
          role = excluded.role, status = excluded.status, why = excluded.why
        """,
        [
            (mailbox, f.name, f.handle, f.role, "excluded" if why else "synced", why)
            for f, why in listed
        ],
    )
    return of_mailbox(db, mailbox)


def outbox(db: sqlite3.Connection, mailbox: int) -> int:
    """The row of the folder that holds what eisd itself sends for a mailbox, made if need be.

    Its remote ids are the ids of submissions. No server lists it, and nothing is fetched from it.
    """
    db.execute(
        "INSERT INTO folder (mailbox_id, name, handle, role, status, backfilling)"
        " VALUES (?, ?, '', 'outbox', 'ours', 0) ON CONFLICT DO NOTHING",
        (mailbox, OUTBOX),
    )
    (row_id,) = db.execute(
        "SELECT id FROM folder WHERE mailbox_id = ? AND status = 'ours'", (mailbox,)
    ).fetchone()
    return row_id  # type: ignore[no-any-return]


def gone(db: sqlite3.Connection, folder: int) -> None:
    """The server no longer lists the folder. Should it come back, it is listed anew."""
    db.execute(
        "UPDATE folder SET status = 'gone', cursor = '', validity = '', backfilling = 1,"
        " remaining = NULL WHERE id = ?",
        (folder,),
    )


def move(
    db: sqlite3.Connection,
    folder: int,
    cursor: Cursor,
    remaining: int | None,
    *,
    before: Cursor | None,
) -> bool:
    """Set the position; part of the transaction that records what it covers (F7).

    False, and nothing set, if the position is no longer ``before``: somebody has asked for the
    folder to be listed anew meanwhile.
    """
    done = db.execute(
        "UPDATE folder SET cursor = ?, validity = ?, backfilling = ?, remaining = ?, proof_at = ?"
        " WHERE id = ? AND cursor = ?",
        (
            cursor.value,
            cursor.validity,
            cursor.backfilling,
            remaining,
            now_ms(),
            folder,
            before.value if before else "",
        ),
    )
    return done.rowcount == 1


def reset(db: sqlite3.Connection, folder: int) -> None:
    """Forget the position: the folder is listed anew from the window (F6)."""
    db.execute(
        "UPDATE folder SET cursor = '', validity = '', backfilling = 1, remaining = NULL"
        " WHERE id = ?",
        (folder,),
    )


def proved(db: sqlite3.Connection, folders: Sequence[int]) -> None:
    """The folders were looked at just now and hold nothing new."""
    now = now_ms()
    db.executemany("UPDATE folder SET proof_at = ? WHERE id = ?", [(now, f) for f in folders])


def reconciled(db: sqlite3.Connection, folder: int) -> None:
    """The folder's copies were compared with the server's just now (F4)."""
    db.execute("UPDATE folder SET reconciled_at = ? WHERE id = ?", (now_ms(), folder))
