"""How long a command takes that a person waits for, from its start to its end."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

EISD = Path(sys.executable).with_name("eisd")
ROUNDS = 20
TARGETS_MS = {"--version": 100.0, "--help": 200.0, "status": 200.0}


@dataclass(frozen=True)
class Took:
    """Milliseconds of a command: the median by the clock, and the least CPU of all rounds."""

    wall: float
    cpu: float


def took(*argv: str) -> Took:
    """What a command takes; the first round, which warms the disk, is left out."""
    walls, cpus = [], []
    for _ in range(ROUNDS + 1):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([EISD, *argv], capture_output=True, check=False)
        walls.append((time.perf_counter() - began) * 1000)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpus.append(seconds * 1000)
    return Took(statistics.median(walls[1:]), min(cpus[1:]))


def measure() -> dict[str, Took]:
    """Each command, the status one against a daemon that runs."""
    with tempfile.TemporaryDirectory(prefix="eisd-", dir="/tmp") as name:
        config = Path(name) / "config.toml"
        config.write_text('[daemon]\nstate_dir = "state"\n[metrics]\nlisten = []\n')
        daemon = subprocess.Popen(
            [EISD, "-c", str(config), "run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            assert daemon.stdout is not None
            for line in daemon.stdout:
                if b"daemon.ready" in line:
                    break
            return {
                "--version": took("--version"),
                "--help": took("--help"),
                "status": took("-c", str(config), "status"),
            }
        finally:
            daemon.terminate()
            daemon.communicate(timeout=15)


def test_a_command_answers_at_once():
    """`--version` within 100 ms and `status` within 200 ms, the median of 20."""
    found = measure()
    for name, one in found.items():
        shown = f"{one.wall:6.1f} ms (target {TARGETS_MS[name]:.0f}), {one.cpu:.0f} ms of CPU"
        sys.stdout.write(f"\neisd {name:<10} {shown}")
    late = {name: one for name, one in found.items() if one.wall > TARGETS_MS[name]}
    assert not late
