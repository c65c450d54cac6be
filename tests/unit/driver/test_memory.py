"""The in-memory driver's faults: they come when the test says, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from eisd.driver.interface import OptionsError, Session
from eisd.driver.memory import MemoryDriver, MemoryMailbox
from eisd.errors import AuthRejected, Rejected, Transient
from eisd.model.folder import Batch, Folder, Window


class Login:
    """The password that mailboxes have by default."""

    async def password(self, _table: str = "") -> str:
        return "secret"

    async def access_token(self, *, refused: str = "") -> str:
        return refused


@pytest.fixture
def mailbox() -> MemoryMailbox:
    """Three messages in INBOX, two a batch."""
    mailbox = MemoryMailbox(batch_size=2)
    for n in range(3):
        mailbox.deliver(b"Message-ID: <%d@x>\r\n\r\nhi" % n)
    return mailbox


@pytest.fixture
def driver(mailbox: MemoryMailbox) -> MemoryDriver:
    """A driver of that mailbox."""
    return MemoryDriver({"box": mailbox})


async def inbox_of(session: Session) -> Folder:
    """INBOX."""
    return (await session.folders())[0]


async def test_a_fault_comes_after_so_many_calls(driver: MemoryDriver, mailbox: MemoryMailbox):
    """``after=2`` lets two batches pass and fails once; then all is well."""
    mailbox.fail("scan", after=2)
    async with driver.session("box", Login()) as session:
        inbox = await inbox_of(session)
        seen: list[Batch] = []
        with pytest.raises(Transient):
            await _collect(session.scan(inbox, Window()), seen)
        assert len(seen) == 3
        assert [b async for b in session.scan(inbox, seen[-1].cursor)] == []


async def test_a_fetch_fails_by_message(driver: MemoryDriver, mailbox: MemoryMailbox):
    """One copy cannot be fetched, its neighbours can; mended, it can."""
    mailbox.fail_fetch("m2")
    async with driver.session("box", Login()) as session:
        inbox = await inbox_of(session)
        assert [m.size async for m in session.fetch(inbox, ["m1", "m3"], limit=99)] == [23, 23]
        with pytest.raises(Transient):
            [m async for m in session.fetch(inbox, ["m2"], limit=99)]
        mailbox.mend()
        assert [m.size async for m in session.fetch(inbox, ["m2"], limit=99)] == [23]


async def test_a_dropped_line_ends_a_wait_and_the_session(
    driver: MemoryDriver, mailbox: MemoryMailbox
):
    """Dropping the line wakes who waits, fails what follows, and a new session works."""
    async with driver.session("box", Login()) as session:
        inbox = await inbox_of(session)
        [b async for b in session.scan(inbox, Window())]
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drop_later, mailbox)
                with pytest.raises(Transient):
                    await session.wait(inbox, 60)
        with pytest.raises(Transient):
            await session.folders()
    async with driver.session("box", Login()) as session:
        assert await session.folders()


async def _collect(batches: AsyncIterator[Batch], seen: list[Batch]) -> None:
    async for batch in batches:
        seen += [batch]


async def _drop_later(mailbox: MemoryMailbox) -> None:
    await anyio.sleep(0.05)
    mailbox.drop_line()


async def test_connecting_can_fail_in_any_way(driver: MemoryDriver, mailbox: MemoryMailbox):
    """A fault has the error the test gives it; sessions are counted while they last."""
    mailbox.fail("connect", Rejected("no"))
    with pytest.raises(Rejected):
        async with driver.session("box", Login()):
            pass
    mailbox.password = "other"
    with pytest.raises(AuthRejected):
        async with driver.session("box", Login()):
            pass
    assert mailbox.connections == 0


def test_it_takes_no_options(driver: MemoryDriver):
    """The address is all there is to know."""
    assert driver.options({}, address="box") == "box"
    with pytest.raises(OptionsError):
        driver.options({"memory": {"x": 1}}, address="box")
