"""What every noun's file needs: times, signed hashes, and lists of question marks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from sqlite3 import Connection, sqlite_version
from time import time_ns

__all__ = [
    "CHUNK",
    "SQLITE_VERSION",
    "Connection",
    "compact",
    "marks",
    "now_ms",
    "signed",
    "stamp",
    "unsigned",
]

SQLITE_VERSION = sqlite_version
"""Of the library that runs here."""

CHUNK = 500
"""How many values one IN (...) takes."""


def now_ms() -> int:
    """The wall clock in milliseconds since 1970 UTC."""
    return time_ns() // 1_000_000


def stamp(ms: int) -> str:
    """Milliseconds as RFC 3339 UTC text: ``2026-11-21T23:43:32.283Z``.

    Years outside 1 to 9999 are brought to the nearest that can be written.
    """
    try:
        when = datetime.fromtimestamp(ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return "0001-01-01T00:00:00.000Z" if ms < 0 else "9999-12-31T23:59:59.999Z"
    return f"{when.isoformat()[:19]}.{ms % 1000:03d}Z"


def signed(value: int) -> int:
    """An unsigned 64-bit hash as SQLite keeps it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def unsigned(value: int) -> int:
    """The hash that SQLite keeps as ``value``."""
    return value + (1 << 64) if value < 0 else value


def marks(count: int) -> str:
    """``?,?,?`` for an IN (...)."""
    return ",".join("?" * count)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(value: object) -> str:
    """JSON as SQLite's own functions write it, without spaces."""
    return _ENCODER.encode(value)
