"""What a check says: one sentence, and the way out where something is wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    """Not looked at, or nothing that has to change."""
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: str
    """host, config, credentials, provider, dns."""
    subject: str
    """What it is about: a path, a mailbox, a domain."""
    check: str
    """A short stable word: clock, disk, spf, ..."""
    grade: Grade
    text: str
    fix: str = ""
    """A command, a line of configuration or a DNS record that mends it."""

    def tell(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)
