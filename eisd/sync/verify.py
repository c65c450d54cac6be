"""Whether a mailbox's rows are what its server holds, over a connection of its own.

Nothing is changed: what differs is counted. The comparison is that of `eisd.sync.reconcile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eisd.store import copies, folders, mailboxes
from eisd.store.database import Database
from eisd.sync.mailbox import Plan
from eisd.sync.reconcile import compare

SHOWN = 20


@dataclass(frozen=True, slots=True)
class FolderCheck:
    """One synced folder. ``missing`` are remote ids without a row, ``surplus`` rows without one."""

    folder: str
    rows: int
    missing: Sequence[str] = ()
    surplus: int = 0
    problem: str = ""

    @property
    def server(self) -> int:
        """How many copies the server holds above the folder's floor."""
        return self.rows + len(self.missing) - self.surplus

    @property
    def ok(self) -> bool:
        """Whether both agree."""
        return not (self.missing or self.surplus or self.problem)


async def verify(store: Database, mailbox: int, plan: Plan) -> list[FolderCheck]:
    """Compare every synced folder of a mailbox with its server.

    Raises:
        DriverError: the mailbox cannot be connected to.
    """
    rows = await store.read(lambda db: folders.of_mailbox(db, mailbox))
    begin_at = (await store.read(lambda db: mailboxes.by_id(db, mailbox))).begin_at
    found: list[FolderCheck] = []
    async with plan.driver.session(plan.options, plan.login) as session:
        for row in rows:
            if row.status != "synced":
                continue
            cursor = row.cursor
            if cursor is None or cursor.backfilling:
                found.append(FolderCheck(row.folder.name, 0, problem="its past is not listed yet"))
                continue
            absent, unknown = await compare(store, session, row, room=-row.id, begin_at=begin_at)
            folder, validity = row.id, cursor.validity
            counted = await store.read(
                lambda db, f=folder, v=validity: copies.count(db, f, v)  # type: ignore[misc]
            )
            found.append(FolderCheck(row.folder.name, counted, unknown, len(absent)))
    return found
