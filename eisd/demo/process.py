"""Programs that the demonstration runs beside itself and always ends again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from eisd.demo import child
from eisd.errors import ExitCode, UserError

POLL = 0.02
_TAIL = 2000


class Program:
    """One child process; what it says goes to ``log``. Ends with the ``with`` block."""

    def __init__(self, what: str, function: str, *arguments: str, log: Path) -> None:
        """Take ``what`` to call it, and the ``module:function`` to run."""
        self._what = what
        self._command = (sys.executable, "-m", child.__name__, function, *arguments)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, in a session of its own: Ctrl-C is ours to pass on."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its standard input, which ends it; insist if need be."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(child.PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def wait_for(self, ready: Callable[[], bool], *, seconds: float, every: float = POLL) -> None:
        """Return once ``ready()`` holds; it is asked ``every`` so many seconds.

        Raises:
            UserError: the program ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process is None or self._process.poll() is not None:
                raise self._failure("ended")
            if time.monotonic() > deadline:
                raise self._failure(f"is not done after {seconds:.0f} s")
            time.sleep(every)

    def _failure(self, how: str) -> UserError:
        said = self._log.read_text(errors="replace")[-_TAIL:].strip()
        return UserError(
            f"{self._what} {how}",
            hint=f"the end of its log:\n{said}" if said else "",
            code=ExitCode.UNAVAILABLE,
        )


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listening(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
