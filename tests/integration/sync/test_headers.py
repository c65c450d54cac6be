"""The header pool with real processes: what a header can do to its worker, and what it cannot."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from eisd.matcher.judge import People
from eisd.matcher.keys import Hasher
from eisd.matcher.policy import Policy
from eisd.matcher.scan import Context, Item, scan, unreadable
from eisd.mime.process import PoolClosed
from eisd.mime.spawn import spawn
from eisd.model.mailbox import Box, SyncMode
from eisd.sync.headers import FEW, HeaderPool

ROOT = Path(__file__).parents[3]
CONTEXT = Context(
    hasher=Hasher(b"k" * 32),
    policy=Policy(),
    people=People({}, {1: {"default": 0}}),
    mailbox=1,
    key=0,
    aliases=frozenset(),
    mode=SyncMode.TWO_WAY,
    box=Box.RECEIVED,
)
HOSTILE = """
import os, sys, time
sys.path.append(sys.argv.pop(1))
from eisd.matcher.scan import Item, scan_rows
from eisd.matcher.scan_main import main

def scanner(context, items):
    for item in map(Item._make, items):
        if b"SPIN" in item.header:
            while True: pass
        if b"WAIT" in item.header: time.sleep(60)
        if b"EAT" in item.header: return [bytearray(1 << 26) for _ in range(99)]
        if b"EXIT" in item.header: os._exit(0)
        if b"RAISE" in item.header: raise RuntimeError(item)
        if b"BABBLE" in item.header: os.write(1, b"\\0\\0\\0\\2[]")
        if b"FEWER" in item.header: return []
    return scan_rows(context, items)

main(scanner=scanner)
"""


class HostilePool(HeaderPool):
    """A pool whose worker does what a header asks of it."""

    def _command(self) -> list[str]:
        *_, cpu, memory = super()._command()
        return [sys.executable, "-I", "-c", HOSTILE, str(ROOT), cpu, memory]


@pytest.fixture
async def pool() -> AsyncIterator[HostilePool]:
    limits = {"cpu_seconds": 0.4, "wall_seconds": 3.0, "memory": 256 << 20}
    with ThreadPoolExecutor(1) as threads:
        hostile = HostilePool(threads, **limits)
        yield hostile
        await hostile.aclose()


def items(*words: str) -> list[Item]:
    """A batch that goes to the worker, with these headers in its middle."""
    plain = [f"Message-ID: <{n}@a.example>\r\nFrom: n{n}@a.example\r\n" for n in range(FEW)]
    bad = [f"Subject: {word}\r\n" for word in words]
    return [Item(0, live=False, header=each.encode()) for each in [*plain[:4], *bad, *plain[4:]]]


async def test_a_worker_reads_as_we_do():
    """What a worker answers is what `scan` gives, and the answers keep their order."""
    with ThreadPoolExecutor(1) as threads:
        pool = HeaderPool(threads)
        await pool.warm()
        try:
            found = await pool.read(CONTEXT, items("one", "two"))
        finally:
            await pool.aclose()

    assert found == scan(CONTEXT, items("one", "two"))
    assert (pool.started, pool.strikes) == (1, 0)


@pytest.mark.parametrize("poison", ["SPIN", "WAIT", "EAT", "EXIT", "RAISE", "BABBLE", "FEWER"])
async def test_a_hard_header_costs_itself(pool: HostilePool, poison: str):
    """The header that breaks its worker is poison; all others of its batch are read."""
    batch = items(poison)
    await pool.warm()
    found = await pool.read(CONTEXT, batch)
    bad = next(at for at, item in enumerate(batch) if poison.encode() in item.header)

    assert found[bad] == unreadable(CONTEXT, batch[bad])
    assert [*found[:bad], *found[bad + 1 :]] == scan(CONTEXT, items())
    assert pool.strikes == 1


async def test_a_few_copies_start_no_process(pool: HostilePool):
    """New mail is read at once."""
    few = items()[: FEW - 1]

    assert await pool.read(CONTEXT, few) == scan(CONTEXT, few)
    assert pool.started == 0


async def test_nobody_waits_for_a_worker_to_start(pool: HostilePool):
    """The first batch is read here while a worker starts, and the worker has the next."""
    first = await pool.read(CONTEXT, items("one"))
    assert not pool._alive
    with anyio.fail_after(10):
        while not pool._alive:  # noqa: ASYNC110 - a process starts when it starts
            await anyio.sleep(0.01)
    second = await pool.read(CONTEXT, items("EXIT"))

    assert first == scan(CONTEXT, items("one"))
    assert second[4] == unreadable(CONTEXT, items("EXIT")[4])


async def test_without_processes_headers_are_read_all_the_same():
    """Where no worker can be started a thread reads."""

    class Broken(HeaderPool):
        def _command(self) -> list[str]:
            return [sys.executable, "-I", "-c", "raise SystemExit(1)"]

        async def forced(self) -> list[Any]:
            await self.adopt(await anyio.to_thread.run_sync(spawn, self._command()))
            return await self.read(CONTEXT, items())

    with ThreadPoolExecutor(1) as threads:
        pool = Broken(threads)
        await pool.warm()

        assert await pool.read(CONTEXT, items()) == scan(CONTEXT, items())
        assert await pool.forced() == scan(CONTEXT, items())
        await pool.aclose()


@pytest.mark.parametrize("poison", ["SPIN", "EXIT", "BABBLE"])
async def test_a_hard_header_costs_no_other_batch(pool: HostilePool, poison: str):
    """A batch that lay ready behind the one that broke the worker is asked anew, and whole."""
    await pool.warm()
    bad, *others = await asyncio.gather(
        pool.read(CONTEXT, items(poison)), *(pool.read(CONTEXT, items("fine")) for _ in range(3))
    )

    assert bad[4] == unreadable(CONTEXT, items(poison)[4])
    assert others == [scan(CONTEXT, items("fine"))] * 3
    assert pool.strikes == 1


@pytest.mark.parametrize("given_up", [0, 1])
async def test_a_batch_that_is_given_up_takes_no_other_along(pool: HostilePool, given_up: int):
    """Whoever stops waiting, the other batch that the worker had is read, and nobody is blamed."""
    await pool.warm()
    batches = [items(*["one"] * 2_000), items(*["two"] * 2_000)]
    reading = [asyncio.create_task(pool.read(CONTEXT, batch)) for batch in batches]
    with anyio.fail_after(10):
        while [worker.asked for worker in pool._alive] != [2]:
            await anyio.lowlevel.checkpoint()
    reading[given_up].cancel()
    kept = await reading[not given_up]

    assert kept == scan(CONTEXT, batches[not given_up])
    assert reading[given_up].cancelled()
    assert (pool.started, pool.strikes) == (2, 0)


async def test_closing_is_no_strike(pool: HostilePool):
    """A batch that waits while the pool closes is not judged."""
    await pool.warm()
    waiting = asyncio.create_task(pool.read(CONTEXT, items("WAIT")))
    await anyio.sleep(0.1)
    await pool.aclose()
    with pytest.raises(PoolClosed):
        await waiting

    assert pool.strikes == 0
    assert not pool._alive
