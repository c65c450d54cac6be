"""How long to wait before the next try: doubling, with full jitter, forgiving after health.

Values in, values out: the clock and the dice are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """One kind of trouble's memory. Seconds throughout."""

    base: float = 1.0
    cap: float = 300.0
    tries: int = 0

    def next(self, dice: float, *, floor: float = 0.0) -> float:
        """The wait before the next try; ``dice`` is uniform in [0, 1), ``floor`` the remote's ask.

        Full jitter: anything up to the doubled step, but never less than half of the base.
        """
        step = min(self.cap, self.base * 2.0 ** min(self.tries, 30))
        self.tries += 1
        return max(floor, self.base / 2, step * dice)

    def reset(self) -> None:
        """All is well again."""
        self.tries = 0


@dataclass(slots=True)
class Backoffs:
    """A mailbox's separate memories: one kind of trouble does not excuse another."""

    connect: Backoff
    """The way there: DNS, TCP, TLS, greeting, an unexpected end."""
    auth: Backoff
    """Refused credentials: rarely asked again, so that no lockout follows."""
    config: Backoff
    """What only a person can mend, probed now and then all the same."""
    brief: Backoff
    """Connections that were made but did not last; forgiven only by one that did."""


def fresh() -> Backoffs:
    """A new mailbox's memories."""
    return Backoffs(
        connect=Backoff(1.0, 300.0),
        auth=Backoff(300.0, 6 * 3600.0),
        config=Backoff(900.0, 3600.0),
        brief=Backoff(2.0, 300.0),
    )


LASTING = 300.0
"""A connection that lived so many seconds was no brief one."""
