"""Live events: what the log says at info and above, kept for a while for whoever follows.

The buffer is bounded, and so is the number of followers; one that is too slow, or comes back too
late, is told how much it missed. Ids are ``<start>-<number>``: those of another run of the daemon
are known as such.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from eisd.errors import ExitCode, UserError
from eisd.events import CATALOGUE, Level

Record = dict[str, Any]

KEPT: Final = 2_000
FOLLOWERS: Final = 32
TROUBLES: Final = 10
"""The last so many warnings and errors of each mailbox."""
MAILBOXES: Final = 10_000
ALIVE: Final = 15.0
"""Seconds of silence after which a follower is told that the stream lives."""


@dataclass(frozen=True, slots=True)
class Wants:
    """Which events a follower wants."""

    mailbox: str | None = None
    area: str = ""
    """An event's name, or what it begins with."""
    level: Level = Level.INFO

    def take(self, record: Record) -> bool:
        """Whether this one is wanted."""
        return (
            self.mailbox in {None, record.get("mailbox")}
            and record["event"].startswith(self.area)
            and Level[record["level"].upper()] >= self.level
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One event on the stream. ``record`` None: nothing happened; ``lost`` were missed before."""

    id: str
    record: Record | None
    lost: int = 0


class Stream:
    """The buffer. `put` may be called from any thread, everything else on one loop."""

    def __init__(self) -> None:
        self._start = f"{int(time.time() * 1000):x}"
        self._kept: deque[tuple[int, Record]] = deque(maxlen=KEPT)
        self._number = 0
        self._lock = threading.Lock()
        self._followers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._troubles: dict[str, deque[Record]] = {}
        self.closed = False

    def put(self, record: Record) -> None:
        """Take an event; wake whoever follows."""
        with self._lock:
            self._number += 1
            self._kept.append((self._number, record))
            if Level[record["level"].upper()] >= Level.WARNING and "mailbox" in record:
                self._remember(record)
        if self._loop is not None and self._followers:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                return  # the loop is gone, and with it whoever followed

    def _remember(self, record: Record) -> None:
        """Keep it among the mailbox's troubles; a repetition counts in the one before."""
        name = str(record["mailbox"])
        if name not in self._troubles and len(self._troubles) >= MAILBOXES:
            return
        mine = self._troubles.setdefault(name, deque(maxlen=TROUBLES))
        last = mine[-1] if mine else {}
        same = all(last.get(key) == record.get(key) for key in ("event", "error.code", "folder"))
        times = last["times"] + 1 if mine and same else 1
        first = last["first_at"] if mine and same else record["ts"]
        if mine and same:
            mine.pop()
        mine.append({**record, "times": times, "first_at": first})

    def troubles(self, mailbox: str) -> list[Record]:
        """A mailbox's last warnings and errors since the daemon began, the newest first."""
        with self._lock:
            return list(reversed(self._troubles.get(mailbox, ())))

    def recent(self, wants: Wants, count: int) -> list[Item]:
        """The last ``count`` events that are wanted."""
        with self._lock:
            kept = list(self._kept)
        wanted = [Item(self._id(n), record) for n, record in kept if wants.take(record)]
        return wanted[-count:] if count else []

    def close(self) -> None:
        """Let every follower come to its end."""
        self.closed = True
        self._wake()

    async def follow(self, wants: Wants, after: str | None) -> AsyncGenerator[Item, None]:
        """Wanted events after the one of that id (None: from now on), for ever.

        Raises:
            UserError: (75) too many follow already.
        """
        with self._following() as woken:
            at, lost = self._position(after)
            if lost:
                yield Item(self._id(at), None, lost)
            while not self.closed:
                woken.clear()
                fresh, missed = self._since(at)
                if missed:
                    yield Item(self._id(at + missed), None, missed)
                for number, record in fresh:
                    at = number
                    if wants.take(record):
                        yield Item(self._id(number), record)
                if not fresh and not await self._woken(woken):
                    yield Item(self._id(at), None)

    @contextmanager
    def _following(self) -> Iterator[asyncio.Event]:
        if len(self._followers) >= FOLLOWERS:
            raise UserError(f"{FOLLOWERS} follow the events already", code=ExitCode.TRY_LATER)
        self._loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._followers.add(woken)
        try:
            yield woken
        finally:
            self._followers.discard(woken)

    async def _woken(self, woken: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(ALIVE):
                await woken.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        for woken in self._followers:
            woken.set()

    def _id(self, number: int) -> str:
        return f"{self._start}-{number}"

    def _position(self, after: str | None) -> tuple[int, int]:
        """After which number to go on, and how many events are known to be missed (-1: some)."""
        if after is None:
            return self._number, 0
        start, _, number = after.partition("-")
        if start != self._start or not number.isdecimal():
            return 0, -1
        return min(int(number), self._number), 0

    def _since(self, at: int) -> tuple[list[tuple[int, Record]], int]:
        """What came after that number, and how much of it is no longer kept."""
        with self._lock:
            fresh = [one for one in self._kept if one[0] > at]
            oldest = self._kept[0][0] if self._kept else self._number + 1
        return fresh, max(0, oldest - at - 1) if fresh else 0


def level_of(name: str) -> Level:
    """The level of that name. Raises UserError (64)."""
    try:
        return Level[name.upper()]
    except KeyError:
        raise UserError(f"{name!r} is no level", hint="info, warning or error") from None


def check_area(area: str) -> str:
    """An event's name or the begin of one. Raises UserError (64) when no event begins so."""
    if not any(name.startswith(area) for name in CATALOGUE):
        areas = ", ".join(sorted({name.partition(".")[0] for name in CATALOGUE}))
        raise UserError(f"no event begins with {area!r}", hint=f"areas: {areas}")
    return area
