"""Working off the jobs on the past (U3): from the index, in bounded steps, killable anywhere.

Readers look through the index; what they find is settled in the writer, a few milliseconds at a
time, so that nobody waits long. What turns out to concern a contact is pending and is fetched by
the lanes as everything else is (U2). A step that a kill interrupts is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from time import monotonic

from eisd import events
from eisd.bell import Bell
from eisd.errors import StoreError
from eisd.logs import emit
from eisd.matcher.codec import unpack
from eisd.matcher.keys import keys_of
from eisd.model.facts import KeyHash
from eisd.store import replay, retro
from eisd.store.database import Database, Tx
from eisd.store.replay import Job
from eisd.store.retro import Pass
from eisd.store.sql import Connection
from eisd.sync import replay as again
from eisd.sync.record import BOOK, book_of
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, settle

BUDGET = 0.025
"""Seconds that one write may settle what was found."""
LOOK = 60.0
"""At least so often the table is looked at, bell or no bell."""
REST = 2.0
"""Jobs of contacts that eisd made are gathered for so many times as long as the last ones took."""
REST_MAX = 5.0

_NOBODY = bytes(16)


def changed(
    tx: Tx,
    why: str,
    *,
    addresses: tuple[int, int] | None = None,
    keys: Collection[KeyHash] = (),
    fresh: Collection[KeyHash] = (),
) -> bool:
    """Something changed about contacts: let the filter know, and have the past looked at.

    ``addresses`` are the first and last row id of new intervals, ``keys`` other hashes to look
    for, ``fresh`` hashes that no contact had. True when a job was written; who works jobs off is
    to be told once this is durable.
    """
    book = tx.cache.get(BOOK)
    if book is not None and book.filter is not None:
        book.filter.add(fresh)
    return retro.enqueue(tx.db, why, addresses=addresses, keys=keys)


class Retro:
    """Works off the jobs; any number of tasks may ask, one at a time does it."""

    def __init__(
        self,
        store: Database,
        rules: Callable[[], Rules],
        found: Callable[[Settled], None] = lambda _settled: None,
    ) -> None:
        self.bell = Bell()
        """Rung when there may be jobs."""
        self._store = store
        self._rules = rules
        self._found = found
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Work off jobs as they come, until cancelled."""
        while True:
            began = monotonic()
            try:
                await self.drain()
            except StoreError as exc:
                emit(events.DB_WRITE_FAILED, reason=str(exc), error=exc)
            await asyncio.sleep(min(REST_MAX, REST * (monotonic() - began)))
            await self.bell.wait(LOOK)

    async def drain(self) -> Settled:
        """Work off every job there is; what came of those that nobody else was at."""
        done = Settled()
        async with self._one:
            while (work := await self._store.read(retro.next_pass)) is not None:
                await self._pass(work, done)
            while (job := await self._store.read(replay.next_job)) is not None:
                await self._replay(job, done)
        return done

    async def _pass(self, work: Pass, done: Settled) -> None:
        began, position, examined = monotonic(), work.position, 0
        before = done.pending + len(done.activities)
        while position < work.last_copy:
            found, end = await self._store.read(
                lambda db, at=position: retro.look(db, work, at, keys_in)  # type: ignore[misc]
            )
            examined += end - position
            await self._settle(found, done, partial(retro.moved, work=work, position=end))
            position = end
        if count := done.pending + len(done.activities) - before:
            emit(
                events.MATCH_BACKFILL_COMPLETED,
                contacts=len(work.jobs),
                activities=count,
                examined=examined,
                duration_ms=round((monotonic() - began) * 1000),
            )

    async def _replay(self, job: Job, done: Settled) -> None:
        """Decide everything in a span again, by the policy of today."""
        began, position = monotonic(), job.position
        before = done.pending, len(done.activities)
        while True:
            found, end = await self._store.read(
                lambda db, at=position: again.look(db, job.span, at)  # type: ignore[misc]
            )
            await self._settle(found, done, partial(replay.moved, job=job, position=end))
            position = end
            if position >= job.span.last_copy:
                break
        emit(
            events.MATCH_REPLAYED,
            activities=len(done.activities) - before[1],
            pending=done.pending - before[0],
            duration_ms=round((monotonic() - began) * 1000),
        )

    async def _settle(
        self, found: Sequence[bytes], done: Settled, moved: Callable[[Connection], None]
    ) -> None:
        """Decide what was found again, and let the position be ``moved`` past it."""
        rules, at = self._rules(), 0
        while True:
            settled, taken = await self._store.write(
                lambda tx, at=at: _some(tx, rules, found[at:], moved)  # type: ignore[misc]
            )
            done.activities += settled.activities
            done.pending += settled.pending
            if settled.activities or settled.pending:
                self._found(settled)
            at += taken
            if at >= len(found):
                return


def _some(
    tx: Tx, rules: Rules, found: Sequence[bytes], moved: Callable[[Connection], None]
) -> tuple[Settled, int]:
    """Settle as many as the budget allows; with the last one the position moves."""
    done, taken, until = Settled(), 0, monotonic() + BUDGET
    book = book_of(tx)
    for id_key in found:
        settle(rules, book, id_key, done=done)
        taken += 1
        if monotonic() > until:
            break
    if taken == len(found):
        moved(tx.db)
    return done, taken


def keys_in(facts: bytes) -> tuple[KeyHash, ...]:
    """The hashes of addresses that packed facts hold."""
    return keys_of(unpack(_NOBODY, 0, facts))
