"""What the outbox works with: a mailbox that can send, and the services it shares with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from eisd.driver.interface import Driver, Login, Sender
from eisd.model.mail import Parsed, RawMessage
from eisd.model.outgoing import Outlet
from eisd.outbox.pace import Limit
from eisd.store.activities import Fresh
from eisd.store.database import Database, Tx


class Parser(Protocol):
    """Whoever parses messages without ever being stopped by one."""

    async def parse(self, messages: Sequence[RawMessage]) -> list[Parsed]: ...


class Recorder(Protocol):
    """Makes activities of what is sent; each inside the writer's transaction."""

    def record(
        self, tx: Tx, mailbox: int, submission: int, gate_at: int, rfc822: bytes, parsed: Parsed
    ) -> Sequence[Fresh]:
        """Record a message as sent at that time (ms); return the new activities."""
        ...

    def sent(self, tx: Tx, mailbox: int, submission: int, id_key: bytes, at: int) -> None:
        """It went out at that time (ms), or its state changed: bring its activities up to it."""
        ...

    def forget(self, tx: Tx, mailbox: int, submission: int) -> None:
        """It will never be sent."""
        ...

    def let_go(self, tx: Tx, mailbox: int, submission: int) -> None:
        """Its bytes are kept no longer."""
        ...

    def is_missing(self, tx: Tx, mailbox: int, submission: int) -> bool:
        """Whether it is still to be recorded, or again: somebody it concerns was added since."""
        ...

    def seen(self, tx: Tx, id_key: bytes) -> bool:
        """Whether some mailbox lists the message: then it was sent."""
        ...


@dataclass(frozen=True, slots=True)
class Station:
    """One mailbox's way out, as the configuration has it."""

    id: int
    name: str
    driver: Driver
    options: Any
    login: Login
    outlet: Outlet
    retry_for: float
    """Seconds a message is tried."""
    limits: tuple[Limit, ...]
    host_limits: tuple[Limit, ...]
    """Of all mailboxes that send through the same host together."""
    fingerprint: str
    """Changes whenever anything about the connection does."""

    def sender(self) -> AbstractAsyncContextManager[Sender]:
        """A way out of our own."""
        return self.driver.sender(self.options, self.login)


@dataclass(frozen=True, slots=True)
class Services:
    """What every station of the daemon uses."""

    store: Database
    parser: Parser
    recorder: Recorder
    tell: Callable[[str, Sequence[Fresh]], None]
    """New activities of a mailbox are durable."""
