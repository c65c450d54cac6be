"""The collector of Python's cycles, while mail is synced."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Do not look through what stays for ever each time that a batch has made some objects.

    Of a first sync's CPU the collector took a quarter, and found next to nothing: batches are
    tuples and bytes, and end by their reference counts. Nor is it asked before the freeze: it
    would find some hundred objects among a hundred thousand, and take 60 ms of the start.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    gc.enable()


def sweep() -> None:
    """Look through everything once: what a connection leaves behind when it breaks is a cycle."""
    gc.collect()
