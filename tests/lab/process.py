"""Child processes that never outlive the tests, and free ports for them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

# Ends the child when our end of the pipe closes: by stop(), or because this process died.
WATCH = (
    'exec 3<&0; "$@" 3<&- </dev/null & child=$!; '
    '(cat <&3 >/dev/null; kill -"$0" "$child" 2>/dev/null) & wait "$child"'
)


class ServerFailed(AssertionError):
    """A server of the lab did not come up, or ended; carries its log."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below the range the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - not a secret
        if port in found:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def listening(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Folder:
    """A temporary folder that servers of another uid may enter, gone with `remove()`."""

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"lab-{name}-"))
        self.path.chmod(0o755)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Child:
    """One server process in its own session, its output in ``log``."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        end_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WATCH, str(end_with.value), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_for(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Return once ``ready()``; raise `ServerFailed` with the log if that never comes."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                log = self._log.read_text(errors="replace") if self._log.exists() else ""
                raise ServerFailed(f"{what} did not start. Its log:\n{log[-6000:]}")
            time.sleep(0.01)

    def stop(self, *, seconds: float = 5.0) -> None:
        """Ask the server to end, then insist. Safe to call twice."""
        if self._process.stdin:
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End the server and its children at once, as a crash would."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


class Service(ABC):
    """What all servers of the lab share: a folder, a process, an end."""

    host = "localhost"

    def __init__(self, name: str) -> None:
        self._name = name
        self._folder = Folder(name.lower())
        self.root = self._folder.path
        self._child: Child | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start and return once the server answers."""

    def stop(self) -> None:
        """End the server; its mail stays until `remove()`."""
        if self._child:
            self._child.stop()
            self._child = None

    def crash(self) -> None:
        """End the server and all its processes at once, connections and all."""
        if self._child:
            self._child.kill()
            self._child = None

    def remove(self) -> None:
        """End the server and delete everything it held."""
        self.crash()
        self._folder.remove()

    @property
    def log(self) -> Path:
        """What the server says; worth showing when a test fails."""
        return self.root / "server.log"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def _run(
        self,
        command: Sequence[str],
        ports: Sequence[int],
        *,
        env: Mapping[str, str] | None = None,
        end_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start the process and wait until all its ports accept connections."""
        self._child = Child(command, log=self.log, env=env, end_with=end_with)
        self._child.wait_for(
            lambda: all(listening(port) for port in ports), seconds=15, what=self._name
        )
