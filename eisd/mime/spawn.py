"""How a worker process is started (RR3): its command, its limits, and nothing of ours around it.

Of the standard library alone, so that a daemon can start its workers before it imports the rest
of itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """What workers of one kind run, and the kernel's limits for each request."""

    entry: str
    """The module whose ``main`` a worker runs."""
    cpu_seconds: float
    memory: int = 512 << 20
    """Octets above what an idle worker has."""

    def command(self) -> list[str]:
        """How one is started: isolated from the environment, with our own code."""
        boot = (
            f"import sys; sys.path.append(sys.argv.pop(1)); from {self.entry} import main; main()"
        )
        root = str(Path(__file__).parent.parent.parent)
        return [sys.executable, "-I", "-c", boot, root, str(self.cpu_seconds), str(self.memory)]


PARSER: Final = Kind("eisd.mime.worker_main", cpu_seconds=2.0)
"""One that parses messages."""


def spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a worker with two pipes and no other descriptor of ours. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
        cwd="/",
        bufsize=0,
    )
