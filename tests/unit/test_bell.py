"""The bell: capacity one, never lost, safe from threads."""

from __future__ import annotations

import asyncio
import threading
import time

from eisd.bell import Bell


async def test_a_ring_before_the_wait_is_kept():
    """A bell that rang while nobody waited ends the next wait at once."""
    bell = Bell()
    bell.ring()

    assert await bell.wait(0.001)


async def test_many_rings_are_one():
    """Any number of rings wake once; the second wait times out."""
    bell = Bell()
    for _ in range(5):
        bell.ring()

    assert [await bell.wait(0.01), await bell.wait(0.01)] == [True, False]


async def test_rings_from_a_thread_arrive_promptly():
    """A ring from another thread wakes a sleeping loop without waiting for its next timer."""
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(10))
    await asyncio.sleep(0)
    begun = time.monotonic()
    threading.Thread(target=bell.ring_threadsafe).start()

    assert await waiting
    assert time.monotonic() - begun < 5


def test_ringing_after_the_loop_is_closed_is_nothing():
    """A writer thread that outlives the loop may still ring."""

    async def make() -> Bell:
        return Bell()

    asyncio.run(make()).ring_threadsafe()
