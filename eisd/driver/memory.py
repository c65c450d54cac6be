"""A driver whose provider is a script: for tests of everything above the drivers.

`MemoryMailbox` is the provider. A test changes it (deliver, move, expunge, rename, new numbering)
and breaks it (drop the line, fail a fetch); `MemoryDriver` gives sessions on it. Nothing here is
random and nothing waits for a clock but `wait`, which a change ends at once.

Remote ids are no numbers and cursors no UIDs, so that nothing above can come to rely on either.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from eisd.driver.interface import (
    API_VERSION,
    Capabilities,
    Login,
    OptionsError,
    Problem,
    Sender,
    Session,
    Step,
)
from eisd.driver.memory_mailbox import MemoryFolder, MemoryMailbox, MemoryMessage
from eisd.driver.memory_sender import MemorySender
from eisd.errors import AuthRejected, CursorExpired, FolderGone
from eisd.model.folder import Batch, Cursor, Folder, Listed, Window
from eisd.model.mail import RawMessage
from eisd.model.outgoing import Envelope, Outlet

__all__ = ["MemoryDriver", "MemoryMailbox", "MemorySession"]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a cursor of this driver says: ``validity/live/back/floor``."""

    validity: int
    live: int
    back: int
    floor: int

    @property
    def cursor(self) -> Cursor:
        value = f"{self.validity}/{self.live}/{self.back}/{self.floor}"
        return Cursor(value, f"v{self.validity}", self.back >= self.floor)


def _place(cursor: Cursor) -> _Place:
    return _Place(*(int(n) for n in cursor.value.split("/")))


class MemorySession:
    """A session on a `MemoryMailbox`."""

    def __init__(self, mailbox: MemoryMailbox) -> None:
        self._mailbox = mailbox
        self._seen = mailbox.changes
        self._line = mailbox.line
        self._waiter: asyncio.Future[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        push = self._mailbox.push
        return Capabilities(push=push, push_all=push, host="memory")

    def _pass(self, operation: str) -> None:
        self._mailbox.pass_or_raise(operation, self._line)

    async def folders(self) -> Sequence[Folder]:
        self._pass("folders")
        return [Folder(f.name, f.handle, f.role) for f in self._mailbox.folders()]

    async def aliases(self) -> Sequence[str]:
        self._pass("aliases")
        return self._mailbox.aliases

    async def changed(self, cursors: Mapping[Folder, Cursor]) -> Collection[Folder]:
        self._pass("changed")
        return [folder for folder, cursor in cursors.items() if self._news(folder, cursor)]

    def _news(self, folder: Folder, cursor: Cursor) -> bool:
        try:
            held = self._mailbox.opened(folder)
        except FolderGone:
            return True
        place = _place(cursor)
        same = (held.validity, held.next_number) == (place.validity, place.live)
        return cursor.backfilling or not same

    async def scan(
        self,
        folder: Folder,
        since: Cursor | Window,
        *,
        authentication: bool = True,  # noqa: ARG002 - what is at hand costs nothing
    ) -> AsyncGenerator[Batch, None]:
        held = self._mailbox.opened(folder)
        self._seen = self._mailbox.changes
        place = self._begin(held, since)
        if isinstance(since, Window):
            yield Batch((), place.cursor, self._remaining(held, place))
        while True:
            self._pass("scan")
            held = self._mailbox.opened(folder)
            copies, ahead = self._next(held, place)
            if ahead == place:
                return
            place = ahead
            yield Batch(copies, place.cursor, self._remaining(held, place))

    def _begin(self, held: MemoryFolder, since: Cursor | Window) -> _Place:
        if isinstance(since, Window):
            floor = self._floor(held, since)
            return _Place(held.validity, held.next_number, held.next_number - 1, floor)
        place = _place(since)
        if place.validity != held.validity:
            raise CursorExpired("the copies were numbered anew", code="validity")
        return place

    @staticmethod
    def _floor(held: MemoryFolder, window: Window) -> int:
        if not window.backfill:
            return held.next_number
        inside = (
            m.number
            for m in held.messages.values()
            if window.since is None or m.gate_at >= window.since
        )
        return min(inside, default=held.next_number)

    def _next(self, held: MemoryFolder, place: _Place) -> tuple[list[Listed], _Place]:
        """The next batch: what is new, else more of the past; the same place at the end."""
        if held.next_number > place.live:
            numbers = range(place.live, held.next_number)
            chosen = [n for n in numbers if n in held.messages][: self._mailbox.batch_size]
            full = len(chosen) == self._mailbox.batch_size
            ahead = replace(place, live=chosen[-1] + 1 if full else held.next_number)
            return [_listed(held.messages[n], live=True) for n in chosen], ahead
        if place.back < place.floor:
            return [], place
        down = range(place.back, place.floor - 1, -1)
        chosen = [n for n in down if n in held.messages][: self._mailbox.batch_size]
        full = len(chosen) == self._mailbox.batch_size
        ahead = replace(place, back=(chosen[-1] if full else place.floor) - 1)
        return [_listed(held.messages[n], live=False) for n in chosen], ahead

    @staticmethod
    def _remaining(held: MemoryFolder, place: _Place) -> int:
        return sum(place.floor <= n <= place.back for n in held.messages)

    async def fetch(
        self,
        folder: Folder,
        ids: Sequence[str],
        *,
        limit: int,
        validity: str = "",
        whole: bool = False,
    ) -> AsyncGenerator[RawMessage, None]:
        del whole  # so is every message here
        held = self._mailbox.opened(folder)
        if validity and validity != f"v{held.validity}":
            raise CursorExpired("the copies were numbered anew", code="validity")
        for remote_id in ids:
            self._pass("fetch")
            self._mailbox.pass_fetch(held.name, remote_id)
            message = held.messages.get(int(remote_id[1:]))
            if message is None:
                yield RawMessage(remote_id, b"", 0, missing=True)
                continue
            octets = message.rfc822 if len(message.rfc822) <= limit else _head(message.rfc822)
            yield RawMessage(remote_id, octets, len(message.rfc822))

    async def listing(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Sequence[str]]:
        self._pass("listing")
        held = self._mailbox.opened(folder)
        place = _place(cursor)
        if place.validity != held.validity:
            raise CursorExpired("the copies were numbered anew", code="validity")
        above = [m.remote_id for n, m in sorted(held.messages.items()) if n >= place.floor]
        size = self._mailbox.batch_size
        for begin in range(0, len(above), size):
            yield above[begin : begin + size]

    async def wait(self, folder: Folder, seconds: float) -> None:
        self._pass("wait")
        self._mailbox.opened(folder)
        if not (self._mailbox.push and self._seen != self._mailbox.changes):
            await self._rest(seconds)
        self._seen = self._mailbox.changes
        self._pass("waited")

    async def _rest(self, seconds: float) -> None:
        """Until a change, if changes are pushed, or a nudge, or the time is over."""
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        if self._mailbox.push:
            self._mailbox.waiters.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._mailbox.waiters.discard(waiter)
            self._waiter = None

    def nudge(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _listed(message: MemoryMessage, *, live: bool) -> Listed:
    header = _head(message.rfc822)
    size = len(message.rfc822)
    return Listed(
        remote_id=message.remote_id,
        gate_at=message.gate_at,
        size=size,
        flags=message.flags,
        header=header,
        live=live,
        role=message.role,
        thread=message.thread,
    )


def _head(rfc822: bytes) -> bytes:
    """The header block with the empty line that ends it."""
    ends = (rfc822.find(mark) + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if mark in rfc822)
    return rfc822[: min(ends, default=len(rfc822))]


class MemoryDriver:
    """Sessions on the mailboxes of a test, by address."""

    name = "memory"
    api_version = API_VERSION

    def __init__(self, mailboxes: Mapping[str, MemoryMailbox] | None = None) -> None:
        self.mailboxes: dict[str, MemoryMailbox] = dict(mailboxes or {})

    def options(self, table: Mapping[str, object], *, address: str) -> str:
        """The options are the address itself; the driver's table ``memory`` may be empty only."""
        if table.get("memory"):
            raise OptionsError([Problem(("memory",), "the memory driver takes no options")])
        return address

    def identity(self, options: Any) -> str:
        return f"memory:{options}"

    @asynccontextmanager
    async def session(self, options: Any, login: Login) -> AsyncIterator[Session]:
        mailbox = self.mailboxes[options]
        mailbox.pass_or_raise("connect", mailbox.line)
        if await login.password() != mailbox.password:
            raise AuthRejected("the password is wrong", code="authenticationfailed")
        mailbox.connections += 1
        try:
            yield MemorySession(mailbox)
        finally:
            mailbox.connections -= 1

    def outlet(self, options: Any) -> Outlet | None:
        return self.mailboxes[options].outlet.facts

    @asynccontextmanager
    async def sender(self, options: Any, login: Login) -> AsyncIterator[Sender]:
        mailbox = self.mailboxes[options]
        if await login.password("smtp") != mailbox.password:
            raise AuthRejected("the password is wrong", code="535")
        yield MemorySender(mailbox)

    async def probe_sender(
        self, options: Any, login: Login, message: tuple[Envelope, bytes] | None = None
    ) -> AsyncIterator[Step]:
        async with self.sender(options, login) as sender:
            yield Step("smtp auth", "password ok", 0.0)
            if message is not None:
                receipt = await sender.send(*message)
                yield Step("smtp send", receipt.text, 0.0)

    async def probe(self, options: Any, login: Login) -> AsyncIterator[Step]:
        async with self.session(options, login) as session:
            folders = await session.folders()
        yield Step("auth", "password ok", 0.0)
        yield Step("folders", f"{len(folders)} folders", 0.0)
