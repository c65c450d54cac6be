"""How fast mail goes out: so many messages in a span of time, and so many a day.

Values in, values out: the clock is the caller's. What was sent before a restart counts, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` in any ``seconds``: messages, or recipients."""

    count: int
    seconds: float
    recipients: bool = False


@dataclass(slots=True)
class Window:
    """One limit, and what of late counts towards it. Times in seconds, whatever their origin."""

    limit: Limit
    _taken: deque[tuple[float, int]] = field(default_factory=deque)
    _sum: int = 0

    def wait(self, now: float, recipients: int) -> float:
        """How long until a message to so many recipients may go; 0: now.

        One with more recipients than the limit allows goes when nothing else counts.
        """
        self._forget(now)
        left = self._sum + self._weight(recipients) - self.limit.count
        if left <= 0 or not self._taken:
            return 0.0
        for at, weight in self._taken:
            left -= weight
            if left <= 0:
                return max(0.0, at + self.limit.seconds - now)
        return max(0.0, self._taken[-1][0] + self.limit.seconds - now)

    def note(self, at: float, recipients: int) -> None:
        """A message went out."""
        weight = self._weight(recipients)
        self._taken.append((at, weight))
        self._sum += weight

    def undo(self, at: float, recipients: int) -> None:
        """A message that was noted did not go out."""
        taken = at, self._weight(recipients)
        if taken in self._taken:
            self._taken.remove(taken)
            self._sum -= taken[1]

    def _weight(self, recipients: int) -> int:
        return recipients if self.limit.recipients else 1

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] + self.limit.seconds <= now:
            self._sum -= self._taken.popleft()[1]


class Pace:
    """Several limits at once."""

    def __init__(self, limits: Iterable[Limit], sent: Iterable[tuple[float, int]] = ()) -> None:
        """Take the limits, and (when, recipients) of what was sent, oldest first."""
        self._windows = [Window(limit) for limit in limits]
        for at, recipients in sent:
            self.note(at, recipients)

    def wait(self, now: float, recipients: int) -> float:
        """How long until a message to so many recipients may go; 0: now."""
        return max((one.wait(now, recipients) for one in self._windows), default=0.0)

    def note(self, at: float, recipients: int) -> None:
        """A message went out."""
        for one in self._windows:
            one.note(at, recipients)

    def undo(self, at: float, recipients: int) -> None:
        """A message that was noted did not go out."""
        for one in self._windows:
            one.undo(at, recipients)


def backlog(limits: Iterable[Limit]) -> tuple[float, int]:
    """(seconds, messages): how much of the past the limits depend on."""
    listed = list(limits)
    return (
        max((one.seconds for one in listed), default=0.0),
        max((one.count for one in listed), default=0),
    )
