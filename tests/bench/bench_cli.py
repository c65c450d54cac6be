"""How long a command takes that a person waits for, from its start to its end."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EISD = Path(sys.executable).with_name("eisd")
ROUNDS = 20
TARGETS_MS = {"--version": 100.0, "--help": 200.0, "status": 200.0}


def milliseconds(*argv: str) -> list[float]:
    """The wall times of a command, one a round; the first, which warms the disk, is left out."""
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run([EISD, *argv], capture_output=True, check=False)
        took.append((time.perf_counter() - began) * 1000)
    return took[1:]


def measure() -> dict[str, float]:
    """The median of each command, the status one against a daemon that runs."""
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
            found = {
                "--version": milliseconds("--version"),
                "--help": milliseconds("--help"),
                "status": milliseconds("-c", str(config), "status"),
            }
        finally:
            daemon.terminate()
            daemon.communicate(timeout=15)
    return {name: statistics.median(took) for name, took in found.items()}


def test_a_command_answers_at_once():
    """`--version` within 100 ms and `status` within 200 ms, the median of 20."""
    found = measure()
    for name, took in found.items():
        sys.stdout.write(f"\neisd {name:<10} {took:6.1f} ms (target {TARGETS_MS[name]:.0f})")
    late = {name: took for name, took in found.items() if took > TARGETS_MS[name]}
    assert not late
