"""Events that an ordinary day does not bring: each is said when it should be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lab.office import MAIL
from lab.office import office as opened
from lab.world import ago, world

from eisd.api import actions
from eisd.api.server import Listeners
from eisd.config.load import load
from eisd.config.schema import MetricsSettings, Settings
from eisd.config.units import Listen
from eisd.daemon import health, metrics, run
from eisd.daemon.core import Core
from eisd.daemon.lookout import Lookout
from eisd.driver.registry import Found, Registry
from eisd.errors import CursorExpired, Transient
from eisd.outbox.pace import Limit
from eisd.store.database import Database, create
from eisd.sync import engine
from eisd.sync.renewal import Renewal
from eisd.sync.retro import Retro

Records = list[dict[str, object]]


def only(events: Records, name: str) -> dict[str, object]:
    """The one event of that name."""
    [found] = [one for one in events if one["event"] == name]
    return found


async def worked_until(work: Coroutine[Any, Any, None], events: Records, name: str) -> None:
    """Let work that never ends go on until it says so."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(20):
        while not [e for e in events if e["event"] == name]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def core(tmp_path: Path):
    """A daemon's core without a mailbox."""
    config = tmp_path / "config.toml"
    config.write_text(f'[daemon]\nstate_dir = "{tmp_path}"\n')
    made = await Core.open(await asyncio.to_thread(load, config))
    yield made
    await made.close()


async def test_the_heartbeat(core: Core, events: Records):
    """daemon.heartbeat says how things are."""
    await health.heartbeat(core)

    told = only(events, "daemon.heartbeat")
    assert (told["mailboxes"], told["healthy"]) == (0, 0)
    assert isinstance(told["rss_mb"], int)
    assert told["rss_mb"] > 0


def test_a_driver_that_does_not_load(events: Records):
    """driver.refused names it, and why."""
    run._tell_drivers(Registry({"odd": Found("odd", "a package", problem="speaks version 9")}))

    told = only(events, "driver.refused")
    assert (told["driver"], told["problem"]) == ("odd", "speaks version 9")


async def test_metrics_that_cannot_be_served(core: Core, events: Records):
    """metrics.unserved: the default address is another daemon's, which is no reason to fail."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = (Listen(host="127.0.0.1", port=taken.getsockname()[1]),)
        chosen = MetricsSettings.model_construct(_fields_set=set(), listen=listen)
        settings = Settings().model_copy(update={"metrics": chosen})

        await metrics.listen(Listeners(metrics.create(core), tcp=True), settings)

    assert "address" in str(only(events, "metrics.unserved")["reason"]).lower()


async def test_a_backup(core: Core, events: Records, tmp_path: Path):
    """db.backup_done says where it lies and how large it is."""
    await actions.backup(core, str(tmp_path / "copy.db"))

    told = only(events, "db.backup_done")
    assert told["path"] == str(tmp_path / "copy.db")
    assert told["bytes"]


async def test_a_database_that_cannot_be_read(core: Core, events: Records):
    """db.read_failed: the lookout tells of it and goes on."""
    await core.store.write(lambda tx: tx.db.execute("ALTER TABLE mailbox RENAME TO elsewhere"))
    await worked_until(Lookout(core).watch(), events, "db.read_failed")

    assert "mailbox" in str(only(events, "db.read_failed")["reason"])


async def test_a_database_that_cannot_be_written(tmp_path: Path, events: Records):
    """db.write_failed: whoever works off the past tells of it, and tries again."""
    path = tmp_path / "eisd.db"
    await asyncio.to_thread(create, path)
    store = await asyncio.to_thread(Database, path)
    await store.write(
        lambda tx: tx.db.execute(
            "INSERT INTO retro (why, last_copy, created_at) VALUES ('add', 1, 0)"
        )
    )
    await store.write(lambda tx: tx.db.execute("PRAGMA query_only = ON"))
    retro = Retro(store, lambda: None)  # type: ignore[arg-type, return-value]
    await worked_until(retro.run(), events, "db.write_failed")

    await asyncio.to_thread(store.close)
    assert "readonly" in str(only(events, "db.write_failed")["reason"])


async def test_the_past_takes_its_time(
    tmp_path: Path, events: Records, monkeypatch: pytest.MonkeyPatch
):
    """backfill.progressed says how far it is, every so often."""
    monkeypatch.setattr(engine, "PROGRESS", 0.0)
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        for number in range(20):
            anna.deliver("ada@x.test", at=ago(days=number + 1))
        await here.sync()

    told = [e for e in events if e["event"] == "backfill.progressed"]
    assert told
    assert all(e["total"] >= e["done"] for e in told)  # type: ignore[operator]


async def test_a_position_that_is_void(tmp_path: Path, events: Records):
    """folder.reset: the driver cannot go on from where it was; the folder is listed anew."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.sync()
        anna.deliver("ada@x.test")
        anna.provider.fail("scan", CursorExpired("the history is gone", code="gone"))
        await here.sync()

        assert only(events, "folder.reset")["folder"] == "INBOX"
        assert [one for (_, one, _) in await here.outcomes()] == ["INBOX"]


async def test_a_session_that_cannot_be_renewed(tmp_path: Path, events: Records):
    """session.kept: no newer token can be had, and the old session goes on."""

    class Ending:
        """A login whose token ends now and cannot be replaced."""

        def renew_in(self) -> float:
            return 0.0

        async def renewed(self) -> bool:
            raise Transient("the provider is away", code="http")

        async def password(self, _table: str = "") -> str:
            return "secret"

        async def access_token(self, *, refused: str = "") -> str:
            return refused

    async with world(tmp_path) as here:
        await here.mailbox()
        mailbox: Any = here.start(login=Ending())
        renewal = Renewal(mailbox)
        opened = await renewal.open()
        assert await renewal.successor() is None
        await opened.close()

    assert only(events, "session.kept")["reason"] == "the provider is away"


async def test_a_limit_that_is_reached(tmp_path: Path, events: Records):
    """outbox.paced: the next message waits for its turn, and goes then."""
    async with opened(tmp_path) as office:
        office.limits = (Limit(1, 0.2),)
        desk = await office.open()
        await desk.posts.start()
        first, second = await office.send(), await office.send(MAIL)
        for one in (first, second):
            await office.until(one, "sent")

    assert [e for e in events if e["event"] == "outbox.paced"]
