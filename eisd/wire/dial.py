"""From a host name to a connected socket, for every protocol: DNS, TCP, and TLS's own words."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Literal, TypeVar

from eisd.errors import Transient
from eisd.wire import tls

tls.shrink_read_buffer()

OnStep = Callable[[str, str, float], None]
"""Told each step of connecting: its name, what was seen, milliseconds."""

_T = TypeVar("_T")
_AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, Any]

_KEEPALIVE_IDLE, _KEEPALIVE_INTERVAL, _KEEPALIVE_COUNT = 60, 20, 3
_USER_TIMEOUT_MS = 90_000
"""A peer that acknowledges nothing for so long is gone (RFC 5482)."""
_NEXT_ADDRESS_AFTER = 0.25
"""Seconds (RFC 8305 section 5)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and how the way there is secured.

    ``ca_file`` replaces the system's authorities; ``server_hostname`` is the name the certificate
    must have, if it is not ``host``.
    """

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    ca_file: str | None = None
    server_hostname: str | None = None

    @property
    def name(self) -> str:
        """The name that the certificate must have."""
        return self.server_hostname or self.host


class Steps:
    """Times what it runs and tells whoever wants to know."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step

    async def run(self, name: str, step: Awaitable[tuple[_T, str]]) -> _T:
        began = time.monotonic()
        value, detail = await step
        if self._on_step is not None:
            self._on_step(name, detail, (time.monotonic() - began) * 1000)
        return value


async def resolve(endpoint: Endpoint, limit: float) -> tuple[list[_AddressInfo], str]:
    """Every address of the host, families in turn (RFC 8305 section 4)."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit):
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except TimeoutError as exc:
        raise Transient(f"no answer from DNS for {endpoint.host}", code="dns") from exc
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise Transient(f"{endpoint.host} has no address: {reason}", code="dns") from exc
    first = found[0][0]
    ours = [info for info in found if info[0] == first]
    others = [info for info in found if info[0] != first]
    turns = chain.from_iterable(zip_longest(ours, others))
    addresses = [(i[0], i[1], i[2], i[4]) for i in turns if i is not None]
    return addresses, ", ".join(str(address[3][0]) for address in addresses)


async def first_to_answer(
    addresses: list[_AddressInfo], endpoint: Endpoint, limit: float
) -> tuple[socket.socket, str]:
    """Dial the addresses, each a moment after the other; the first to answer wins (RFC 8305)."""
    waiting = list(addresses)
    dialling: set[asyncio.Task[tuple[socket.socket, str]]] = set()
    errors: list[BaseException] = []
    try:
        async with asyncio.timeout(limit):
            while waiting or dialling:
                if waiting:
                    dialling.add(asyncio.create_task(_dial(waiting.pop(0))))
                done, dialling = await asyncio.wait(
                    dialling,
                    timeout=_NEXT_ADDRESS_AFTER if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                answered = [task.result() for task in done if task.exception() is None]
                for spare, _ in answered[1:]:
                    spare.close()
                if answered:
                    return answered[0]
                errors += [error for task in done if (error := task.exception())]
    except TimeoutError as exc:
        raise Transient(f"no answer from {place(endpoint)}", code="timeout") from exc
    finally:
        await _call_off(dialling)
    refused = any(isinstance(error, ConnectionRefusedError) for error in errors)
    code = "refused" if refused else "unreachable"
    raise Transient(f"cannot reach {place(endpoint)}: {errors[0]}", code=code) from errors[0]


async def _call_off(dialling: set[asyncio.Task[tuple[socket.socket, str]]]) -> None:
    for task in dialling:
        task.cancel()
    for result in await asyncio.gather(*dialling, return_exceptions=True):
        if not isinstance(result, BaseException):
            result[0].close()


async def _dial(address: _AddressInfo) -> tuple[socket.socket, str]:
    family, kind, number, where = address
    sock = socket.socket(family, kind, number)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock, "{}:{}".format(*where[:2])  # the socket knows it no more if it was reset since


@contextmanager
def handshake(endpoint: Endpoint) -> Iterator[None]:
    """What goes wrong in a TLS handshake, in our terms."""
    try:
        yield
    except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError) as exc:
        raise Transient(f"{place(endpoint)} hung up during TLS", code="lost") from exc
    except ConnectionAbortedError as exc:  # asyncio's word for its handshake timeout
        raise Transient(f"no TLS with {place(endpoint)} in time", code="timeout") from exc
    except ssl.SSLError as exc:
        raise tls.explain(exc, endpoint.name) from exc
    except OSError as exc:
        raise Transient(f"{place(endpoint)} was lost during TLS: {exc}", code="lost") from exc


def place(endpoint: Endpoint) -> str:
    """Host and port, for messages."""
    return f"{endpoint.host}:{endpoint.port}"
