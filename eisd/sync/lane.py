"""The fetch lane: a connection of its own for what is pending, so that it holds up no listing.

The table is the queue; the bell is a hint. The connection is made when there is something to
fetch and let go after a little rest. A server that refuses a second connection is not asked again
for a while: the mailbox's first one then fetches between its waits.
"""

from __future__ import annotations

import asyncio
import random
from time import monotonic

from eisd import events
from eisd.driver.interface import Session
from eisd.errors import DriverError, StoreError, UserError
from eisd.logs import emit
from eisd.store import copies
from eisd.store.copies import Queued
from eisd.store.sql import now_ms
from eisd.sync.backoff import Backoff
from eisd.sync.fetch import GROUP, Fetcher
from eisd.sync.mailbox import Mailbox

LINGER = 20.0
"""Seconds a lane keeps its connection with nothing to fetch."""
CHUNK = 256
PATIENCE = 1.0
"""Seconds that a few messages of the past wait for more to be fetched with them."""
LOOK = 60.0
"""At least so often the queue is looked at, bell or no bell."""


class Lane:
    """One mailbox's fetch lane; `run` never ends by itself."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._fetcher = Fetcher(mailbox)
        self._backoff = Backoff(2.0, 300.0)

    async def run(self) -> None:
        """Fetch whatever is queued, for as long as the mailbox is connected."""
        while True:
            try:
                if not await self._queue():
                    await self._mailbox.lane_bell.wait(await self._rest())
                    continue
                await self._drain_on_own_session()
                self._backoff.reset()
                self._mailbox.lane_blocked = False
            except (DriverError, StoreError, UserError) as exc:
                await self._trouble(exc)
            except Exception as exc:  # noqa: BLE001  our mistake: nothing must end the lane
                emit(events.TASK_CRASHED, task=self._mailbox.name, restart_in_s=None, error=exc)
                await self._trouble(exc)

    async def retry(self) -> None:
        """Somebody asks: what failed a time or two is tried at once."""
        mailbox = self._mailbox
        await mailbox.services.store.write(lambda tx: copies.retry_now(tx.db, mailbox.id))

    def blame_at_once(self) -> None:
        """There will be no third connection: a message alone when one breaks is to blame."""
        self._fetcher.breaks = 1

    async def drain(self, session: Session) -> None:
        """Fetch all that may be fetched now over a session of somebody else's."""
        while queued := await self._gathered():
            await self._fetcher.run(session, queued)

    async def live(self, session: Session) -> None:
        """Fetch what just came, if it is little: not worth another connection's delay."""
        queued = await self._queue()
        small = [
            one
            for one in queued[:SMALL_COUNT]
            if one.live and not one.attempts and 0 <= one.size <= SMALL_BYTES
        ]
        if small:
            await self._fetcher.run(session, small)

    async def _drain_on_own_session(self) -> None:
        async with self._mailbox.session() as session:
            while True:
                await self.drain(session)
                if not await self._mailbox.lane_bell.wait(LINGER):
                    return

    async def _queue(self) -> list[Queued]:
        mailbox = self._mailbox
        queued = await mailbox.services.store.read(lambda db: copies.queue(db, mailbox.id, CHUNK))
        return [one for one in queued if one.id not in mailbox.in_hand]

    async def _gathered(self) -> list[Queued]:
        """What is queued; while much of the past is being listed, whole groups of it.

        A group costs a request, a turn of the parser and a transaction, whatever is in it.
        """
        mailbox, end = self._mailbox, monotonic() + PATIENCE
        while queued := await self._queue():
            whole = len(queued) // GROUP * GROUP
            left = end - monotonic()
            if not mailbox.listing or queued[0].live or left <= 0:
                break
            if whole:
                return queued[:whole]
            await mailbox.lane_bell.wait(left)
        return queued

    async def _rest(self) -> float:
        at = await self._mailbox.services.store.read(
            lambda db: copies.next_retry(db, self._mailbox.id)
        )
        return LOOK if at is None else min(LOOK, max(0.2, (at - now_ms()) / 1000))

    async def _trouble(self, error: Exception) -> None:
        self._mailbox.lane_blocked = True
        pause = self._backoff.next(random.random(), floor=getattr(error, "retry_after", None) or 0)  # noqa: S311
        emit(
            events.SYNC_FAILED,
            level=events.Level.DEBUG,
            reason=str(error),
            retry_in_s=round(pause, 1),
            error=error,
        )
        await asyncio.sleep(pause)


SMALL_COUNT = 20
SMALL_BYTES = 256 << 10
