"""What an event is, and the catalogue that `eisd.events` fills."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from eisd.metrics import Counter

BOUND = ("mailbox", "trace_id", "message_id", "folder", "uid", "task")
"""Context of a task or a message; on any event."""

ERROR = ("error.type", "error.code", "error.stage", "error.message", "traceback")
"""What an exception brings; on events that are declared with ``error=True``."""


class Level(IntEnum):
    """Severity, with the numbers of the standard library."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event: its name, its usual level, its sentence, its own fields, and what it means."""

    name: str
    level: Level
    msg: str
    """A sentence with ``{field}`` in it, in lower case, without a full stop."""
    fields: tuple[str, ...]
    help: str
    folded: bool = False
    """Repetitions of the same mailbox, folder and error code become one line per window."""
    error: bool = False
    """May carry an exception (`ERROR`)."""
    counts: tuple[Counter, tuple[str, ...]] | None = None
    """A metric that every such event adds one to, and the fields its labels are taken from; what
    begins with ``=`` is the label itself."""


CATALOGUE: dict[str, EventSpec] = {}
"""Every event by name."""


def declare(
    name: str,
    level: Level,
    msg: str,
    *fields: str,
    help: str,  # noqa: A002
    folded: bool = False,
    error: bool = False,
    counts: tuple[Counter, tuple[str, ...]] | None = None,
) -> EventSpec:
    """Add an event to the catalogue."""
    spec = CATALOGUE[name] = EventSpec(name, level, msg, fields, help, folded, error, counts)
    return spec
