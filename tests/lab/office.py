"""A desk over the memory driver: what is handed in, and what the provider gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from eisd.model.outgoing import Outgoing, Party
from eisd.outbox.desk import Desk, Order
from eisd.outbox.pace import Limit
from eisd.outbox.station import Services, Station
from eisd.store import outbox
from eisd.store.outbox import Submission
from eisd.sync.sent import Recording
from lab.world import HASHER, Box, World, world

MAIL = Outgoing(
    sender=Party("anna@lab.test", "Anna"),
    to=(Party("ada@x.test", "Ada"),),
    subject="Offer",
    text="Dear Ada\n",
)


@dataclass
class Office:
    """A world with one mailbox and a desk; each `start` is a new daemon."""

    world: World
    box: Box
    desk: Desk = field(init=False)
    retry_for: float = 3600.0
    limits: tuple[Limit, ...] = ()
    desks: list[Desk] = field(default_factory=list)

    @property
    def outlet(self) -> Any:
        """What the provider does, and what it has taken."""
        return self.box.provider.outlet

    async def open(self) -> Desk:
        """A new process: another desk on the same database."""
        services = Services(
            self.world.store,
            self.world.parser,
            Recording(self.world.rules),
            lambda _mailbox, fresh: self.world.fresh.extend(one.id for one in fresh),
        )
        self.desk = Desk(services, HASHER)
        self.desks.append(self.desk)
        await self.desk.posts.apply({self.box.name: self.station()}, ())
        return self.desk

    def station(self) -> Station:
        """The mailbox's way out."""
        plan = self.box.plan
        return Station(
            id=self.box.id,
            name=self.box.name,
            driver=plan.driver,
            options=plan.options,
            login=plan.login,
            outlet=self.outlet.facts,
            retry_for=self.retry_for,
            limits=self.limits,
            host_limits=(),
            fingerprint=f"{self.retry_for} {self.limits}",
        )

    async def send(self, mail: Outgoing = MAIL, **how: Any) -> int:
        """Hand in a message."""
        return (await self.desk.accept(Order(self.box.name, mail, **how))).submission

    async def row(self, submission: int) -> Submission:
        """What is on record of it."""
        row = await self.world.store.read(lambda db: outbox.by_id(db, submission))
        assert row is not None
        return row

    async def state(self, submission: int) -> str:
        """Where it stands."""
        return (await self.row(submission)).state.value

    async def until(self, submission: int, *states: str) -> str:
        """Wait until it stands there."""
        return await self.when(lambda: self.state(submission), lambda state: state in states)

    async def when(self, ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
        """Wait until an answer is good."""
        with anyio.fail_after(20):
            while not good(answer := await ask()):  # noqa: ASYNC110 - rows ring no bell
                await anyio.sleep(0.01)
        return answer

    async def statuses(self) -> list[tuple[str, str, str | None]]:
        """(contact, source, delivery status) of every activity."""
        return sorted(
            await self.world.rows("SELECT contact_id, source, delivery_status FROM activity_feed")
        )

    def subjects(self) -> list[str]:
        """The subjects that the provider has taken, in order."""
        return [_subject(rfc822) for _, rfc822 in self.outlet.taken]

    def sent(self) -> list[bytes]:
        """What lies in Sent."""
        folder = next(one for one in self.box.provider.folders() if one.name == "Sent")
        return [message.rfc822 for message in folder.messages.values()]


def _subject(rfc822: bytes) -> str:
    line = next(one for one in rfc822.split(b"\r\n") if one.startswith(b"Subject: "))
    return line.removeprefix(b"Subject: ").decode()


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    """A desk that is open and does not send yet: `office.desk.posts.start()` begins."""
    async with world(folder) as here:
        box = await here.mailbox()
        made = Office(here, box)
        await made.open()
        yield made
        for desk in made.desks:
            await desk.posts.close()
        await here.check()
