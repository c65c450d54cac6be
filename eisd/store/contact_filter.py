"""The filter that most mail stops at: hashes of every address that may concern a contact.

A sorted array of 8 bytes each, some 10 MB at 1.3 million addresses. It says "perhaps"; the rows
in the database decide.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable

from eisd.model.facts import KeyHash

FRESH = 10_000
"""So many unsorted hashes, then they are sorted in."""


class Filter:
    """Whether an address hash may be a contact's. Made and used in the writer thread."""

    def __init__(self, hashes: Iterable[KeyHash] = ()) -> None:
        self._sorted = array("Q", sorted(set(hashes)))
        self._fresh: set[KeyHash] = set()

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int]]) -> Filter:
        """Take hashes as SQLite keeps them, each once and in its order (negative ones first)."""
        ordered = array("q", (value for (value,) in rows))
        middle = bisect_left(ordered, 0)
        made = cls()
        made._sorted = array("Q")
        made._sorted.frombytes(ordered[middle:].tobytes())
        made._sorted.frombytes(ordered[:middle].tobytes())
        return made

    def __len__(self) -> int:
        return len(self._sorted) + len(self._fresh)

    def add(self, hashes: Iterable[KeyHash]) -> None:
        """Add hashes; a large number of fresh ones is sorted in."""
        self._fresh.update(hashes)
        if len(self._fresh) > FRESH:
            self._sorted = _merged(self._sorted, sorted(self._fresh))
            self._fresh = set()

    def among(self, hashes: Collection[KeyHash]) -> set[KeyHash]:
        """Those of the hashes that may be a contact's."""
        ordered, size = self._sorted, len(self._sorted)
        found = self._fresh.intersection(hashes) if self._fresh else set[KeyHash]()
        for value in hashes:
            at = bisect_left(ordered, value)
            if at < size and ordered[at] == value:
                found.add(value)
        return found

    def any(self, hashes: Iterable[KeyHash]) -> bool:
        """Whether one of the hashes may be a contact's."""
        ordered, fresh, size = self._sorted, self._fresh, len(self._sorted)
        for value in hashes:
            at = bisect_left(ordered, value)
            if at < size and ordered[at] == value:
                return True
            if value in fresh:
                return True
        return False


def _merged(ordered: array[int], fresh: list[KeyHash]) -> array[int]:
    """Both in one array, without a Python object for each that was there."""
    found = array("Q")
    begin = 0
    for value in fresh:
        at = bisect_left(ordered, value, begin)
        found.extend(ordered[begin:at])
        begin = at
        if at == len(ordered) or ordered[at] != value:
            found.append(value)
    found.extend(ordered[begin:])
    return found


def load_filter(db: sqlite3.Connection) -> Filter:
    """The filter over every address on record, ended ones and tombstones included."""
    return Filter.of_rows(
        db.execute(
            "SELECT exact FROM address UNION SELECT relaxed FROM address"
            " UNION SELECT hash FROM tombstone ORDER BY 1"
        )
    )
