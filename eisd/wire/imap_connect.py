"""From a host name to a greeted, secured connection: DNS, TCP, TLS, greeting, STARTTLS."""

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

from eisd.errors import Misconfigured, Transient
from eisd.wire import tls
from eisd.wire.imap_command import WireCommand
from eisd.wire.imap_protocol import WireProtocol
from eisd.wire.imap_reader import Limits
from eisd.wire.imap_responses import parse_capabilities

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


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    dns: float = 20.0
    connect: float = 20.0
    tls: float = 20.0
    greeting: float = 20.0
    login: float = 30.0
    command: float = 60.0
    """A command without much data; for FETCH and SEARCH, the longest silence."""
    search: float = 300.0
    idle_done: float = 15.0
    logout: float = 2.0
    slowest: float = 16 * 1024.0
    """Octets a second: a FETCH may last ``command`` plus its size at this rate."""


async def connect(
    endpoint: Endpoint, timeouts: Timeouts, limits: Limits, on_step: OnStep | None
) -> WireProtocol:
    """A greeted connection, secured as the endpoint says, with known capabilities.

    Raises `Transient`, `Misconfigured` (code tls) or `ProtocolError`; nothing stays open then.
    """
    run = _Steps(on_step).run
    protocol = WireProtocol(asyncio.get_running_loop(), limits)
    addresses = await run("dns", _resolve(endpoint, timeouts.dns))
    sock = await run("tcp", _first_to_answer(addresses, endpoint, timeouts.connect))
    try:
        if endpoint.tls == "implicit":
            await run("tls", _open_tls(protocol, sock, endpoint, timeouts.tls))
        else:
            await protocol.loop.create_connection(lambda: protocol, sock=sock)
        await run("greeting", _greeting(protocol, endpoint, timeouts))
        if endpoint.tls == "starttls":
            await run("tls", _start_tls(protocol, endpoint, timeouts))
        if not protocol.capabilities:
            await ask_capabilities(protocol, timeouts.command)
    except BaseException:
        protocol.fail(Transient("connecting was given up", code="cancelled"))
        sock.close()
        raise
    return protocol


async def ask_capabilities(protocol: WireProtocol, limit: float) -> None:
    """CAPABILITY; the answer is kept on the protocol."""
    command = WireCommand("CAPABILITY", protocol.new_tag(), limit=limit, wants=("CAPABILITY",))
    await protocol.execute(command)
    for response in command.responses:
        protocol.capabilities = parse_capabilities(response[0][13:].decode("latin-1"))


class _Steps:
    """Times what it runs and tells whoever wants to know."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step

    async def run(self, name: str, step: Awaitable[tuple[_T, str]]) -> _T:
        began = time.monotonic()
        value, detail = await step
        if self._on_step is not None:
            self._on_step(name, detail, (time.monotonic() - began) * 1000)
        return value


async def _resolve(endpoint: Endpoint, limit: float) -> tuple[list[_AddressInfo], str]:
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


async def _first_to_answer(
    addresses: list[_AddressInfo], endpoint: Endpoint, limit: float
) -> tuple[socket.socket, str]:
    """Dial the addresses, each a moment after the other; the first to answer wins (RFC 8305)."""
    waiting = list(addresses)
    dialling: set[asyncio.Task[socket.socket]] = set()
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
                for spare in answered[1:]:
                    spare.close()
                if answered:
                    return answered[0], "{}:{}".format(*answered[0].getpeername()[:2])
                errors += [error for task in done if (error := task.exception())]
    except TimeoutError as exc:
        raise Transient(f"no answer from {_place(endpoint)}", code="timeout") from exc
    finally:
        await _call_off(dialling)
    refused = any(isinstance(error, ConnectionRefusedError) for error in errors)
    code = "refused" if refused else "unreachable"
    raise Transient(f"cannot reach {_place(endpoint)}: {errors[0]}", code=code) from errors[0]


async def _call_off(dialling: set[asyncio.Task[socket.socket]]) -> None:
    for task in dialling:
        task.cancel()
    for result in await asyncio.gather(*dialling, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


async def _dial(address: _AddressInfo) -> socket.socket:
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
    return sock


async def _greeting(
    protocol: WireProtocol, endpoint: Endpoint, timeouts: Timeouts
) -> tuple[None, str]:
    try:
        async with asyncio.timeout(timeouts.greeting):
            done = await protocol.greeting
    except TimeoutError as exc:
        hint = "" if endpoint.tls == "implicit" else "a TLS port (993) wants tls = implicit"
        raise Transient(f"{_place(endpoint)} does not greet", code="timeout", hint=hint) from exc
    if done.status == "PREAUTH" and endpoint.tls != "implicit":
        # Whoever sits in between could log us into a mailbox of their own (RFC 9051 section 11.1).
        raise Misconfigured("the server logged us in before TLS was up", code="tls")
    return None, done.text


async def _open_tls(
    protocol: WireProtocol, sock: socket.socket, endpoint: Endpoint, limit: float
) -> tuple[None, str]:
    context = await tls.client_context(endpoint.ca_file)
    with _handshake(endpoint):
        await protocol.loop.create_connection(
            lambda: protocol,
            sock=sock,
            ssl=context,
            server_hostname=endpoint.name,
            ssl_handshake_timeout=limit,
        )
    return None, _cipher(protocol)


async def _start_tls(
    protocol: WireProtocol, endpoint: Endpoint, timeouts: Timeouts
) -> tuple[None, str]:
    """STARTTLS (RFC 9051 section 6.2.1), without which nothing goes on."""
    context = await tls.client_context(endpoint.ca_file)
    if not protocol.capabilities:
        await ask_capabilities(protocol, timeouts.command)
    if "STARTTLS" not in protocol.capabilities:
        raise Misconfigured(f"{_place(endpoint)} does not offer STARTTLS", code="tls")
    command = WireCommand(
        "STARTTLS",
        protocol.new_tag(),
        limit=timeouts.command,
        then=lambda done: protocol.seal() if done.ok else None,
    )
    done = await protocol.execute(command, alone=True)
    if not done.ok:
        raise Misconfigured(f"{_place(endpoint)} refuses STARTTLS: {done.text}", code="tls")
    if protocol.lost is not None:
        raise protocol.lost
    with _handshake(endpoint):
        protocol.transport = await protocol.loop.start_tls(
            protocol.transport,
            protocol,
            context,
            server_hostname=endpoint.name,
            ssl_handshake_timeout=timeouts.tls,
        )
    protocol.unseal()
    return None, _cipher(protocol)


@contextmanager
def _handshake(endpoint: Endpoint) -> Iterator[None]:
    """What goes wrong in a TLS handshake, in our terms."""
    try:
        yield
    except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError) as exc:
        raise Transient(f"{_place(endpoint)} hung up during TLS", code="lost") from exc
    except ConnectionAbortedError as exc:  # asyncio's word for its handshake timeout
        raise Transient(f"no TLS with {_place(endpoint)} in time", code="timeout") from exc
    except ssl.SSLError as exc:
        raise tls.explain(exc, endpoint.name) from exc
    except OSError as exc:
        raise Transient(f"{_place(endpoint)} was lost during TLS: {exc}", code="lost") from exc


def _cipher(protocol: WireProtocol) -> str:
    name, version, _ = protocol.transport.get_extra_info("cipher")
    return f"{version} {name}"


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"
