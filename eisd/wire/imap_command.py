"""A command on its way, and what has come for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aioimaplib.aioimaplib import Command

from eisd.errors import DriverError, Rejected
from eisd.wire.imap_fetch import Fetched
from eisd.wire.imap_grammar import UidSet
from eisd.wire.imap_responses import Completion

Answer = Callable[[bytes], bytes | None]
"""Told a continuation request (its text), returns what to write."""


class WireCommand(Command):  # type: ignore[misc]  # aioimaplib has no types
    """A command on its way, and what has come for it."""

    def __init__(
        self,
        name: str,
        tag: str,
        *args: str,
        prefix: str = "",
        limit: float | None,
        patience: float | None = None,
        wants: Collection[str] = (),
        answer: Answer | None = None,
        then: Callable[[Completion], None] | None = None,
    ) -> None:
        try:
            super().__init__(name, tag, *args, prefix=prefix)
        except ValueError as exc:
            raise Rejected(str(exc), code="argument") from exc
        self.limit = limit
        """Seconds for the whole command, from when it is the oldest under way; None: no limit."""
        self.patience = patience
        """Seconds without a single octet."""
        self.wants = frozenset(wants)
        """Names of the untagged responses that are its answer."""
        self.answer = answer
        self.then = then
        """Called with the completion the moment it is read, before anything after it."""
        self.responses: list[list[bytes]] = []
        self.octets = 0
        self.since: float | None = None
        self.done: asyncio.Future[Completion] = self._loop.create_future()

    def due(self, last_heard: float) -> float | None:
        """When it is overdue, in the loop's time."""
        since = self.since or 0.0
        dues = []
        if self.limit is not None:
            dues.append(since + self.limit)
        if self.patience is not None:
            dues.append(max(since, last_heard) + self.patience)
        return min(dues, default=None)

    def settle(self, done: Completion) -> None:
        """It is complete."""
        if not self.done.done():
            self.done.set_result(done)
        if self.then is not None:
            self.then(done)

    def fail(self, error: DriverError) -> None:
        """It will never be complete, and what came of it is of no use."""
        self.responses = []
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # nobody may be waiting any more


class FetchCommand(WireCommand):
    """A UID FETCH: knows the UIDs it asked for."""

    def __init__(
        self, tag: str, asked: UidSet | frozenset[int], *args: str, limit: float, patience: float
    ) -> None:
        super().__init__("FETCH", tag, *args, prefix="UID", limit=limit, patience=patience)
        self.asked = asked
        self.answers: dict[int, Fetched] = {}

    def fail(self, error: DriverError) -> None:
        """It will never be complete; what was answered goes now, not with the error's frames."""
        self.answers = {}
        super().fail(error)
