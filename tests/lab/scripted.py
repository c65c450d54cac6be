"""An IMAP server that says what a test tells it to: wrong, late, in pieces, or not at all.

A reply is bytes, in which ``{tag}`` stands for the command's tag, or an async function of the
conversation. A command without a reply of its own gets a decent answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from eisd.wire.imap import Client, Endpoint, Limits, Timeouts

CAPABILITIES = b"IMAP4rev1 IDLE ESEARCH SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER UNSELECT"
DECENT = {
    "CAPABILITY": b"* CAPABILITY " + CAPABILITIES + b"\r\n{tag} OK done\r\n",
    "EXAMINE": b"* 5 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 6] x\r\n"
    b"{tag} OK [READ-ONLY] done\r\n",
    "IDLE": b"+ idling\r\n",
    "LOGOUT": b"* BYE bye\r\n{tag} OK done\r\n",
}
QUICK = Timeouts(
    dns=5, connect=5, tls=5, greeting=0.5, login=1, command=0.5, search=1, idle_done=0.5, logout=0.5
)
"""Timeouts for tests in which one is expected to pass."""


class Talk:
    """One conversation: the command at hand and the way to answer it."""

    def __init__(
        self, server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self.reader = reader
        self.writer = writer
        self.tag = b""
        self.arguments = b""

    async def send(self, data: bytes) -> None:
        """Send octets, with the tag where it belongs."""
        self.writer.write(data.replace(b"{tag}", self.tag))
        await self.writer.drain()

    async def line(self) -> bytes:
        """The client's next line, without its end; empty at the end of the stream."""
        line = (await self.reader.readline()).removesuffix(b"\r\n")
        self._server.lines.append(line)
        return line

    async def hang(self) -> None:
        """Say nothing until the client goes."""
        while await self.reader.read(1000):
            pass

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()


Reply = bytes | Callable[[Talk], Awaitable[None]]


class Scripted:
    """The server, on a free port of loopback, for one ``async with``."""

    def __init__(
        self,
        replies: Mapping[str, Reply] | None = None,
        *,
        greeting: Reply = b"* OK ready\r\n",
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.replies: dict[str, Reply] = {**DECENT, **(replies or {})}
        self.lines: list[bytes] = []
        """What clients sent, line by line."""
        self._greeting = greeting
        self._context = context
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._converse, "127.0.0.1", 0, ssl=self._context, limit=1 << 20
        )
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

    def endpoint(self) -> Endpoint:
        """How to reach it without TLS."""
        return Endpoint("127.0.0.1", self.port, "none")

    async def client(
        self,
        *,
        timeouts: Timeouts = QUICK,
        limits: Limits | None = None,
        login: bool = True,
        folder: str | None = "INBOX",
    ) -> Client:
        """A client of it, logged in and in a folder."""
        client = await Client.connect(self.endpoint(), timeouts, limits=limits or Limits())
        if login:
            await client.login("u", "p")
            if folder is not None:
                await client.select(folder)
        return client

    def sent(self, command: str) -> list[bytes]:
        """The lines that hold a command, without their tags."""
        commands = [line.partition(b" ")[2] for line in self.lines]
        return [line for line in commands if line.upper().startswith(command.encode())]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = writer
        talk = Talk(self, reader, writer)
        try:
            await self._reply(talk, self._greeting)
            while line := await talk.line():
                await self._command(talk, line)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
                await writer.wait_closed()
            self._talks.pop(task, None)

    async def _command(self, talk: Talk, line: bytes) -> None:
        if line == b"DONE":
            await self._reply(talk, self.replies.get("DONE", b"{tag} OK done\r\n"))
            return
        talk.tag, _, rest = line.partition(b" ")
        name, _, talk.arguments = rest.partition(b" ")
        if name.upper() == b"UID":
            name, _, talk.arguments = talk.arguments.partition(b" ")
        await self._reply(talk, self.replies.get(name.decode().upper(), b"{tag} OK done\r\n"))

    @staticmethod
    async def _reply(talk: Talk, reply: Reply) -> None:
        if isinstance(reply, bytes):
            await talk.send(reply)
        else:
            await reply(talk)
