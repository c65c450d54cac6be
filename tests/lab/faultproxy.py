"""A TCP proxy that goes wrong on purpose, between a client and a server on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

CHUNK = 65_536
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Way:
    """What happens to the bytes of one direction, counted from the connection's begin."""

    reset_after: int | None = None
    """RST to both sides after so many bytes."""
    close_after: int | None = None
    """FIN to both sides after so many bytes."""
    stall_after: int | None = None
    """Swallow everything after so many bytes and keep the connection, as a lost route does."""
    chunk: int = CHUNK
    """Pass on at most so many bytes at once; 1 splits everything everywhere."""
    delay: float = 0.0
    """Seconds before each chunk."""
    flip: tuple[int, int] | None = None
    """(offset, mask): the byte at the offset is XORed with the mask."""

    def bent(self, data: bytes, offset: int) -> bytes:
        """The data that begins at ``offset``, with the flipped byte if that lies in it."""
        if not self.flip or not offset <= self.flip[0] < offset + len(data):
            return data
        where, mask = self.flip[0] - offset, self.flip[1]
        return data[:where] + bytes([data[where] ^ mask]) + data[where + 1 :]

    @property
    def limit(self) -> int | None:
        """Where the first of the cuts lies."""
        cuts = (self.reset_after, self.close_after, self.stall_after)
        return min((cut for cut in cuts if cut is not None), default=None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one connection: ``up`` is client to server, ``down`` server to client."""

    refuse: bool = False
    """RST as soon as it is accepted."""
    up: Way = Way()
    down: Way = Way()


FAIR = Plan()
"""Nothing goes wrong."""


@dataclass(slots=True)
class Connection:
    """One connection through the proxy, and how many bytes went each way."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    up: int = 0
    down: int = 0
    silent: bool = False

    def reset(self) -> None:
        """RST to both sides."""
        for writer in (self.client, self.server):
            _reset(writer)

    def close(self) -> None:
        """FIN to both sides."""
        for writer in (self.client, self.server):
            writer.close()

    @property
    def open(self) -> bool:
        return not self.client.is_closing()


@dataclass(slots=True)
class FaultProxy:
    """``async with FaultProxy(server.port_imaps, [Plan(...), FAIR]) as proxy: ... proxy.port``.

    The n-th connection follows the n-th plan, and all further ones the last.
    """

    upstream: int
    plans: Sequence[Plan] = (FAIR,)
    connections: list[Connection] = field(default_factory=list)
    accepted: int = 0
    """Connections that were made, those refused included."""
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server:
            self._server.close()
        self.reset()
        if self._server:
            await self._server.wait_closed()

    def reset(self) -> None:
        """RST on every open connection now."""
        for connection in self.connections:
            connection.reset()

    def silence(self) -> None:
        """Swallow everything on the connections open now, and keep them."""
        for connection in self.connections:
            connection.silent = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = self.plans[min(self.accepted, len(self.plans) - 1)]
        self.accepted += 1
        if plan.refuse:
            _reset(writer)
            return
        try:
            upstream, upwriter = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            _reset(writer)
            return
        connection = Connection(writer, upwriter)
        self.connections.append(connection)
        await asyncio.gather(
            _pump(reader, upwriter, plan.up, connection, "up"),
            _pump(upstream, writer, plan.down, connection, "down"),
        )
        connection.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    way: Way,
    connection: Connection,
    direction: str,
) -> None:
    passed = 0
    with suppress(OSError):
        while data := await reader.read(way.chunk):
            if way.delay:
                await asyncio.sleep(way.delay)
            if connection.silent:
                continue
            end = len(data) if way.limit is None else max(0, way.limit - passed)
            writer.write(way.bent(data[:end], passed))
            await writer.drain()
            if way.chunk < CHUNK:
                await asyncio.sleep(0)  # else the kernel glues the pieces together again
            passed += min(len(data), end)
            setattr(connection, direction, passed)
            if passed == way.limit and await _cut(way, connection):
                return
        if writer.can_write_eof():
            writer.write_eof()


async def _cut(way: Way, connection: Connection) -> bool:
    """Do what lies at the limit; True if the connection is over."""
    await asyncio.sleep(0)
    if way.limit == way.reset_after:
        connection.reset()
        return True
    if way.limit == way.close_after:
        connection.close()
        return True
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
