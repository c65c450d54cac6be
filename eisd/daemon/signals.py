"""Signals: the first one to end ends in order, the second at once; SIGHUP reloads."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eisd import logs
from eisd.errors import ExitCode


class Stop:
    """That the daemon is to end, and why."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.reason = ""
        self.code = ExitCode.OK

    def ask(self, reason: str, code: ExitCode = ExitCode.OK) -> None:
        """End; the first reason counts."""
        if not self._asked.is_set():
            self.reason, self.code = reason, code
            self._asked.set()

    async def wait(self) -> None:
        """Return once the daemon is to end."""
        await self._asked.wait()

    @property
    def asked(self) -> bool:
        """Whether the daemon is to end."""
        return self._asked.is_set()


@contextmanager
def handled(stop: Stop, on_hangup: Callable[[], None]) -> Iterator[None]:
    """Handle SIGTERM, SIGINT and SIGHUP on the running loop."""
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        if stop.asked:
            logs.shutdown(0.2)
            os._exit(128 + number)
        code = ExitCode.INTERRUPTED if number is signal.SIGINT else ExitCode.OK
        stop.ask(f"{number.name} received", code)

    loop.add_signal_handler(signal.SIGTERM, end, signal.SIGTERM)
    loop.add_signal_handler(signal.SIGINT, end, signal.SIGINT)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
