"""A submission server of one's own: aiosmtpd on a free port of loopback, and what it was given.

It refuses and hangs up where a test says so. Words for where: ``EHLO``, ``MAIL``, ``RCPT``, an
address of a recipient, ``DATA``, ``taken`` (the message is whole and kept, and no answer comes).
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult

from eisd.wire.dial import Endpoint


@dataclass(frozen=True, slots=True)
class Taken:
    """One message as the server was given it."""

    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    rfc822: bytes


@dataclass(slots=True)
class Sink:
    """The server, for one ``async with``."""

    starttls: ssl.SSLContext | None = None
    implicit: ssl.SSLContext | None = None
    logins: Mapping[str, str] | None = None
    """Passwords by user; None: it wants no login."""
    size: int = 36 << 20
    utf8: bool = True
    replies: dict[str, str] = field(default_factory=dict)
    """What it says instead, by where."""
    drops: set[str] = field(default_factory=set)
    """Where it hangs up."""
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    on_taken: Callable[[Taken], None] | None = None
    _server: asyncio.Server | None = None
    _open: list[SMTP] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, "127.0.0.1", self.port, ssl=self.implicit
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()
        for _ in range(3):
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        """Cut every connection there is."""
        for one in self._open:
            if one.transport is not None:
                one.transport.abort()
        self._open.clear()

    def endpoint(self, ca_file: object = None) -> Endpoint:
        """How to reach it."""
        way = "implicit" if self.implicit else "starttls" if self.starttls else "none"
        return Endpoint("127.0.0.1", self.port, way, str(ca_file) if ca_file else None)  # type: ignore[arg-type]

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # AUTH without STARTTLS: under TLS it is
            protocol = self._make()
        self._open.append(protocol)
        return protocol

    def _make(self) -> SMTP:
        return SMTP(
            self,
            hostname="sink.lab.test",
            data_size_limit=self.size,
            enable_SMTPUTF8=self.utf8,
            tls_context=self.starttls,
            require_starttls=self.starttls is not None,
            auth_required=self.logins is not None,
            auth_require_tls=self.logins is None or self.starttls is not None,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(self, server: SMTP, session: Any, envelope: Any, kind: str, data: Any) -> Any:
        del server, session, envelope, kind
        known = (self.logins or {}).get(data.login.decode())
        return AuthResult(success=known == data.password.decode(), handled=False)

    # What aiosmtpd asks

    def _answer(self, server: SMTP, place: str) -> str | None:
        if place in self.drops:
            server.transport.abort()
            return "421 gone"
        return self.replies.get(place)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        del envelope
        session.host_name = hostname
        said = self._answer(server, "EHLO")
        return [said] if said else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del session
        if said := self._answer(server, "MAIL"):
            return said
        envelope.mail_from, envelope.mail_options = address, options
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del session
        if said := self._answer(server, "RCPT") or self._answer(server, address):
            return said
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        del session
        if said := self._answer(server, "DATA"):
            return said
        options = (*envelope.mail_options, *envelope.rcpt_options)
        taken = Taken(envelope.mail_from, tuple(envelope.rcpt_tos), options, envelope.content)
        self.taken.append(taken)
        if self.on_taken is not None:
            self.on_taken(taken)
        return self._answer(server, "taken") or "250 2.0.0 queued as 1"
