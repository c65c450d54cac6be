"""What a process holds that no other process shares, from /proc/PID/smaps_rollup."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self

MB = 1_000_000


def private(pid: int) -> int:
    """Octets private to a process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def children(pid: int) -> list[int]:
    """Process ids of the children a process has now."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        listed = [(task / "children").read_text() for task in tasks]
    except OSError:
        return []
    return [int(word) for line in listed for word in line.split()]


class Peak:
    """The most a process and its children held while this was open, looked at all the time."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.own = 0
        self.workers = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.own = max(self.own, private(self._pid))
            self.workers = max(self.workers, total(children(self._pid)))


def total(pids: Iterable[int]) -> int:
    """Octets private to these processes."""
    return sum(map(private, pids))


def settled(pid: int, *, quiet: float = 2.0) -> int:
    """What a process holds once that has not changed by a quarter megabyte for a while."""
    before = private(pid)
    while True:
        sleep(quiet)
        now = private(pid)
        if abs(now - before) < MB // 4:
            return now
        before = now
