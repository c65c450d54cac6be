"""The IMAP driver on servers of other minds: Cyrus, Courier, pymap."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from anyio.to_thread import run_sync
from contract.harness import Password, folder_named, ids_of, mail, scan_all
from lab.client import Server

from eisd.driver.imap.scan import Sizes
from eisd.model.folder import FolderRole
from eisd_imap import ImapDriver


@pytest.fixture(params=["cyrus", "courier", "pymap"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found


async def test_backfill_news_and_bodies(server: Server):
    """Roles, everything once, what comes later, and the bytes as they were."""
    user = await run_sync(server.add_user, "driver@lab.test")
    for n in range(7):
        await run_sync(server.deliver, user, mail(f"{n}@x"))
    driver = ImapDriver(Sizes(2, 3, 4))
    imap = {
        "host": "localhost",
        "port": server.port_imap,
        "tls": "none",
        "password": {"env": "X"},
    }
    options = driver.options({"imap": imap}, address=user)
    login = Password(server.password(user))
    async with driver.session(options, login) as session:
        roles = {f.role for f in await session.folders()}
        assert {FolderRole.INBOX, FolderRole.SENT} <= roles or type(server).__name__ != "Cyrus"
        inbox = await folder_named(session)
        batches = await scan_all(session)
        assert ids_of(batches) == [f"{n}@x" for n in range(6, -1, -1)]
        cursor = batches[-1].cursor
        assert not await session.changed({inbox: cursor})

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_deliver_later, server, user)
                await session.wait(inbox, 5)
        assert inbox in await session.changed({inbox: cursor})
        news = [b async for b in session.scan(inbox, cursor)]
        assert ids_of(news) == ["later@x"]

        ids = [c.remote_id for b in batches for c in b.copies]
        got = [m async for m in session.fetch(inbox, ids, limit=1 << 20)]
        assert len(got) == 7
        (third,) = [m.rfc822 for m in got if b"<3@x>" in m.rfc822]
        assert third.replace(b"\r\n", b"\n").endswith(b"\n\nHello.\n")
        large = [m async for m in session.fetch(inbox, ids[:1], limit=100)]
        assert b"<6@x>" in large[0].rfc822
        assert {i async for chunk in session.listing(inbox, news[-1].cursor) for i in chunk} > set(
            ids
        )
    async with driver.session(replace(options), login) as session:
        assert not await session.changed({inbox: news[-1].cursor})


async def _deliver_later(server: Server, user: str) -> None:
    await anyio.sleep(0.3)
    await run_sync(server.deliver, user, mail("later@x"))
