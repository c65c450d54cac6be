"""From an entry to a sink: folding, a bounded queue, one thread that writes.

Whoever submits never waits: not for a pipe nobody reads, not for a full disk, not for journald.
What finds the queue full is counted and owned up to as soon as the sink takes lines again.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from eisd import metrics
from eisd.logs.fold import Entry, Folds

QUEUE_LINES: Final = 10_000
_RETRY: Final = 0.2
"""Seconds between tries of a sink that fails."""


class Sink(Protocol):
    """Where lines end. May block; raises `OSError`."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class FdSink:
    """Whole lines to a descriptor, unbuffered, so that no lock is held when the process ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Write all of it, also to a descriptor that is set to not block."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [])

    def close(self) -> None:
        """Leave the descriptor to its owner."""


class Pipeline:
    """Folds, queues and writes entries. Every method may be called from any thread."""

    def __init__(
        self,
        sink: Sink,
        render: Callable[[Entry], bytes],
        *,
        folds: Folds,
        own_up: Callable[[int], Entry],
        limit: int = QUEUE_LINES,
    ) -> None:
        """Start the writing thread.

        Args:
            sink: where lines go.
            render: makes bytes of an entry.
            folds: the folding of repetition.
            own_up: makes the entry that says how many lines were dropped.
            limit: lines the queue holds.
        """
        self.dropped = 0
        self._sink = sink
        self._render = render
        self._folds = folds
        self._own_up = own_up
        self._limit = limit
        self._owned_up = 0
        self._lock = threading.Lock()  # guards the folds, never held while anything blocks
        self._queue: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="eisd-log", daemon=True)
        self._thread.start()

    @property
    def suppressed(self) -> int:
        """Lines folded into others so far."""
        return self._folds.suppressed

    def submit(self, entry: Entry) -> None:
        """Take an entry; returns at once whatever the sink does."""
        with self._lock:
            shown = self._folds.admit(entry, time.monotonic())
        if shown:
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        if self._queue.qsize() >= self._limit:
            self._drop()
        else:
            self._queue.put(self._render(entry))

    def _drop(self) -> None:
        self.dropped += 1
        metrics.LOG_DROPPED.inc()

    def flush(self, seconds: float) -> bool:
        """Wait until all that was submitted is written; False when it takes longer. Blocks."""
        written = threading.Event()
        self._queue.put(written)
        return written.wait(seconds)

    def close(self, seconds: float) -> bool:
        """Close all windows, write what there is, end the thread; False when the sink is stuck."""
        self._close_windows(float("inf"))
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        self._sink.close()
        return True

    def _run(self) -> None:
        """The writing thread."""
        while True:
            try:
                item = self._queue.get(timeout=self._rest())
            except queue.Empty:
                self._close_windows(time.monotonic())
                continue
            if item is None:
                self._write(b"")  # owns up to drops
                return
            if isinstance(item, threading.Event):
                item.set()
                continue
            self._write(item)
            self._close_windows(time.monotonic())

    def _rest(self) -> float:
        """Seconds until a window ends; at most one, to see windows opened meanwhile."""
        with self._lock:
            due = self._folds.next_due()
        return 1.0 if due is None else min(1.0, max(0.0, due - time.monotonic()))

    def _close_windows(self, now: float) -> None:
        with self._lock:
            shown = self._folds.due(now)
        for entry in shown:
            if hidden := entry.record.get("suppressed"):
                metrics.LOG_SUPPRESSED.inc(str(entry.record["event"]), by=float(str(hidden)))
            self._put(entry)

    def _write(self, line: bytes) -> None:
        """Write one line; a sink that fails costs that line and a short rest."""
        try:
            if self.dropped > self._owned_up:
                count = self.dropped - self._owned_up
                self._sink.write(self._render(self._own_up(count)))
                self._owned_up += count
            self._sink.write(line)
        except OSError:
            self._drop()
            time.sleep(_RETRY if self._queue.qsize() < self._limit else 0)
