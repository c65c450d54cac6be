"""Killed at every await, cut at every call: what is on record is always whole (RF1, RF39, RF56)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from lab.world import World, ago, world
from unit.sync.cut import Cut

from eisd.driver.memory import MemorySession
from eisd.errors import DriverError
from eisd.model.folder import Cursor, Folder, Window
from eisd.store import folders
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox

CONTACTS = {"c1": ["ada@x.test"], "c2": ["bob@y.test"]}


async def fill(here: World, count: int = 24) -> None:
    """A mailbox with mail from two contacts, strangers, and some without a Message-ID."""
    anna = await here.mailbox()
    await here.contacts(CONTACTS)
    for number in range(count):
        anna.deliver(
            ("ada@x.test", "eve@far.test", "bob@y.test")[number % 3],
            subject=f"n{number}",
            at=ago(hours=count - number),
            message_id=None if number % 4 else "",
        )
        anna.deliver(anna.address, "ada@x.test", folder="Sent", subject=f"s{number}")


async def consistent(here: World) -> None:
    """No row without an outcome, no position past a copy without a row (RP3)."""
    await here.check()
    for name, held in ((f.name, f) for f in here.boxes["anna"].provider.folders()):
        rows = await here.store.read(lambda db: folders.of_mailbox(db, here.boxes["anna"].id))
        row = next((r for r in rows if r.folder.name == name), None)
        if row is None or row.cursor is None:
            continue
        _, live, back, _ = map(int, row.cursor.value.split("/"))
        covered = {m.remote_id for n, m in held.messages.items() if back < n < live}
        recorded = {
            remote
            for (remote,) in await here.rows(
                "SELECT remote_id FROM message_outcomes WHERE folder = ?", name
            )
        }
        assert covered <= recorded


async def whole(here: World) -> tuple[object, ...]:
    """Everything that is told, after a calm sync."""
    await here.sync()
    await here.check()
    rows = await here.rows(
        "SELECT contact_id, subject, direction, roles, text FROM activity_feed ORDER BY 1, 2"
    )
    return rows, sorted((await here.outcomes()).values())


async def test_a_kill_at_every_await_loses_and_doubles_nothing(tmp_path: Path):
    """Killed at its n-th await for every n, the next start brings the same as an unharmed one."""
    async with world(tmp_path / "unharmed") as here:
        await fill(here, 9)
        want = await whole(here)
    at, reached = 0, True
    while reached:
        at += 1
        async with world(tmp_path / str(at)) as here:
            await fill(here, 9)
            reached = await Cut(Life(here.start()).once(), at)
            await consistent(here)
            if at % 5 == 0:
                assert await whole(here) == want
    assert at > 15


async def test_killed_again_and_again_it_still_gets_done(here: World):
    """Each start gets a little further; a backfill never begins anew."""
    await fill(here, 200)
    backs = []
    for at in range(12, 200, 2):
        if not await Cut(Life(here.start()).once(), at):
            break
        await consistent(here)
        rows = await here.store.read(lambda db: folders.of_mailbox(db, here.boxes["anna"].id))
        backs += [int(r.cursor.value.split("/")[2]) for r in rows[:1] if r.cursor]

    assert backs == sorted(backs, reverse=True)
    assert len(set(backs)) > 3
    assert set((await here.outcomes()).values()) <= {"matched", "unmatched:no_contact"}


@pytest.mark.parametrize("operation", ["connect", "folders", "changed", "scan", "fetch", "listing"])
async def test_a_line_cut_at_every_call_loses_and_doubles_nothing(tmp_path: Path, operation: str):
    """Whichever call of an operation fails, the next start makes it good."""
    async with world(tmp_path / "unharmed") as here:
        await fill(here, 10)
        want = await whole(here)
    for after in range(12):
        async with world(tmp_path / f"{after}") as here:
            await fill(here, 10)
            here.boxes["anna"].provider.fail(operation, after=after)
            with suppress(DriverError):
                await here.sync()
            await consistent(here)
            here.boxes["anna"].provider.mend()
            await here.store.write(
                lambda tx: tx.db.execute("UPDATE copy SET retry_at = NULL WHERE outcome = 'error'")
            )
            assert await whole(here) == want


async def test_cancelled_writes_are_still_whole(here: World):
    """A batch handed to the writer is recorded with its position, though nobody waits for it."""
    await fill(here)
    task = asyncio.create_task(Life(here.start()).once())
    while not here.store.waiting and not task.done():  # noqa: ASYNC110  a queue of a thread
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    await consistent(here)


# Backfill


class Slow(MemorySession):
    """A session during whose backfill something happens after so many batches of the past."""

    happens: object = None

    async def scan(self, folder: Folder, since: Cursor | Window, **wanted: bool):  # type: ignore[override]
        """Let it happen between two batches."""
        async for batch in super().scan(folder, since, **wanted):
            if batch.copies and not batch.copies[0].live and Slow.happens:
                happens, Slow.happens = Slow.happens, None
                happens()  # type: ignore[operator]
            yield batch


async def test_live_mail_never_waits_for_the_past(here: World, monkeypatch: pytest.MonkeyPatch):
    """What arrives during a backfill is on record before more of the past is listed (F5)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(60):
        anna.deliver("eve@far.test", subject=f"old{number}", at=ago(hours=100 - number))
    monkeypatch.setattr("eisd.driver.memory.MemorySession", Slow)
    monkeypatch.setattr(
        Slow, "happens", staticmethod(lambda: anna.deliver("ada@x.test", subject="live"))
    )

    await here.sync()

    order = [
        (live, remote)
        for live, remote in await here.rows("SELECT live, remote_id FROM copy ORDER BY id")
    ]
    at = order.index((1, "m61"))
    assert at <= 3 * anna.provider.batch_size
    assert len(order) == 61
    past = [int(remote[1:]) for live, remote in order if not live]
    assert past == sorted(past, reverse=True)


async def test_a_pause_is_heard_during_a_backfill(here: World, monkeypatch: pytest.MonkeyPatch):
    """A long past does not keep a mailbox from being paused; what was listed is kept."""
    anna = await here.mailbox()
    for number in range(100):
        anna.deliver("eve@far.test", subject=f"old{number}", at=ago(hours=200 - number))
    monkeypatch.setattr("eisd.sync.engine.SLICE", 0.0)
    monkeypatch.setattr("eisd.driver.memory.MemorySession", Slow)
    mailbox: Mailbox = here.start()

    def pause() -> None:
        mailbox.paused = True
        mailbox.bell.ring()

    monkeypatch.setattr(Slow, "happens", staticmethod(pause))
    task = asyncio.create_task(Life(mailbox).live())
    async with asyncio.timeout(10):
        while mailbox.state != "paused":  # noqa: ASYNC110  the state rings no bell
            await asyncio.sleep(0.005)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert 0 < len(await here.outcomes()) < 60
    await consistent(here)
