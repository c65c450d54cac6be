"""What systemd is told: sd_notify(3), in our own words, and nothing where there is no systemd."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

MAX_STATUS = 200


class Notifier:
    """Sends notifications to ``$NOTIFY_SOCKET``. Never blocks, never raises."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self.watchdog_s = _watchdog_seconds(env)
        """Seconds in which a sign of life is due; None when no watchdog watches this process."""
        self._socket: socket.socket | None = None
        address = env.get("NOTIFY_SOCKET", "")
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self, status: str = "") -> None:
        """Start-up, or a reload, is done."""
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """A reload begins; ends with `ready`. Without the time systemd waits for five minutes."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, status: str = "") -> None:
        """The daemon begins to end."""
        self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """The one line that ``systemctl status`` shows."""
        self._send(*_status(text))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Ask for more time to start, reload or stop, counted from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def failed(self, errno: int, status: str = "") -> None:
        """Say why the daemon is about to end."""
        self._send(f"ERRNO={errno}", *_status(status))

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is None:
            return
        with suppress(OSError):  # a supervisor that went away is no reason to fail
            self._socket.sendto("\n".join(lines).encode(), self._address)


def _status(text: str) -> tuple[str, ...]:
    """``STATUS=`` of one bounded line; nothing for no text."""
    return (f"STATUS={' '.join(text.split())[:MAX_STATUS]}",) if text else ()


def _watchdog_seconds(env: Mapping[str, str]) -> float | None:
    """``WATCHDOG_USEC`` when it is meant for this process (sd_watchdog_enabled(3))."""
    pid = env.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return None
    try:
        return int(env["WATCHDOG_USEC"]) / 1_000_000 or None
    except (KeyError, ValueError):
        return None
