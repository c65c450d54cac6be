"""A submission server that says what a test tells it to: wrong, early, in pieces, or not at all.

For what no real server does; see `lab.sink` for one that is decent. A reply is bytes, or an async
function of the conversation, by the first word of the command; ``data`` is what is said once the
message with its last dot is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from eisd.wire.smtp import Client, Endpoint, Timeouts

EHLO = (
    b"250-test\r\n250-AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n"
)
DECENT = {
    "EHLO": EHLO,
    "AUTH": b"235 2.7.0 ok\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go\r\n",
    "data": b"250 2.0.0 taken\r\n",
    "RSET": b"250 ok\r\n",
    "NOOP": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}
QUICK = Timeouts(
    dns=5, connect=5, tls=5, greeting=0.5, login=0.5, command=0.5, stall=0.5, end=0.5, alive=0.5
)
"""Timeouts for tests in which one is expected to pass."""
PATIENT = Timeouts(greeting=20, login=20, command=20, stall=20, end=20)
"""For the others."""


class Talk:
    """One conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hang(self) -> None:
        """Say nothing until the client goes."""
        while await self.reader.read(1 << 16):
            pass

    def close(self) -> None:
        self.writer.transport.abort()


Reply = bytes | Callable[[Talk], Awaitable[None]]


async def hang(talk: Talk) -> None:
    """Never answer."""
    await talk.hang()


async def drop(talk: Talk) -> None:
    """Hang up."""
    talk.close()


class Scripted:
    """The server, on a free port of loopback, for one ``async with``."""

    def __init__(
        self, replies: Mapping[str, Reply] | None = None, *, greeting: Reply = b"220 hi\r\n"
    ) -> None:
        self.replies: dict[str, Reply] = {**DECENT, **(replies or {})}
        self.lines: list[bytes] = []
        """What clients sent, line by line, messages left out."""
        self.messages: list[bytes] = []
        """What came before the last dot, as it came."""
        self._greeting = greeting
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=1 << 26)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._talks.values():
            writer.transport.abort()
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0)

    async def heard(self, start: bytes) -> None:
        """Until a client has sent a line that begins so."""
        async with asyncio.timeout(20):
            while not any(line.startswith(start) for line in self.lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def client(self, *, timeouts: Timeouts = PATIENT) -> Client:
        """A client of it, greeted."""
        return await Client.connect(Endpoint("127.0.0.1", self.port, "none"), timeouts)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = writer
        talk = Talk(reader, writer)
        try:
            await self._say(talk, self._greeting)
            while line := await reader.readline():
                self.lines.append(line.removesuffix(b"\r\n"))
                word = line.split()[0].decode().upper() if line.strip() else ""
                reply = self.replies.get(word, b"235 ok\r\n")
                await self._say(talk, reply)
                if word == "DATA" and isinstance(reply, bytes) and reply.startswith(b"354"):
                    whole = await reader.readuntil(b"\r\n.\r\n")
                    self.messages.append(whole.removesuffix(b".\r\n"))
                    await self._say(talk, self.replies["data"])
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._talks.pop(task, None)

    @staticmethod
    async def _say(talk: Talk, reply: Reply) -> None:
        if isinstance(reply, bytes):
            await talk.send(reply)
        else:
            await reply(talk)
