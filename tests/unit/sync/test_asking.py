"""What people ask of a living mailbox: sync now, pause, resume, reconnect."""

from __future__ import annotations

import asyncio

import pytest
from lab.world import World
from unit.sync.living import Hasty, living, state_is, until

from eisd.errors import DriverError, Transient, UserError
from eisd.model.mailbox import MailboxState
from eisd.sync.loop import Life


async def test_new_mail_is_recorded_while_the_mailbox_idles(here: World):
    """A change that the server tells of ends the wait."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.IDLE))
        anna.deliver("ada@x.test")
        await until(here.activities)


async def test_pause_lets_go_of_the_connection_and_resume_takes_it_up(here: World):
    """Nothing is read while paused; nothing that came meanwhile is lost."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.IDLE))
        mailbox.paused = True
        mailbox.bell.ring()
        await until(state_is(mailbox, MailboxState.PAUSED))
        assert anna.provider.connections == 0
        anna.deliver("ada@x.test")
        with pytest.raises(UserError, match="paused"):
            await mailbox.caught_up(5)
        assert await here.activities() == []

        mailbox.paused = False
        mailbox.bell.ring()
        await until(here.activities)


async def test_reconnect_makes_a_new_connection(here: World):
    """And only one: the old one is closed, nobody rests in between."""
    anna = await here.mailbox()
    mailbox = here.start()
    life = Hasty(mailbox)
    async with living(life):
        await until(state_is(mailbox, MailboxState.IDLE))
        before = mailbox.passes
        mailbox.reconnect = True
        mailbox.bell.ring()

        async def again() -> bool:
            return mailbox.passes > before and mailbox.state is MailboxState.IDLE

        await until(again)
        assert anna.provider.connections == 1
    assert life.pauses == []


async def test_caught_up_is_said_after_a_pass_that_began_later(here: World):
    """What lay in the mailbox when somebody asked is on record when the answer comes."""
    anna = await here.mailbox()
    anna.provider.push = False
    await here.contact("c1", "ada@x.test")
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.POLLING))
        for number in range(100):
            anna.deliver("ada@x.test", subject=f"n{number}")

        assert await mailbox.caught_up(10)

        assert len(await here.activities()) == 100
        assert set((await here.outcomes()).values()) == {"matched"}


async def test_caught_up_waits_for_the_pass_after_the_one_under_way(here: World):
    """A pass that began before the question does not answer it."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(60):
        anna.deliver("eve@far.test", subject=f"n{number}")
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.BACKFILL))
        waiting = asyncio.create_task(mailbox.caught_up(10))
        await asyncio.sleep(0)
        anna.deliver("ada@x.test", folder="Sent", subject="asked for")
        assert await waiting
        assert mailbox.passes == 2
        assert len(await here.activities()) == 1


async def test_caught_up_fails_with_the_connection(here: World):
    """Whoever waits is told the error, not left waiting."""
    anna = await here.mailbox()
    anna.provider.fail("connect", times=1_000)
    mailbox = here.start()
    async with living(Life(mailbox)):
        with pytest.raises(DriverError, match="dropped"):
            await mailbox.caught_up(10)


async def test_caught_up_gives_up_in_time(here: World):
    """With a limit the answer is no, and nobody is waited for any more."""
    await here.mailbox()
    mailbox = here.start()

    assert await mailbox.caught_up(0.01) is False
    mailbox.pass_begins()
    assert not mailbox.has_due


async def test_asking_ends_a_rest(here: World):
    """The bell is heard while a mailbox leaves its server alone."""
    anna = await here.mailbox()
    anna.provider.fail("connect", Transient("busy", retry_after=600.0))
    mailbox = here.start()
    async with living(Life(mailbox)):
        await until(state_is(mailbox, MailboxState.BACKING_OFF))
        await asyncio.sleep(0.02)
        mailbox.bell.ring()
        await until(state_is(mailbox, MailboxState.IDLE))


async def test_an_idle_mailbox_writes_nothing(here: World, monkeypatch: pytest.MonkeyPatch):
    """While nothing comes, nothing is written (RI13)."""
    await here.mailbox()
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.IDLE))
        await asyncio.sleep(0.05)
        written: list[object] = []
        monkeypatch.setattr(here.store, "write", written.append)
        await asyncio.sleep(0.2)
        assert written == []
        monkeypatch.undo()
