"""The writer's sign of life, which the watchdog is fed on."""

from __future__ import annotations

import asyncio
import time

import pytest

from eisd.store.database import Database

WORK = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3000000)"
    " SELECT max(x) FROM n"
)


@pytest.fixture
async def store(path):
    """An open database."""
    opened = await asyncio.to_thread(Database, path)
    yield opened
    await asyncio.to_thread(opened.close)


async def test_a_long_write_gives_signs_of_life(store, monkeypatch):
    """One transaction that takes its time is no stuck writer; the log tells of it."""
    monkeypatch.setattr("eisd.store.database.SLOW", 0.01)
    beats = set()
    work = asyncio.create_task(store.write(lambda tx: tx.db.execute(WORK).fetchone()))

    while not work.done():
        beats.add(store.beat)
        await asyncio.sleep(0.01)

    assert await work == (3_000_000,)
    assert len(beats) > 3


async def test_a_stuck_write_gives_none(store):
    """A write that does not move is seen to stand."""
    before = store.beat
    work = asyncio.create_task(store.write(lambda _tx: time.sleep(0.3)))

    await asyncio.sleep(0.2)

    assert store.beat == before
    await work
