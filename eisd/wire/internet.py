"""What discovery asks of the world: DNS, documents over HTTPS, and whether a server is there.

A name that somebody's DNS or document gives may lead anywhere, so a document is fetched only from
addresses of the public Internet, by the very address that was looked at, and a server is only
greeted: nothing secret is ever sent from here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Literal

from eisd.errors import Misconfigured, ProtocolError, Transient
from eisd.wire import tls
from eisd.wire.autoconfig import MAX_BYTES
from eisd.wire.dns import Resolver, Service
from eisd.wire.http import Web
from eisd.wire.imap import Client, Endpoint, Timeouts

Way = Literal["implicit", "starttls"]
Via = Callable[[str, int], tuple[str, int]]
"""Where a host and port are really to be reached: for tests and for split horizons."""

SECONDS = 6.0
"""For each question; a server of mail that takes longer is no good one to guess."""
_HTTPS = 443
_IMPLICIT_SMTP = 465
_OK = 200
_LINE = 1024


class Internet:
    """The world as it is, or as a test has it."""

    def __init__(
        self,
        resolver: Resolver | None = None,
        *,
        ca_file: str | None = None,
        via: Via | None = None,
        allow_private: bool = False,
        seconds: float = SECONDS,
    ) -> None:
        self._resolver = resolver or Resolver()
        self._web = Web(max_bytes=MAX_BYTES, ca_file=ca_file)
        self._ca_file = ca_file
        self._via = via
        self._allow_private = allow_private
        self._seconds = seconds

    async def mx(self, domain: str) -> list[str]:
        """Where a domain's mail goes. Raises `Transient`."""
        return await self._resolver.mx(domain)

    async def srv(self, name: str) -> list[Service]:
        """Who offers a service. Raises `Transient`."""
        return await self._resolver.srv(name)

    async def document(self, url: str, host: str) -> bytes:
        """A document over HTTPS from a host; empty where there is none.

        Raises:
            DriverError: it cannot be had, or it lies where nobody should look.
        """
        where = await self._public(host)
        reply = await self._web.get(url, at=where, seconds=self._seconds)
        if 300 <= reply.status < 400:  # noqa: PLR2004 - a redirect
            raise ProtocolError("it redirects, which is not followed", code="redirect")
        return reply.body if reply.status == _OK else b""

    async def greets_imap(self, host: str, port: int, way: Way) -> None:
        """Connect to an IMAP server, TLS verified, and leave. Raises `DriverError`."""
        limit = self._seconds
        timeouts = Timeouts(dns=limit, connect=limit, tls=limit, greeting=limit, command=limit)
        client = await Client.connect(self._endpoint(host, port, way), timeouts)
        client.abort()

    async def greets_smtp(self, host: str, port: int) -> None:
        """Connect to a submission server, TLS verified, and leave. Raises `DriverError`."""
        context = await tls.client_context(self._ca_file)
        at, number = self._reach(host, port)
        try:
            async with asyncio.timeout(self._seconds):
                await _greet_smtp(at, number, context, host, implicit=port == _IMPLICIT_SMTP)
        except ssl.SSLError as error:
            raise tls.explain(error, host) from error
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            raise Transient(f"no submission server at {host}:{port}", code="refused") from error

    async def aclose(self) -> None:
        """Close what is open."""
        await self._web.aclose()

    def _endpoint(self, host: str, port: int, way: Way) -> Endpoint:
        at, number = self._reach(host, port)
        name = None if at == host else host
        return Endpoint(at, number, way, self._ca_file, name)

    def _reach(self, host: str, port: int) -> tuple[str, int]:
        return (host, port) if self._via is None else self._via(host, port)

    async def _public(self, host: str) -> tuple[str, int]:
        """An address of the host that anybody may look at."""
        if self._via is not None:
            return self._via(host, _HTTPS)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                found = await loop.getaddrinfo(host, _HTTPS, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise Transient(f"no answer from DNS for {host}", code="dns") from error
        except (OSError, UnicodeError) as error:
            raise Transient(f"{host} has no address", code="dns") from error
        for info in found:
            address = str(info[4][0])
            if self._allow_private or is_public(address):
                return address, _HTTPS
        raise Misconfigured(f"{host} lies in a private network", code="config")


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet, whatever notation hides it."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


async def _greet_smtp(
    at: str, port: int, context: ssl.SSLContext, host: str, *, implicit: bool
) -> None:
    """The beginning of an SMTP session (RFC 5321, RFC 3207); ValueError where it is none."""
    secured = {"ssl": context, "server_hostname": host} if implicit else {}
    reader, writer = await asyncio.open_connection(at, port, limit=_LINE, **secured)  # type: ignore[arg-type]
    try:
        await _expect(reader, b"220")
        if not implicit:
            writer.write(b"EHLO localhost\r\n")
            await _expect(reader, b"250")
            writer.write(b"STARTTLS\r\n")
            await _expect(reader, b"220")
            await writer.start_tls(context, server_hostname=host)
    finally:
        writer.transport.abort()


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    """One reply of so few lines as a greeting has."""
    for _ in range(64):
        line = await reader.readline()
        if not line.startswith(code):
            raise ValueError
        if line[3:4] != b"-":
            return
    raise ValueError
