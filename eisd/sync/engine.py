"""One pass over a mailbox's folders: what is new first, then the past, newest first.

A pass works on one session. It first fixes the live position of every folder that has none, so
that nothing that arrives from then on depends on how long the past takes. Then it lists what came,
folder by folder, and only then the past, in slices: after each slice the other folders are asked
for what came meanwhile. Batches are recorded behind: while one is listed, the headers of the one
before it are read, and the one before that is written. The writer takes them in order, so the
position never runs ahead of what it covers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from time import monotonic, time

from eisd import events, metrics
from eisd.driver.interface import Session
from eisd.errors import CursorExpired, DriverError, FolderGone, Rejected
from eisd.logs import emit
from eisd.model.folder import Batch, Cursor, Folder
from eisd.store import folders, mailboxes, removals
from eisd.store.database import Tx
from eisd.store.folders import FolderRow
from eisd.store.sql import now_ms
from eisd.sync.mailbox import Mailbox
from eisd.sync.prepare import prepare
from eisd.sync.reconcile import drop_gone, reconcile
from eisd.sync.record import Place, Recorded, Step, book_of, record
from eisd.sync.selection import select
from eisd.sync.verdict import People

MUCH = 2_000
"""While more copies than that are to be listed, what is to be fetched can wait a little."""
SLICE = 10.0
"""So many seconds of the past, then a look at what came elsewhere."""
PROGRESS = 30.0
RECONCILE = 24 * 3600.0
FRESH = 60.0
"""A folder whose whole listing began so lately shows what the server has."""
AHEAD = 3
"""So many batches may be under way while the next is listed: one ready, one read, one written."""


class Engine:
    """The passes of one session; made anew for each connection."""

    def __init__(
        self, mailbox: Mailbox, session: Session, on_live: Callable[[], Awaitable[None]]
    ) -> None:
        self._mailbox = mailbox
        self._session = session
        self._on_live = on_live
        self._store = mailbox.services.store
        self._rows: dict[Folder, FolderRow] = {}
        self._told = monotonic()
        self._began = monotonic()
        self._under_way: deque[asyncio.Future[Recorded]] = deque()
        """Batches that are being read or written, the oldest first."""
        self._whole: dict[Folder, float] = {}
        """When the listing of new folders began that are listed whole, in one session."""
        self._people: People | None = None
        """What batches are read by; the writer says when they are others."""
        self._lost = False
        """A folder was gone when it was its turn: it may have another name by now."""
        self.refused: set[str] = set()
        """Names of folders that the server would not let us read, since we last asked for them."""
        self._told_of: set[str] = set()

    @property
    def behind(self) -> bool:
        """Whether some folder's past is not listed yet."""
        return any(_backfilling(row.cursor) for row in self._rows.values())

    def watched(self) -> Folder | None:
        """The folder that matters most: the inbox, else the first one synced, if there is one."""
        return next(iter(self._rows), None)

    @property
    def folders(self) -> list[Folder]:
        """The synced folders, the most important first."""
        return list(self._rows)

    async def discover(self) -> None:
        """Ask which folders there are, and which of them are ours to read."""
        plan, mailbox = self._mailbox.plan, self._mailbox
        listed = select(
            await self._session.folders(),
            chosen=plan.chosen,
            mode=plan.mode,
            labels=self._session.capabilities.labels,
        )
        before = await self._store.read(lambda db: folders.of_mailbox(db, mailbox.id))
        rows = await self._store.write(lambda tx: folders.put(tx.db, mailbox.id, listed))
        by_name = {row.folder.name: row for row in rows}
        self._rows = {folder: by_name[folder.name] for folder, why in listed if not why}
        self._told_of, self.refused = self.refused, set()
        _tell_folders({row.folder.name: row for row in before}, rows)

    async def full(self, *, reconcile_all: bool = False) -> None:
        """Bring every folder up to date, its past included, and compare what was removed."""
        began, was_behind = monotonic(), self.behind
        await self._list()
        if self._lost:  # what it held is moved, not removed, if another folder has it (F4)
            await self.discover()
            await self._list()
        if self._mailbox.is_interrupted():
            return
        await self._reconcile(everything=reconcile_all)
        caught_up = not self.behind
        await self._store.write(
            lambda tx: mailboxes.synced(tx.db, self._mailbox.id, caught_up=caught_up)
        )
        self._mailbox.passes += 1
        self._mailbox.unstored = ""
        took, listed = round((monotonic() - began) * 1000), self._mailbox.listed
        if was_behind and caught_up:
            emit(events.BACKFILL_COMPLETED, done=listed, duration_ms=took)
        emit(events.SYNC_COMPLETED, n=listed, duration_ms=took)
        self._mailbox.synced_at = time()
        metrics.SYNC_DURATION.observe(took / 1000, self._mailbox.plan.driver.name)

    async def _list(self) -> None:
        """List what came in every folder, then the past of each, unless interrupted."""
        self._lost = False
        new = [folder for folder in self._rows if self._cursor(folder) is None]
        for folder in new:
            if self._rows[folder].reconciled_at is None:
                self._whole[folder] = monotonic()
            await self._scan(folder, lambda _batch: True)
        behind = [folder for folder in self._rows if _backfilling(self._cursor(folder))]
        # The past begins with a look at what came: where it is next, one just begun needs no other.
        next_ = behind if len(behind) == 1 and behind[0] in new else []
        await self.live([folder for folder in self._rows if folder not in next_])
        for folder in list(self._rows):
            while folder in self._rows and _backfilling(self._cursor(folder)):
                if self._mailbox.is_interrupted():
                    return
                await self._slice(folder)
                await self.live([f for f in self._rows if f is not folder])

    async def live(self, asked: list[Folder]) -> None:
        """List what came in these folders since we last looked."""
        cursors = {f: c for f in asked if (c := self._cursor(f)) is not None}
        if not cursors:
            return
        changed = set(await self._session.changed(cursors))
        quiet = [self._rows[f].id for f in cursors if f not in changed]
        if quiet:
            await self._store.write(lambda tx: folders.proved(tx.db, quiet))
        for folder in asked:
            if folder in changed and folder in self._rows:
                await self.newest(folder)

    async def newest(self, folder: Folder) -> None:
        """List what came in one folder; of its past at most the batch that is under way."""
        await self._scan(folder, lambda batch: bool(batch.copies) and not batch.copies[0].live)

    async def _slice(self, folder: Folder) -> None:
        end = monotonic() + SLICE
        await self._scan(folder, lambda _batch: monotonic() > end)

    async def _scan(self, folder: Folder, enough: Callable[[Batch], bool]) -> None:
        """List a folder from its position until it is caught up, or a batch is ``enough``."""
        since = self._rows[folder].cursor or self._mailbox.window()
        vouched = bool(self._mailbox.services.rules().trusted_authserv)
        live = False
        try:
            scan = self._session.scan(folder, since, authentication=vouched)
            async with aclosing(scan) as batches:
                async for batch in batches:
                    await self._take(folder, batch)
                    live = live or bool(batch.copies and batch.copies[0].live)
                    if enough(batch):
                        break
            await self._flush()
        except DriverError as exc:
            await self._flush()
            if not await self._stopped(folder, exc):
                raise
        finally:
            self._let_go()
            if self._mailbox.listing:
                self._mailbox.listing = False
                self._mailbox.lane_bell.ring()
        if live:
            await self._on_live()

    async def _stopped(self, folder: Folder, error: DriverError) -> bool:
        """A scan ended with an error; whether that is one of this folder alone."""
        if isinstance(error, CursorExpired):
            await self._renumbered(folder, error)
        elif isinstance(error, FolderGone):
            self._lost = True
            row = self._rows.pop(folder)
            await self._store.write(lambda tx: folders.gone(tx.db, row.id))
            emit(events.FOLDER_FAILED, folder=folder.name, reason=str(error), error=error)
        elif isinstance(error, Rejected):  # its rows and its position stay for when it opens again
            del self._rows[folder]
            self.refused.add(folder.name)
            level = events.Level.DEBUG if folder.name in self._told_of else None
            why = str(error)
            emit(events.FOLDER_FAILED, level=level, folder=folder.name, reason=why, error=error)
        else:
            return False
        return True

    async def _take(self, folder: Folder, batch: Batch) -> None:
        """Hand a batch on to be read and recorded, and wait until few are under way."""
        mailbox = self._mailbox
        if self._people is None:
            self._people = await self._store.write(lambda tx: book_of(tx).people)
        row = self._rows[folder]
        self._rows[folder] = replace(row, cursor=batch.cursor, remaining=batch.remaining)
        step = Step(row.cursor, batch.cursor, batch.remaining)
        mailbox.listing = (batch.remaining or 0) > MUCH
        before = self._under_way[-1] if self._under_way else None
        task = asyncio.ensure_future(
            self._record(folder, batch, Place(mailbox.id, row.id), step, self._people, before)
        )
        task.add_done_callback(_look_at)
        self._under_way.append(task)
        while len(self._under_way) > AHEAD:
            await self._first()

    async def _record(
        self,
        folder: Folder,
        batch: Batch,
        place: Place,
        step: Step,
        people: People,
        before: asyncio.Future[Recorded] | None,
    ) -> Recorded:
        """Read a batch's headers, wait for the one before it, and hand it to the writer."""
        mailbox = self._mailbox
        services, rules = mailbox.services, mailbox.services.rules()
        begin = mailbox.counts_from
        ready = await prepare(
            services.headers, batch.copies, folder, mailbox.id, rules, people, begin
        )
        if before is not None:
            await asyncio.wait({before})
            before.result()  # what failed before is not skipped
        return await self._store.write(lambda tx: record(tx, rules, place, ready, step))

    async def _first(self) -> None:
        """Wait until the oldest batch under way is durable, and let others know what it brought."""
        done = await self._under_way.popleft()
        self._people = done.people
        self._count(done)

    async def _flush(self) -> None:
        """Wait until every batch is durable."""
        while self._under_way:
            await self._first()

    def _let_go(self) -> None:
        """Leave batches that nobody waits for any more: those that the writer has it records."""
        while self._under_way:
            self._under_way.popleft().cancel()

    def _count(self, done: Recorded) -> None:
        mailbox = self._mailbox
        mailbox.beat = monotonic()
        mailbox.listed += done.copies
        for result, number in done.results.items():
            metrics.MESSAGES.inc(mailbox.name, result, by=number)
        mailbox.tell(done.activities, live=not self.behind)
        mailbox.heed(done)
        if done.pending:
            mailbox.lane_bell.ring()
        if self.behind and monotonic() - self._told > PROGRESS:
            self._told = monotonic()
            remaining = sum(row.remaining or 0 for row in self._rows.values())
            emit(
                events.BACKFILL_PROGRESSED,
                done=mailbox.listed,
                total=mailbox.listed + remaining,
                rate_per_s=round(mailbox.listed / max(0.001, monotonic() - self._began)),
            )

    async def _renumbered(self, folder: Folder, error: CursorExpired) -> None:
        """Every remote id of the folder is void: list it again from the window (F6)."""
        row = self._rows[folder]

        def start_over(tx: Tx) -> None:
            removals.retire(tx.db, row.id)
            folders.reset(tx.db, row.id)

        await self._store.write(start_over)
        self._whole.pop(folder, None)
        self._rows[folder] = await self._store.read(lambda db: folders.by_id(db, row.id))
        if error.code == "validity":
            old = row.cursor.validity if row.cursor else ""
            emit(events.IMAP_UIDVALIDITY_CHANGED, folder=folder.name, old=old)
        else:
            emit(events.FOLDER_RESET, folder=folder.name, reason=str(error))
        await self._scan(folder, lambda _batch: True)

    async def _reconcile(self, *, everything: bool) -> None:
        """Compare folders with the server where that is due, after all of them were listed (F4)."""
        policy = self._mailbox.services.rules().of(self._mailbox.id).on_remote_delete
        partial = self._session.capabilities.partial
        for folder, row in list(self._rows.items()):
            if row.cursor is None or row.cursor.backfilling or folder.handle in partial:
                continue
            fresh = monotonic() - self._whole.pop(folder, float("-inf")) < FRESH
            if not (fresh or everything or _due(row)):
                continue
            begin = self._mailbox.begin_at
            await reconcile(self._store, self._session, row, policy, begin, fresh=fresh)
            self._rows[folder] = replace(row, reconciled_at=now_ms())
        await drop_gone(self._store, self._mailbox.id, policy)

    def _cursor(self, folder: Folder) -> Cursor | None:
        return self._rows[folder].cursor


def _look_at(task: asyncio.Future[Recorded]) -> None:
    """Take notice of a failure that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()


def _backfilling(cursor: Cursor | None) -> bool:
    return cursor is None or cursor.backfilling


def _due(row: FolderRow) -> bool:
    return row.reconciled_at is None or now_ms() - row.reconciled_at > RECONCILE * 1000


def _tell_folders(before: dict[str, FolderRow], rows: list[FolderRow]) -> None:
    for row in rows:
        old = before.get(row.folder.name)
        if old is None or (old.status == "gone" and row.status != "gone"):
            emit(
                events.FOLDER_DISCOVERED,
                level=events.Level.DEBUG,
                folder=row.folder.name,
                role=row.folder.role.value,
                synced=row.status == "synced",
            )
        elif row.status == "gone" and old.status != "gone":
            emit(events.FOLDER_VANISHED, folder=row.folder.name)
