"""A mailbox's life: what each kind of trouble leads to, and what people may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from lab.world import World

from eisd.errors import DriverError, Misconfigured, Transient, UserError
from eisd.model.mailbox import MailboxState
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox

Records = list[dict[str, object]]


class Hasty(Life):
    """A life that notes how long it would rest, and does not; it halts after so many rests."""

    def __init__(self, mailbox: Mailbox, rests: int = 1_000_000) -> None:
        super().__init__(mailbox)
        self.pauses: list[float] = []
        self.halted = asyncio.Event()
        self._left = rests

    async def _rest(self, pause: float) -> None:
        if pause <= 0:
            return
        self.pauses.append(pause)
        self._left -= 1
        await asyncio.sleep(0.001)
        if not self._left:
            self.halted.set()
            await asyncio.Event().wait()


@asynccontextmanager
async def living(life: Life) -> AsyncIterator[None]:
    """Let a mailbox live for the length of the block."""
    task = asyncio.create_task(life.live())
    try:
        yield
    finally:
        assert not task.done(), "a life ends only when it is cancelled"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], Awaitable[Any]]) -> None:
    """Wait until something holds; ten seconds are more than enough here."""
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110  what is asked rings no bell
            await asyncio.sleep(0.005)


def state_is(mailbox: Mailbox, *states: MailboxState) -> Callable[[], Awaitable[bool]]:
    """Whether the mailbox is in one of these states."""

    async def ask() -> bool:
        return mailbox.state in states

    return ask


async def halted(here: World, rests: int) -> tuple[Mailbox, list[float]]:
    """Let anna's mailbox live until it would rest for that time; its pauses."""
    mailbox = here.start("anna")
    life = Hasty(mailbox, rests)
    async with living(life), asyncio.timeout(10):
        await life.halted.wait()
    return mailbox, life.pauses


def changes(events: Records, to: str) -> Records:
    """The log's lines about entering a state."""
    return [e for e in events if e["event"] == "mailbox.state_changed" and e["to"] == to]


# Trouble


async def test_refused_credentials_are_told_once_and_not_hammered(here: World, events: Records):
    """Two minutes, then hours: no provider is made to lock a mailbox out (RF14)."""
    anna = await here.mailbox()
    anna.provider.password = "changed"

    mailbox, pauses = await halted(here, 6)

    assert mailbox.state is MailboxState.PROBLEMATIC
    assert pauses[0] == 120
    assert all(pause >= 150 for pause in pauses[1:])
    assert max(pauses) <= 6 * 3600
    told = changes(events, "problematic")
    assert [(one["level"], one["reason"]) for one in told] == [("error", "auth")]
    ((state, reason, detail),) = await here.rows("SELECT state, reason, detail FROM mailbox_status")
    assert (state, reason) == ("problematic", "auth")
    assert "eisd mailbox reconnect anna" in detail


async def test_a_probe_does_not_move_the_moment_a_problem_began(here: World):
    """`since` says when a person was first needed, however often it was tried again."""
    anna = await here.mailbox()
    anna.provider.password = "changed"
    mailbox = here.start()
    life = Hasty(mailbox, 30)
    async with living(life), asyncio.timeout(10):
        await until(state_is(mailbox, MailboxState.PROBLEMATIC))
        first = await here.rows("SELECT since FROM mailbox_status")
        await life.halted.wait()

    assert await here.rows("SELECT since FROM mailbox_status") == first


async def test_mended_credentials_end_the_problem(here: World):
    """Once a probe succeeds, nothing of the problem is left."""
    anna = await here.mailbox()
    anna.provider.password = "changed"
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.PROBLEMATIC))
        anna.provider.password = "secret"
        await until(state_is(mailbox, MailboxState.IDLE))

    assert await here.rows("SELECT state, reason, detail FROM mailbox_status") == [("idle", "", "")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("tls", "tls"),
        ("permission", "permission"),
        ("server", "server"),
        ("config", "config"),
        ("anything", "config"),
    ],
)
async def test_what_only_a_person_can_mend_has_its_reason(here: World, code: str, reason: str):
    """The reasons are a closed list, and the way out is the driver's own."""
    anna = await here.mailbox()
    anna.provider.fail("connect", Misconfigured("no way", code=code, hint="do this"), times=99)

    mailbox, pauses = await halted(here, 2)

    assert (mailbox.state, mailbox.reason) == (MailboxState.PROBLEMATIC, reason)
    assert mailbox.detail == "no way; do this"
    assert all(450 <= pause <= 3600 for pause in pauses)


async def test_trouble_that_passes_is_tried_again_at_growing_intervals(
    here: World, events: Records
):
    """Each step doubles what jitter may take from, and each try is counted."""
    anna = await here.mailbox()
    anna.provider.fail("connect", times=8)

    _, pauses = await halted(here, 8)

    for number, pause in enumerate(pauses):
        assert 0.5 <= pause <= 2**number
    lost = [one for one in events if one["event"] == "imap.disconnected"]
    assert [one["attempt"] for one in lost] == list(range(1, 9))


async def test_a_provider_that_asks_for_rest_gets_it(here: World):
    """Throttled for as long as it says (RF16)."""
    anna = await here.mailbox()
    slow = Transient("slowly", code="throttled", retry_after=77.0)
    anna.provider.fail("changed", slow, times=2)

    mailbox, pauses = await halted(here, 2)

    assert mailbox.state is MailboxState.THROTTLED
    assert pauses == [77.0, 77.0]


async def test_a_login_that_does_not_last_is_not_repeated_at_once(here: World):
    """A connection forgives only those before it that it outlived."""
    anna = await here.mailbox()
    anna.provider.fail("folders", times=12)

    _, pauses = await halted(here, 12)

    assert max(pauses) > 5
    assert all(pause >= 1 for pause in pauses)


async def test_a_fault_of_ours_restarts_the_mailbox_alone(here: World, events: Records):
    """An exception nobody foresaw is logged, and the mailbox starts anew (RF55)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test")
    rules, broken = here.rules, [True]

    def fickle() -> Any:
        if broken:
            broken.clear()
            raise ZeroDivisionError
        return rules()

    here.rules = fickle  # type: ignore[method-assign]
    mailbox = here.start()
    life = Hasty(mailbox)
    async with living(life):
        await until(here.activities)

    assert life.pauses[0] >= 5
    assert [one["task"] for one in events if one["event"] == "task.crashed"] == ["anna"]


async def test_a_fault_of_ours_in_the_lane_is_no_silence(here: World, events: Records):
    """The lane goes on after an error nobody foresaw, and the log says so."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(30):
        anna.deliver("ada@x.test", subject=f"n{number}")
    parse, broken = here.parser.parse, [True]

    async def fickle(messages: Any) -> Any:
        if broken:
            broken.clear()
            raise ZeroDivisionError
        return await parse(messages)

    here.parser.parse = fickle  # type: ignore[method-assign]
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.IDLE))
        async with asyncio.timeout(10):
            assert await mailbox.caught_up(None)

    assert len(await here.activities()) == 30
    assert [one["task"] for one in events if one["event"] == "task.crashed"] == ["anna"]


async def test_a_server_that_takes_one_connection_is_enough(here: World):
    """The first session fetches what the lane may not (RF16)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(40):
        anna.deliver("ada@x.test", subject=f"n{number}")
    anna.provider.fail("connect", after=1, times=1_000)
    mailbox = here.start()

    async with living(Hasty(mailbox)):
        async with asyncio.timeout(10):
            await mailbox.caught_up(None)
        assert len(await here.activities()) == 40
        anna.deliver("ada@x.test", subject="later")

        async def came() -> bool:
            return len(await here.activities()) == 41

        await until(came)


# What people ask


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
