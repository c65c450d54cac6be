"""Figures on the screen: rows of a table, and a verdict a target."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold: a measured figure against a limit, in one unit."""

    claim: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit

    def __str__(self) -> str:
        word = "at least" if self.at_least else "at most"
        verdict = "PASS" if self.met else "FAIL"
        return f"{verdict}  {self.claim}: {self.measured:.2f} {self.unit} ({word} {self.limit:g})"


def say(text: str = "") -> None:
    """Write a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def machine() -> str:
    """Describe this machine in a line, its load included."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f}, Python {sys.version[:7]}"


def row(name: str, values: Sequence[float], unit: str) -> str:
    """Put a name, its median and its spread in a line."""
    spread = f"{min(values):8.2f} … {max(values):.2f}"
    return f"{name:34} {median(values):9.2f} {unit:6} {spread} (n={len(values)})"


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the value below which so many per cent lie."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def verdict(targets: Sequence[Target]) -> bool:
    """Print each target with its verdict; True if all are met."""
    for target in targets:
        say(str(target))
    return all(target.met for target in targets)


def command(run: Callable[[int, int], bool], *, count: int, rounds: int, what: str) -> NoReturn:
    """Run a benchmark from the command line; exit 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--count", type=int, default=count, help=f"how many (default {count})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    options = parser.parse_args()
    sys.exit(0 if run(options.count, options.rounds) else 1)
