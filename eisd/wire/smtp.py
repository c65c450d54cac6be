"""A submission connection as the rest of eisd uses it (RFC 5321, RFC 6409).

One task owns a `Client`. Every call has its limit in time; a timeout or a cancellation drops the
connection, and then `Client.lost` says why. aiosmtplib carries the lines; what is above them is
ours, since only then is it known how far a message came when something went wrong.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from eisd.errors import DriverError, Transient
from eisd.model.outgoing import Envelope, Receipt
from eisd.wire import smtp_connect
from eisd.wire.dial import Endpoint, OnStep
from eisd.wire.smtp_connect import OK, Greeted, Timeouts
from eisd.wire.smtp_login import Authenticator
from eisd.wire.smtp_send import Transaction

__all__ = ["Client", "Endpoint", "Timeouts"]


class Client:
    """One connection."""

    def __init__(self, greeted: Greeted, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._greeted = greeted
        self._timeouts = timeouts
        self._login = Authenticator(greeted, endpoint, timeouts.login)
        self._transaction = Transaction(greeted, timeouts)
        self._used_at = time.monotonic()
        self.messages = 0
        """How many were tried over it."""

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a frozen value
        on_step: OnStep | None = None,
    ) -> Client:
        """Reach, secure and greet a server; ``on_step`` is told dns, tcp, tls and greeting."""
        return cls(await smtp_connect.connect(endpoint, timeouts, on_step), endpoint, timeouts)

    @property
    def extensions(self) -> Mapping[str, str]:
        """What the server offers, keywords in lower case."""
        return self._greeted.extensions

    @property
    def mechanisms(self) -> frozenset[str]:
        """How one can log in, in capitals."""
        return self._greeted.mechanisms

    @property
    def lost(self) -> DriverError | None:
        """Why the connection is of no more use, None while it is."""
        lines = self._greeted.lines
        if lines.lost is None and not lines.is_connected:
            lines.fail(Transient("the server closed the connection", code="lost"))
        return lines.lost

    @property
    def idle_s(self) -> float:
        """Seconds since it was last used."""
        return time.monotonic() - self._used_at

    async def login(self, user: str, password: str) -> None:
        """Log in with a password."""
        await self._login.password(user, password)

    async def login_token(self, user: str, token: str) -> None:
        """Log in with an OAuth access token."""
        await self._login.token(user, token)

    async def send(
        self,
        envelope: Envelope,
        rfc822: bytes,
        before_commit: Callable[[], Awaitable[None]] | None = None,
    ) -> Receipt:
        """Hand over one message, as `eisd.driver.interface.Sender` has it."""
        self.messages += 1
        try:
            return await self._transaction.send(envelope, rfc822, before_commit)
        finally:
            self._used_at = time.monotonic()

    async def alive(self) -> bool:
        """Whether the server still answers (NOOP)."""
        if self.lost is not None:
            return False
        try:
            reply = await self._greeted.lines.ask(b"NOOP", self._timeouts.alive)
        except DriverError:
            return False
        self._used_at = time.monotonic()
        return reply.code == OK

    async def quit(self) -> None:
        """QUIT, briefly; the connection is closed whatever comes of it, and nothing is raised."""
        if self.lost is None:
            with suppress(DriverError):
                await self._greeted.lines.ask(b"QUIT", self._timeouts.quit)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._greeted.lines.fail(Transient("the connection was closed by eisd", code="closed"))
