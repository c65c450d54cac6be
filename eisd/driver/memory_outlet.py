"""What the in-memory provider does with mail that is sent through it, in a test's hands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from eisd.model.outgoing import Envelope, Outlet, Refusal, Stage


@dataclass(slots=True)
class MemoryOutlet:
    """What the provider does with mail, and what it has taken."""

    facts: Outlet = field(default_factory=lambda: Outlet("memory"))
    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)
    """What the provider accepted, in order, as it came over the wire."""
    connections: int = 0
    """How often a connection was made."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    """The provider's no to recipients, by address; under ``""`` to the whole message."""
    held: asyncio.Event | None = None
    """While set to an event that is not set, every message waits before its commit."""

    def refuse(
        self, recipient: str, code: int, text: str = "no", *, enhanced: str = "", at: str = "rcpt"
    ) -> None:
        """Say no to a recipient; or, for the address ``""``, to every message at a stage."""
        self.refused[recipient] = Refusal(code, enhanced, text, Stage(at), recipient)
