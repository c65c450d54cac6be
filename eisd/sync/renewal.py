"""Sessions that end with their access token: the next one is there before the provider cuts.

Google and Microsoft close a connection when the token that opened it ends. So a new session is
prepared some minutes ahead, with a newer token, and takes over from the old one, which is then
closed in order: no state changes, nothing is lost, nobody sees it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from time import monotonic

from eisd import events
from eisd.driver.interface import Renewable, Session
from eisd.errors import DriverError, ProtocolError, Transient
from eisd.logs import emit
from eisd.sync.mailbox import Mailbox

AGAIN = 60.0
"""Seconds until the next try, where no new session can be had."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A live session, and what closes it."""

    session: Session
    context: AbstractAsyncContextManager[Session]

    async def close(self) -> None:
        """Say goodbye, and close the connection in any case."""
        with suppress(DriverError):
            await self.context.__aexit__(None, None, None)


class Renewal:
    """When one mailbox's session is to be replaced, and by what."""

    def __init__(self, mailbox: Mailbox) -> None:
        login = mailbox.plan.login
        self._mailbox = mailbox
        self._login = login if isinstance(login, Renewable) else None
        self._due = float("inf")

    @property
    def left(self) -> float:
        """Seconds until the session is to be replaced."""
        return self._due - monotonic()

    async def open(self, tell: Callable[[], Awaitable[None]] | None = None) -> Opened:
        """Open a session, as one of not too many at once; ``tell`` when it is its turn."""
        async with self._mailbox.services.logins:
            if tell is not None:
                await tell()
            context = self._mailbox.session()
            session = await context.__aenter__()
        self._due = monotonic() + (self._login.renew_in() if self._login else float("inf"))
        return Opened(session, context)

    async def successor(self) -> Opened | None:
        """A session with a newer token, if one is due; None: the old one goes on.

        Raises:
            DriverError: a person is needed, and the old session would not live much longer.
        """
        if self._login is None or self.left > 0:
            return None
        self._due = monotonic() + AGAIN
        try:
            if await self._login.renewed():
                return await self.open()
        except (Transient, ProtocolError) as error:
            emit(
                events.SESSION_KEPT,
                reason=str(error),
                retry_in_s=round(self.left),
                error=error,
            )
        return None
