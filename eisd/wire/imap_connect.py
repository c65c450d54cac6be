"""From a host name to a greeted, secured connection: DNS, TCP, TLS, greeting, STARTTLS."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from eisd.errors import Misconfigured, Transient
from eisd.wire import imap_refusal as refusal
from eisd.wire import tls
from eisd.wire.dial import Endpoint, OnStep, Steps, first_to_answer, handshake, place, resolve
from eisd.wire.imap_command import WireCommand
from eisd.wire.imap_protocol import WireProtocol
from eisd.wire.imap_reader import Limits
from eisd.wire.imap_responses import parse_capabilities


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
    run = Steps(on_step).run
    protocol = WireProtocol(asyncio.get_running_loop(), limits)
    addresses = await run("dns", resolve(endpoint, timeouts.dns))
    sock = await run("tcp", first_to_answer(addresses, endpoint, timeouts.connect))
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
    done = await protocol.execute(command)
    if not done.ok:
        raise refusal.of_command(done, "CAPABILITY")
    for response in command.responses:
        protocol.capabilities = parse_capabilities(response[0][13:].decode("latin-1"))


async def _greeting(
    protocol: WireProtocol, endpoint: Endpoint, timeouts: Timeouts
) -> tuple[None, str]:
    try:
        async with asyncio.timeout(timeouts.greeting):
            done = await protocol.greeting
    except TimeoutError as exc:
        hint = "" if endpoint.tls == "implicit" else "a TLS port (993) wants tls = implicit"
        raise Transient(f"{place(endpoint)} does not greet", code="timeout", hint=hint) from exc
    if done.status == "PREAUTH" and endpoint.tls != "implicit":
        # Whoever sits in between could log us into a mailbox of their own (RFC 9051 section 11.1).
        raise Misconfigured("the server logged us in before TLS was up", code="tls")
    return None, done.text


async def _open_tls(
    protocol: WireProtocol, sock: socket.socket, endpoint: Endpoint, limit: float
) -> tuple[None, str]:
    context = await tls.client_context(endpoint.ca_file)
    with handshake(endpoint):
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
        raise Misconfigured(f"{place(endpoint)} does not offer STARTTLS", code="tls")
    command = WireCommand(
        "STARTTLS",
        protocol.new_tag(),
        limit=timeouts.command,
        then=lambda done: protocol.seal() if done.ok else None,
    )
    done = await protocol.execute(command, alone=True)
    if not done.ok:
        raise Misconfigured(f"{place(endpoint)} refuses STARTTLS: {done.text}", code="tls")
    if protocol.lost is not None:
        raise protocol.lost
    with handshake(endpoint):
        protocol.transport = await protocol.loop.start_tls(
            protocol.transport,
            protocol,
            context,
            server_hostname=endpoint.name,
            ssl_handshake_timeout=timeouts.tls,
        )
    protocol.unseal()
    return None, _cipher(protocol)


def _cipher(protocol: WireProtocol) -> str:
    name, version, _ = protocol.transport.get_extra_info("cipher")
    return f"{version} {name}{tls.until(protocol.transport)}"
