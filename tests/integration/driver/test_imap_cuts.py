"""A connection that is cut anywhere loses nothing and lists nothing twice (RF1, RF2, RF4, RF12)."""

from __future__ import annotations

from itertools import count

import pytest
from anyio.to_thread import run_sync
from contract.harness import NOON, DovecotProvider, Password, fill, ids_of, mail
from lab.dovecot import Dovecot
from lab.faultproxy import FAIR, FaultProxy, Plan, Way

from eisd.driver.imap.scan import Sizes
from eisd.errors import Transient
from eisd.model.folder import Batch, Cursor, Folder, FolderRole, Window
from eisd_imap import ImapDriver

INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)


async def synced(
    driver: ImapDriver, options: object, proxy: FaultProxy, batches: list[Batch]
) -> int:
    """Scan until caught up, connecting again after each loss; returns how often it was lost."""
    for lost in count():
        since: Cursor | Window = batches[-1].cursor if batches else Window()
        try:
            async with driver.session(options, Password()) as session:
                async for batch in session.scan(INBOX, since):
                    batches += [batch]
        except Transient:
            proxy.plans = (*proxy.plans, FAIR)
        else:
            return lost
    raise AssertionError


@pytest.mark.parametrize("cut", ["reset_after", "close_after"])
async def test_cut_after_any_kilobyte(dovecot: Dovecot, user: str, cut: str):
    """Cut after n bytes for many n: resumed from the last cursor, each message is listed once."""
    box = DovecotProvider(dovecot, user, ImapDriver())
    ids = await fill(box, 25)
    driver = ImapDriver(Sizes(first=3, batch=6, per_search=10))
    cuts = 0
    for offset in range(300, 9000, 307):
        plan = Plan(down=Way(**{cut: offset}))
        async with FaultProxy(dovecot.port_imap, [plan, FAIR]) as proxy:
            batches: list[Batch] = []
            cuts += await synced(driver, options(driver, user, proxy.port), proxy, batches)
            assert ids_of(batches) == ids[::-1], f"cut after {offset}"
    assert cuts > 15


async def test_bytes_one_by_one(dovecot: Dovecot, user: str):
    """A network that delivers byte by byte changes nothing."""
    box = DovecotProvider(dovecot, user, ImapDriver())
    await box.deliver(mail("slow@people.test"))
    driver = ImapDriver()
    async with FaultProxy(dovecot.port_imap, [Plan(down=Way(chunk=1))]) as proxy:
        batches: list[Batch] = []
        assert await synced(driver, options(driver, user, proxy.port), proxy, batches) == 0
    assert ids_of(batches) == ["slow@people.test"]


async def test_a_server_that_goes_away_amid_a_fetch(dovecot: Dovecot, user: str):
    """Bodies that were cut off raise; asked for again on a new connection, all come."""
    box = DovecotProvider(dovecot, user, ImapDriver())
    await box.deliver_many([(mail(f"{n}@x", body="x" * 50_000), NOON) for n in range(6)])
    driver = ImapDriver()
    async with FaultProxy(dovecot.port_imap, [Plan(down=Way(reset_after=120_000)), FAIR]) as proxy:
        where = options(driver, user, proxy.port)
        ids = [str(u) for u in await run_sync(dovecot.uids, user)]
        got: list[str] = []
        with pytest.raises(Transient):
            async with driver.session(where, Password()) as session:
                got += [m.remote_id async for m in session.fetch(INBOX, ids, limit=1 << 20)]
        async with driver.session(where, Password()) as session:
            rest = [i for i in ids if i not in got]
            got += [m.remote_id async for m in session.fetch(INBOX, rest, limit=1 << 20)]
    assert sorted(got) == sorted(ids)


def options(driver: ImapDriver, user: str, port: int) -> object:
    """The mailbox behind the proxy, in plain text."""
    imap = {"host": "localhost", "port": port, "tls": "none", "password": {"env": "X"}}
    return driver.options({"imap": imap}, address=user)
