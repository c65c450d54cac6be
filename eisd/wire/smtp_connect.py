"""From a host name to a greeted, secured submission server: EHLO, STARTTLS (RFC 5321, RFC 3207)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from aiosmtplib.esmtp import parse_esmtp_extensions

from eisd.errors import DriverError, Misconfigured, Transient
from eisd.model.outgoing import Stage
from eisd.wire import tls
from eisd.wire.dial import Endpoint, OnStep, Steps, first_to_answer, handshake, place, resolve
from eisd.wire.imap_refusal import injected
from eisd.wire.smtp_protocol import Lines, Reply
from eisd.wire.smtp_words import Means, meaning, refused

OK, READY = 250, 220


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; RFC 5321 section 4.5.3.2 allows servers more than most of them need."""

    dns: float = 20.0
    connect: float = 20.0
    tls: float = 20.0
    greeting: float = 60.0
    login: float = 60.0
    command: float = 120.0
    stall: float = 180.0
    """In which some of a message must be taken."""
    end: float = 600.0
    """For the answer to a message; a short one makes doubts, and doubts are dear."""
    slowest: float = 16 * 1024.0
    """Octets a second, by which ``end`` grows with the message."""
    alive: float = 10.0
    quit: float = 2.0


@dataclass(frozen=True, slots=True)
class Greeted:
    """A connection ready for a login, and what its server can do."""

    lines: Lines
    extensions: Mapping[str, str]
    """Keywords in lower case, with their parameters."""
    mechanisms: frozenset[str]
    """SASL mechanisms, in capitals."""
    secured: bool


async def connect(endpoint: Endpoint, timeouts: Timeouts, on_step: OnStep | None) -> Greeted:
    """Reach, secure and greet. Raises `Transient`, `Misconfigured`, or `ProtocolError`."""
    run = Steps(on_step).run
    loop = asyncio.get_running_loop()
    lines = Lines(loop)
    addresses = await run("dns", resolve(endpoint, timeouts.dns))
    sock = await run("tcp", first_to_answer(addresses, endpoint, timeouts.connect))
    try:
        if endpoint.tls == "implicit":
            await run("tls", _open_tls(lines, sock, endpoint, timeouts.tls))
        else:
            await loop.create_connection(lambda: lines, sock=sock)
        await run("greeting", _greeting(lines, endpoint, timeouts.greeting))
        said = await _ehlo(lines, timeouts.command)
        if endpoint.tls == "starttls":
            await run("tls", _start_tls(lines, endpoint, timeouts, said))
            said = await _ehlo(lines, timeouts.command)
    except BaseException:
        lines.fail(Transient("connecting was given up", code="cancelled"))
        sock.close()
        raise
    extensions, mechanisms = parse_esmtp_extensions(said)
    known = frozenset(name.upper() for name in mechanisms)
    return Greeted(lines, extensions, known, endpoint.tls != "none")


def refusal_error(reply: Reply, doing: str, stage: Stage) -> DriverError:
    """A no to a command that concerns no message."""
    refusal = refused(reply.code, reply.text, stage)
    found = meaning(refusal)
    said = f"the server refused {doing}: {reply.code} {refusal.enhanced} {refusal.text}"
    text = f"{found.say}: {said}" if found.say else said
    code = refusal.enhanced or str(reply.code)
    match found.means:
        case Means.THROTTLE:
            return Transient(text, code="throttled", hint=found.fix, retry_after=found.rest)
        case Means.TRANSIENT:
            return Transient(text, code=code, hint=found.fix, retry_after=found.rest)
        case _:
            return Misconfigured(text, code="server", hint=found.fix)


async def _greeting(lines: Lines, endpoint: Endpoint, limit: float) -> tuple[None, str]:
    try:
        reply = await lines.greeting(limit)
    except Transient as error:
        if error.code != "timeout":
            raise
        hint = "" if endpoint.tls == "implicit" else "a TLS port (465) wants tls = implicit"
        said = f"{place(endpoint)} does not greet"
        raise Transient(said, code="timeout", hint=hint) from error
    if reply.code != READY:
        raise refusal_error(reply, "the connection", Stage.CONNECT)
    return None, reply.text.partition("\n")[0]


async def _ehlo(lines: Lines, limit: float) -> str:
    reply = await lines.ask(b"EHLO " + _own_name(lines), limit)
    if reply.code != OK:
        raise refusal_error(reply, "EHLO", Stage.CONNECT)
    return reply.text


def _own_name(lines: Lines) -> bytes:
    """Our end's address as a literal (RFC 5321 section 4.1.3): it needs no DNS and is true."""
    address = ipaddress.ip_address(lines.name or "127.0.0.1")
    kind = "IPv6:" if isinstance(address, ipaddress.IPv6Address) else ""
    return f"[{kind}{address}]".encode()


async def _open_tls(
    lines: Lines, sock: socket.socket, endpoint: Endpoint, limit: float
) -> tuple[None, str]:
    context = await tls.client_context(endpoint.ca_file)
    with handshake(endpoint):
        await asyncio.get_running_loop().create_connection(
            lambda: lines,
            sock=sock,
            ssl=context,
            server_hostname=endpoint.name,
            ssl_handshake_timeout=limit,
        )
    return None, lines.cipher


async def _start_tls(
    lines: Lines, endpoint: Endpoint, timeouts: Timeouts, said: str
) -> tuple[None, str]:
    """STARTTLS, without which nothing goes on."""
    if "starttls" not in parse_esmtp_extensions(said)[0]:
        raise Misconfigured(f"{place(endpoint)} does not offer STARTTLS", code="tls")
    context = await tls.client_context(endpoint.ca_file)
    reply = await lines.ask(b"STARTTLS", timeouts.command)
    if reply.code // 100 == 4:  # noqa: PLR2004
        raise Transient(f"{place(endpoint)} cannot start TLS now: {reply.text}", code="tls")
    if reply.code != READY:
        raise Misconfigured(f"{place(endpoint)} refuses STARTTLS: {reply.text}", code="tls")
    if lines.has_unread:
        raise injected()
    with handshake(endpoint):
        await lines.secure(context, endpoint.name, timeouts.tls)
    return None, lines.cipher
