"""What every noun's file needs: times, signed hashes, and lists of question marks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from sqlite3 import Connection, sqlite_version
from time import time_ns
from typing import Final, TypeVar

T = TypeVar("T")

__all__ = [
    "CHUNK",
    "SQLITE_VERSION",
    "Connection",
    "Inserter",
    "Plain",
    "chunks",
    "compact",
    "last_id",
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


_MARKS: Final = {size: marks(size) for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, CHUNK)}


def chunks(values: Sequence[T], most: int = CHUNK) -> Iterator[tuple[str, list[T]]]:
    """Question marks and values for as many IN (...) as the values need, ``most`` in each.

    There are few lengths, so that a statement is compiled once and kept: the last value is
    repeated to fill one.
    """
    for at in range(0, len(values), most):
        chunk = list(values[at : at + most])
        size = next(size for size in _MARKS if size >= len(chunk))
        chunk += chunk[-1:] * (size - len(chunk))
        yield _MARKS[size], chunk


Plain = int | float | str | bytearray | bytes | None
"""What a column takes. Of every value that is not exactly of one of the first four types (bytes and
None, a bool and a StrEnum's member) sqlite3 asks whether it adapts itself, for a microsecond."""


class Inserter:
    """An INSERT of many rows, a few dozen in each statement.

    Between two statements sqlite3 takes the interpreter's lock again, and with it the wait for
    whoever has it meanwhile; `executemany` does so for each row.
    """

    _SIZES: Final = (64, 16, 4, 1)
    """Of a statement, in rows: few, so that each is kept ready."""

    def __init__(self, into: str, row: str, tail: str = "") -> None:
        """``row`` is what stands in VALUES: what all rows share as ?1, ?2 and so on, first."""
        self._statements = {
            size: f"INSERT INTO {into} VALUES {','.join([f'({row})'] * size)} {tail}"
            for size in self._SIZES
        }

    def __call__(
        self, db: Connection, shared: Sequence[Plain], rows: Sequence[Sequence[Plain]]
    ) -> None:
        """Insert ``rows``."""
        at = 0
        for size, statement in self._statements.items():
            while len(rows) - at >= size:
                values = list(shared)
                for row in rows[at : at + size]:
                    values += row
                db.execute(statement, values)
                at += size


def last_id(db: Connection, table: str) -> int:
    """The highest id that a table with AUTOINCREMENT ever gave; the next row gets the next one."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return row[0] if row else 0


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(value: object) -> str:
    """JSON as SQLite's own functions write it, without spaces."""
    return _ENCODER.encode(value)
