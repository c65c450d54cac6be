"""A life that may be watched: pauses are noted and not taken, and states waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from lab.world import World

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
