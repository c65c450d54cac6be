"""Enumerating the UIDs a folder holds, newest first, whatever their gaps.

UIDs may be dense or, after years, one in ten thousand. So a window of UIDs is asked for by
``UID SEARCH UID a:b`` and grows while it finds little: a sparse folder takes a few searches, a
folder of millions never answers with one giant line.
"""

from __future__ import annotations

from typing import Protocol

PER_SEARCH = 50_000
"""How many UIDs one search should find, about."""

_GROWTH = 4


class Searches(Protocol):
    """The one thing asked of the connection."""

    async def uid_search(self, criteria: str) -> list[int]:
        """The UIDs that match, ascending and unique."""
        ...


class UidWalk:
    """The UIDs between two bounds, from the top down, a window at a time."""

    def __init__(
        self, client: Searches, low: int, high: int, exists: int, *, per_search: int = PER_SEARCH
    ) -> None:
        self._client = client
        self._low = max(low, 1)
        self._at = high if exists else 0
        self._exists = exists
        self._per_search = per_search
        span = max(high - self._low + 1, 1)
        dense = exists <= per_search
        self._width = span if dense else max(per_search, span * per_search // exists)

    @property
    def done(self) -> bool:
        """Nothing is left below."""
        return self._at < self._low

    @property
    def remaining(self) -> int:
        """How many UIDs there are below at most."""
        return 0 if self.done else max(min(self._exists, self._at - self._low + 1), 0)

    async def next(self) -> list[int]:
        """The UIDs of the next window down, ascending; it may hold none."""
        begin, end = max(self._low, self._at - self._width + 1), self._at
        found = [
            u for u in await self._client.uid_search(f"UID {begin}:{end}") if begin <= u <= end
        ]
        self._at = begin - 1
        self._exists -= len(found)
        if len(found) * _GROWTH < self._per_search:
            self._width *= _GROWTH
        elif len(found) > self._per_search:
            self._width = max(self._width // _GROWTH, 1)
        return found
