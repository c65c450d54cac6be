"""What was removed on the server (F3, F4): apart from the hot path, after all folders were listed.

A message that moved is found in its new folder by then; its identity keeps it one message, and
only one that no folder shows any more counts as removed.
"""

from __future__ import annotations

from eisd.driver.interface import Session
from eisd.store import activities, folders, listings, removals
from eisd.store.database import Database, Tx
from eisd.store.folders import FolderRow
from eisd.store.sql import now_ms


async def reconcile(
    store: Database,
    session: Session,
    row: FolderRow,
    policy: str,
    begin_at: int | None,
    *,
    fresh: bool = False,
) -> int:
    """Mark the copies of a folder that the server no longer lists; return how many.

    A ``fresh`` folder was listed whole just now: there is nothing to compare.

    Copies from before ``begin_at`` (ms), where the window begins, may lie below the folder's
    floor, if the window was wider once; of those its listing says nothing.
    """
    absent: list[int] = []
    if not fresh:
        absent, _ = await compare(store, session, row, begin_at=begin_at)

    def mark(tx: Tx) -> None:
        _removed(tx, absent, policy)
        _orphaned(tx, removals.retired(tx.db, row.id), policy)
        folders.reconciled(tx.db, row.id)

    await store.write(mark)
    return len(absent)


async def compare(
    store: Database,
    session: Session,
    row: FolderRow,
    *,
    room: int | None = None,
    begin_at: int | None = None,
) -> tuple[list[int], list[str]]:
    """(ids of our copies the server lacks, remote ids it lists that we lack), above the floor.

    Another ``room`` than the folder's id keeps the mailbox's own comparison out of the way.
    """
    cursor = row.cursor
    if cursor is None:
        return [], []
    place = row.id if room is None else room
    began = now_ms()
    await store.write(lambda tx: listings.begin(tx.db, place))
    async for chunk in session.listing(row.folder, cursor):
        await store.write(lambda tx, chunk=chunk: listings.note(tx.db, place, chunk))  # type: ignore[misc]
    return await store.write(
        lambda tx: listings.compare(tx.db, place, row.id, cursor.validity, began, begin_at)
    )


async def drop_gone(store: Database, mailbox: int, policy: str) -> None:
    """Mark the copies of folders that the server no longer lists at all."""
    gone = await store.read(lambda db: removals.of_gone_folders(db, mailbox))
    if gone:
        await store.write(lambda tx: _removed(tx, gone, policy))


def _removed(tx: Tx, ids: list[int], policy: str) -> None:
    _orphaned(tx, removals.removed(tx.db, ids), policy)


def _orphaned(tx: Tx, orphans: list[int], policy: str) -> None:
    """Apply the policy to messages that no copy shows any more."""
    if policy == "mark":
        activities.flag_removed(tx.db, orphans)
    elif policy == "remove":
        activities.remove(tx.db, orphans)
