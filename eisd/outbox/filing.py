"""The copy in Sent, and what is in doubt: the other half of a station, over the way in.

Apart from the sending, so that a slow or broken way in holds up no mail. A copy that cannot be
filed is tried again, and never makes a message that was sent a failed one. A message in doubt is
looked for again and again, by its Message-ID: in Sent, where the provider itself would have filed
it, and in every mailbox that eisd reads. It is never sent again from here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from eisd import events
from eisd.bell import Bell
from eisd.driver.interface import Sender
from eisd.errors import DriverError, FolderGone, Rejected, StoreError, UserError
from eisd.logs import bind, emit, trace_id
from eisd.model.submission import Filing
from eisd.outbox import moves
from eisd.outbox.station import Services, Station
from eisd.store import outbox
from eisd.store.outbox import Submission
from eisd.store.sql import now_ms

LINGER = 10.0
"""Seconds a connection is kept with nothing to file."""
CHUNK = 32
LOOK = 300.0
MOMENT = 0.1
MOMENTS = 20
LOOKS_MS = (15_000, 60_000, 300_000, 1_800_000, 3_600_000)
"""How long after each look a message in doubt is looked for again; the last one repeats."""
DELAYS_MS = (30_000, 120_000, 600_000, 1_800_000, 3_600_000)


class Filer:
    """One station's filing and looking."""

    def __init__(
        self, station: Station, services: Services, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        """Take who tells that messages are waiting to be sent: those go first."""
        self.station = station
        self.bell = Bell()
        self._services = services
        self._store = services.store
        self._is_busy = is_busy
        self._looks: dict[int, int] = {}
        self._tries = 0

    async def run(self, *, once: bool = False) -> None:
        """File and look until nothing is left; with ``once``, each thing that is due at most once.

        Raises:
            DriverError: with ``once`` alone: the mailbox cannot be reached.
        """
        while True:
            try:
                if await self._next(0) is not None:
                    async with self.station.sender() as sender:
                        await self._serve(sender, once=once)
            except (DriverError, StoreError, UserError) as error:
                if once:
                    raise
                await self._trouble(error)
                continue
            if once or not await self._rest():
                return

    async def _serve(self, sender: Sender, *, once: bool) -> None:
        while True:
            done = await self._file(sender) + await self._look(sender)
            if done:
                continue
            if once or not await self.bell.wait(LINGER):
                return

    async def _rest(self) -> bool:
        pause = await self._next(None)
        if pause is None:
            return False
        await self.bell.wait(min(LOOK, max(0.05, pause)))
        return True

    async def _next(self, within: float | None) -> float | None:
        """Seconds until there is something to do, if there is (within so many)."""
        mailbox = self.station.id
        times = await self._store.read(
            lambda db: (outbox.next_filing(db, mailbox), outbox.next_doubt(db, mailbox))
        )
        least = min((at for at in times if at is not None), default=None)
        if least is None:
            return None
        pause = max(0.0, (least - now_ms()) / 1000)
        return None if within is not None and pause > within else pause

    # Filing

    async def _file(self, sender: Sender) -> int:
        rows = await self._store.read(
            lambda db: outbox.filing_due(db, self.station.id, now_ms(), CHUNK)
        )
        for row in rows:
            await self._give_way()
            with bind(trace_id=trace_id(row.id_key)):
                await self._file_one(sender, row)
        return len(rows)

    async def _give_way(self) -> None:
        """Let mail that waits go first, for a moment: a copy may come a little later."""
        for _ in range(MOMENTS):
            if not self._is_busy():
                return
            await asyncio.sleep(MOMENT)

    async def _file_one(self, sender: Sender, row: Submission) -> None:
        rfc822 = await self._store.read(lambda db: outbox.message(db, row.id))
        if rfc822 is None:
            await self._filed(row, Filing.GIVEN_UP)
            return
        try:
            await sender.append_sent(rfc822)
        except (FolderGone, Rejected) as error:
            await self._not_filed(row, error)
        except (DriverError, UserError) as error:
            await self._not_filed(row, error)
            raise
        else:
            self._tries = 0
            await self._filed(row, Filing.DONE)
            emit(events.OUTBOX_COPY_FILED, submission=row.id, attempt=row.filing_attempts + 1)

    async def _filed(self, row: Submission, filing: Filing) -> None:
        recorder = self._services.recorder
        await self._store.write(lambda tx: moves.filed(tx, recorder, row.id, filing))

    async def _not_filed(self, row: Submission, error: DriverError | UserError) -> None:
        """Try again later; after `outbound.retry_for`, give the copy up: the message is sent."""
        began = row.sent_at or row.created_at
        if now_ms() > began + self.station.retry_for * 1000:
            await self._filed(row, Filing.GIVEN_UP)
            emit(
                events.OUTBOX_COPY_UNFILED,
                level=events.Level.ERROR,
                submission=row.id,
                retry_in_s=None,
                error=error,
            )
            return
        pause = _step(DELAYS_MS, row.filing_attempts)
        await self._store.write(
            lambda tx: outbox.set_filing(tx.db, row.id, Filing.DUE, at=now_ms() + pause)
        )
        emit(events.OUTBOX_COPY_UNFILED, submission=row.id, retry_in_s=pause / 1000, error=error)

    # Doubts

    async def _look(self, sender: Sender) -> int:
        rows = await self._store.read(lambda db: outbox.doubts(db, self.station.id, now_ms()))
        for row in rows:
            with bind(trace_id=trace_id(row.id_key)):
                await self._look_for(sender, row)
        return len(rows)

    async def _look_for(self, sender: Sender, row: Submission) -> None:
        """Look for a message in doubt once, and say when to look again if it is not there.

        One that somebody had before proves nothing by its copy: that may be theirs.
        """
        looks = self._looks[row.id] = self._looks.get(row.id, -1) + 1
        again = now_ms() + _step(LOOKS_MS, looks)
        await self._store.write(lambda tx: outbox.look_again(tx.db, row.id, again))
        if row.sent_at is not None:
            return
        recorder = self._services.recorder
        seen = await self._store.write(lambda tx: recorder.seen(tx, row.id_key))
        in_sent = False
        if not seen:
            with suppress(FolderGone):  # a mailbox without Sent: then it is not there
                in_sent = await sender.find_sent(row.message_id) is not None
        if not seen and not in_sent:
            return
        files = not self.station.outlet.files_sent
        settled = await self._store.write(
            lambda tx: moves.found(tx, recorder, row.id, in_sent=in_sent, files=files)
        )
        if settled:
            self._looks.pop(row.id, None)
            emit(events.OUTBOX_DOUBT_SETTLED, submission=row.id, how="found")

    async def _trouble(self, error: DriverError | StoreError | UserError) -> None:
        pause = min(600.0, 5.0 * 2.0 ** min(self._tries, 10)) * random.uniform(0.75, 1.25)  # noqa: S311
        pause = max(pause, getattr(error, "retry_after", None) or 0.0)
        self._tries += 1
        emit(
            events.OUTBOX_STALLED,
            level=events.Level.DEBUG,  # the sync of the mailbox says the same, louder
            retry_in_s=round(pause, 1),
            fix=None,
            error=error,
        )
        await self.bell.wait(pause)


def _step(steps: tuple[int, ...], at: int) -> int:
    return steps[min(at, len(steps) - 1)]
