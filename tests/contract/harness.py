"""What the contract suite needs of a provider: a hand in it, and sessions on it.

A driver joins by a harness of its own in `conftest.PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import count
from typing import Any, Protocol

from anyio.to_thread import run_sync
from lab.dialect import Front, Tongue
from lab.dovecot import Dovecot

from eisd.driver.interface import Session
from eisd.driver.memory import MemoryDriver, MemoryMailbox
from eisd.model.folder import Batch, Cursor, Folder, Listed, Window

PASSWORD = "secret"
OPEN = Window()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_serial = count(1)


@dataclass(frozen=True, slots=True)
class Password:
    """A `Login` that knows one password."""

    word: str = PASSWORD

    async def password(self, _table: str = "") -> str:
        return self.word

    async def access_token(self, *, refused: str = "") -> str:
        """Tokens are words, too; a refused one has no successor."""
        return refused or self.word


class Provider(Protocol):
    """One mailbox at a provider, as another client of its owner sees it."""

    async def deliver(
        self, rfc822: bytes, folder: str = "INBOX", *, gate_at: datetime | None = None
    ) -> None: ...
    async def deliver_many(self, messages: Sequence[tuple[bytes, datetime]]) -> None:
        """Into INBOX, in this order."""

    async def move(self, message_id: str, folder: str, to: str) -> None: ...
    async def expunge(self, message_id: str, folder: str = "INBOX") -> None: ...
    async def create(self, folder: str) -> None: ...
    async def rename(self, folder: str, to: str) -> None: ...
    async def delete(self, folder: str) -> None: ...
    async def renumber(self, folder: str = "INBOX") -> None: ...
    def session(self, password: str = PASSWORD) -> AbstractAsyncContextManager[Session]:
        """A session whose batches are small (5 to 10), so that there are many."""


def mail(message_id: str, *, body: str = "Hello.\r\n", subject: str = "Hello") -> bytes:
    """A small message, CRLF line ends."""
    date = format_datetime(NOON)
    return (
        f"From: Ada <ada@people.test>\r\nTo: sales@example.org\r\nSubject: {subject}\r\n"
        f"Date: {date}\r\nMessage-ID: <{message_id}>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    ).encode()


async def fill(provider: Provider, number: int) -> list[str]:
    """Deliver so many messages, a minute apart; returns their Message-IDs, oldest first."""
    ids = [f"m{next(_serial)}@people.test" for _ in range(number)]
    messages = [(mail(i), NOON + timedelta(minutes=n)) for n, i in enumerate(ids)]
    await provider.deliver_many(messages)
    return ids


def message_id(copy: Listed) -> str:
    """The Message-ID of a listed copy, by its header block."""
    for line in copy.header.splitlines():
        if line.lower().startswith(b"message-id:"):
            return line.split(b":", 1)[1].strip(b" <>").decode()
    raise AssertionError(f"no Message-ID in {copy.header!r}")


def ids_of(batches: Sequence[Batch]) -> list[str]:
    """The Message-IDs of all copies of the batches, in order."""
    return [message_id(c) for b in batches for c in b.copies]


async def folder_named(session: Session, name: str = "INBOX") -> Folder:
    """The folder as the session lists it."""
    return next(f for f in await session.folders() if f.name == name)


async def scan_all(
    session: Session, since: Cursor | Window = OPEN, name: str = "INBOX"
) -> list[Batch]:
    """Every batch of a scan."""
    folder = await folder_named(session, name)
    return [batch async for batch in session.scan(folder, since)]


async def caught_up(session: Session, name: str = "INBOX") -> Cursor:
    """The cursor after everything was listed."""
    return (await scan_all(session, Window(), name))[-1].cursor


class MemoryProvider:
    """The in-memory mailbox."""

    def __init__(self) -> None:
        self.mailbox = MemoryMailbox(batch_size=7)
        self._driver = MemoryDriver({"box": self.mailbox})

    async def deliver(
        self, rfc822: bytes, folder: str = "INBOX", *, gate_at: datetime | None = None
    ) -> None:
        self.mailbox.deliver(rfc822, folder, gate_at=gate_at)

    async def deliver_many(self, messages: Sequence[tuple[bytes, datetime]]) -> None:
        for rfc822, gate_at in messages:
            self.mailbox.deliver(rfc822, gate_at=gate_at)

    async def move(self, message_id: str, folder: str, to: str) -> None:
        self.mailbox.move(self._find(message_id, folder), folder, to)

    async def expunge(self, message_id: str, folder: str = "INBOX") -> None:
        self.mailbox.expunge(self._find(message_id, folder), folder)

    async def create(self, folder: str) -> None:
        self.mailbox.create_folder(folder)

    async def rename(self, folder: str, to: str) -> None:
        self.mailbox.rename_folder(folder, to)

    async def delete(self, folder: str) -> None:
        self.mailbox.delete_folder(folder)

    async def renumber(self, folder: str = "INBOX") -> None:
        self.mailbox.renumber(folder)

    def session(self, password: str = PASSWORD) -> AbstractAsyncContextManager[Session]:
        return self._driver.session("box", Password(password))

    def _find(self, message_id: str, folder: str) -> str:
        held = self.mailbox.folder(folder).messages.values()
        return next(m.remote_id for m in held if f"<{message_id}>".encode() in m.rfc822)


class DovecotProvider:
    """A mailbox on a real Dovecot, by the IMAP driver."""

    def __init__(self, server: Dovecot, user: str, driver: Any, *, tls: str = "implicit") -> None:
        self.server, self.user, self.driver = server, user, driver
        port = server.port_imaps if tls == "implicit" else server.port_imap
        secret = {"password": {"env": "UNUSED"}, "ca_file": str(server.certs.ca_file)}
        self.options = self._options(port, tls, secret)

    def _options(self, port: int, tls: str, way_in: dict[str, Any], **more: Any) -> Any:
        server = {"host": "localhost", "port": port, "tls": tls, "username": self.user, **way_in}
        return self.driver.options({"imap": server, **more}, address=self.user)

    async def deliver(
        self, rfc822: bytes, folder: str = "INBOX", *, gate_at: datetime | None = None
    ) -> None:
        await run_sync(partial(self.server.bulk, self.user, folder, [(rfc822, gate_at)]))

    async def deliver_many(self, messages: Sequence[tuple[bytes, datetime]]) -> None:
        await run_sync(partial(self.server.bulk, self.user, "INBOX", messages))

    async def move(self, message_id: str, folder: str, to: str) -> None:
        await self._run(self.server.move, folder, to, *_query(message_id))

    async def expunge(self, message_id: str, folder: str = "INBOX") -> None:
        await self._run(self.server.expunge, folder, *_query(message_id))

    async def create(self, folder: str) -> None:
        await self._run(self.server.create, folder)

    async def rename(self, folder: str, to: str) -> None:
        await self._run(self.server.rename, folder, to)

    async def delete(self, folder: str) -> None:
        await self._run(self.server.delete, folder)

    async def renumber(self, folder: str = "INBOX") -> None:
        status = await run_sync(partial(self.server.status, self.user, folder))
        await self._run(self.server.set_uidvalidity, folder, int(status["uidvalidity"]) + 1)

    def session(self, password: str = PASSWORD) -> AbstractAsyncContextManager[Session]:
        return self.driver.session(self.options, Password(password))

    async def _run(self, verb: Any, *arguments: Any) -> None:
        await run_sync(partial(verb, self.user, *arguments))


class FrontedProvider(DovecotProvider):
    """A mailbox on a real Dovecot behind a front that speaks as its provider does, by tokens."""

    def __init__(self, server: Dovecot, user: str, driver: Any, tongue: Tongue) -> None:
        self.server, self.user, self.driver = server, user, driver
        self.tongue = tongue

    @asynccontextmanager
    async def session(self, password: str = PASSWORD) -> AsyncIterator[Session]:
        front = Front(self.tongue, self.server.port_imap, tokens={PASSWORD: self.user})
        async with front:
            options = self._options(front.port, "none", {}, oauth={"app": "corp"})
            async with self.driver.session(options, Password(password)) as session:
                yield session


def _query(message_id: str) -> tuple[str, ...]:
    return ("header", "message-id", message_id)
