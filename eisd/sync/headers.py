"""Headers read in a process of their own, so that a long scan leaves the daemon's to the rest.

A few copies at a time, as new mail comes, are read at once in a thread: what counts then is the
delay. So is what comes while a worker starts. A header that breaks its worker costs itself: the
batch is read again one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from time import perf_counter
from typing import Final, Protocol

from eisd.matcher.scan import Context, Item, Read, scan, unreadable
from eisd.matcher.scan_frames import read_answer, request
from eisd.matcher.spawn import HEADERS
from eisd.mime.process import Died, WorkerPool

FEW: Final = 8
"""Fewer copies than that are read in a thread."""


class HeaderReader(Protocol):
    """Whoever reads the headers of listed copies without ever being stopped by one."""

    async def read(self, context: Context, items: Sequence[Item]) -> list[Read]: ...


class HeaderPool(WorkerPool):
    """A worker process that scans; the limits are for each batch."""

    kind = HEADERS
    depth = 2
    """Of a long scan the next batch lies ready when one has been read."""

    def __init__(
        self,
        threads: Executor,
        *,
        cpu_seconds: float | None = None,
        wall_seconds: float = 20.0,
        memory: int | None = None,
        rest_seconds: float = 60.0,
    ) -> None:
        super().__init__(
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
            memory=memory,
            rest_seconds=rest_seconds,
        )
        self._threads = threads
        self._starting: asyncio.Task[None] | None = None
        self._aside = asyncio.Lock()

    async def aclose(self) -> None:
        """End every worker, one that is just starting too."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        await super().aclose()

    async def read(self, context: Context, items: Sequence[Item]) -> list[Read]:
        """Read and judge copies, in their order. Raises for no copy.

        Raises `PoolClosed` if `aclose` is called meanwhile.
        """
        if len(items) < FEW:
            return await self._here(context, items)
        async with self._aside:
            if not self._alive:  # it takes as long to start as a thread takes for a batch
                if self._starting is None or self._starting.done():
                    self._check_open()
                    self._starting = asyncio.create_task(self.warm(), name="header worker")
                return await self._here(context, items)
        async with self._gate:
            try:
                return await self._batch(context, items)
            except OSError:  # no process can be had: slower, but headers are read
                return await self._here(context, items)

    async def _here(self, context: Context, items: Sequence[Item]) -> list[Read]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, scan, context, items)

    async def _batch(self, context: Context, items: Sequence[Item]) -> list[Read]:
        try:
            found = await self._ask(request(context, items), partial(read_answer, count=len(items)))
        except Died:
            self._check_open()
        else:
            if not isinstance(found, str):
                return found
        return [await self._one(context, item) for item in items]

    async def _one(self, context: Context, item: Item) -> Read:
        began = perf_counter()
        found = await self._try(request(context, [item]), partial(read_answer, count=1))
        if isinstance(found, str):
            self.strike("header", found, began, len(item.header))
            return unreadable(context, item)
        return found[0]
