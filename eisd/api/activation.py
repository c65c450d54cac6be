"""Sockets that systemd opened for us (sd_listen_fds(3)), by their paths.

A Unix socket of ``api.listen`` that systemd holds is served as it is: commands then wait in its
queue while the daemon restarts. It is systemd's to make and to take away.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

FIRST: Final = 3
"""SD_LISTEN_FDS_START."""
MAX_FDS: Final = 64


def inherited(path: Path, environ: Mapping[str, str] | None = None) -> socket.socket | None:
    """A listening socket on that path that was handed over, or None.

    It is a duplicate: closed here, it still is systemd's, and a reload may have it again.
    """
    for number in _numbers(os.environ if environ is None else environ):
        with suppress(OSError):
            os.set_inheritable(number, False)
            handed = socket.socket(fileno=os.dup(number))
            if _is_at(handed, path):
                handed.setblocking(False)
                return handed
            handed.close()
    return None


def _numbers(environ: Mapping[str, str]) -> range:
    """The descriptors meant for this very process."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return range(0)
    try:
        count = int(environ.get("LISTEN_FDS", "0"))
    except ValueError:
        return range(0)
    return range(FIRST, FIRST + max(0, min(count, MAX_FDS)))


def _is_at(handed: socket.socket, path: Path) -> bool:
    """Whether it listens there."""
    return (
        handed.family == socket.AF_UNIX
        and handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        and handed.getsockname() == str(path)
    )
