"""Folding of repetition: the first at once, then one line a window that says how many it hides.

Pure but for its own memory: the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

MAX_KEYS: Final = 10_000
"""Repetitions are remembered for so many keys; beyond it the oldest window is closed early."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way to a sink."""

    level: int
    record: dict[str, object]
    fold: Hashable = None
    """Entries of one key are repetitions of each other; None is never folded."""
    origin: tuple[str, int] | None = None
    """File and line that emitted it; errors only."""


@dataclass(slots=True)
class _Window:
    """An open window: when it ends, and what has been held back in it."""

    until: float
    latest: Entry | None = None
    held: int = 0


class Folds:
    """The open windows, in the order in which they end (all are of one length)."""

    def __init__(self, window: float) -> None:
        self.window = window
        self.suppressed = 0
        """Lines that were never shown by themselves, in all."""
        self._open: dict[Hashable, _Window] = {}

    def admit(self, entry: Entry, now: float) -> bool:
        """Whether this entry is shown now; otherwise it is held for the end of its window."""
        if entry.fold is None or self.window <= 0:
            return True
        window = self._open.get(entry.fold)
        if window is None:
            self._open[entry.fold] = _Window(now + self.window)
            return True
        window.latest = entry
        window.held += 1
        return False

    def due(self, now: float) -> list[Entry]:
        """What is shown because its window ended by ``now``, each with ``suppressed``.

        A key that was repeated gets a new window at once, one that was quiet is forgotten.
        """
        shown: list[Entry] = []
        while self._open:
            key, window = next(iter(self._open.items()))
            if window.until > now and len(self._open) <= MAX_KEYS:
                break
            del self._open[key]
            if window.latest is None:
                continue
            hidden = window.held - 1
            self.suppressed += hidden
            extra: dict[str, object] = {"suppressed": hidden} if hidden else {}
            shown.append(replace(window.latest, record=window.latest.record | extra))
            if window.until <= now < float("inf"):
                self._open[key] = _Window(now + self.window)
        return shown

    def next_due(self) -> float | None:
        """When `due` has something to look at; None while no window is open."""
        return next(iter(self._open.values())).until if self._open else None
