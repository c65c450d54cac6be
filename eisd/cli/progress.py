"""Progress of what takes long: one line on stderr, on a terminal alone, gone at the end."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final

from eisd.cli import output
from eisd.errors import EisdError

EVERY: Final = 0.5
"""Seconds between looks."""
PATIENCE: Final = 1.0
"""Nothing is shown of what is done within so many seconds."""
WIDTH: Final = 24
_CLEAR: Final = "\r\x1b[K"

Look = Callable[[], tuple[str, int, int] | None]
"""What is going on, how much of it is done, and of how much (0: nobody knows)."""


def bar(what: str, done: int, total: int, seconds: float) -> str:
    """A line such as ``sales [######------] 1,200 of about 2,400, 12s``."""
    took = output.duration(round(seconds))
    if total <= 0:
        return f"{what}, {took}"
    full = min(WIDTH, WIDTH * done // total)
    return f"{what} [{'#' * full}{'-' * (WIDTH - full)}] {done:,} of about {total:,}, {took}"


@contextmanager
def shown(look: Look) -> Iterator[None]:
    """Show how something is getting on while the block runs; nothing where nobody watches.

    ``look`` is called in a thread of its own; what it raises of ours is passed over.
    """
    if not (sys.stderr.isatty() and output.colours(sys.stderr)):
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(look, over), daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


def _keep(look: Look, over: threading.Event) -> None:
    began = monotonic()
    while not over.wait(EVERY):
        if monotonic() - began < PATIENCE:
            continue
        found = None
        with suppress(EisdError):
            found = look()
        if found is None or over.is_set():
            continue
        line = output.safe(bar(*found, monotonic() - began))
        room = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"{_CLEAR}{line[:room]}")
        sys.stderr.flush()


def of_mailboxes(ask: Callable[[], list[dict[str, object]]], only: str | None) -> Look:
    """How mailboxes are getting on with their past: the backlog against the largest one seen."""
    most = 0

    def look() -> tuple[str, int, int] | None:
        nonlocal most
        listed = [one for one in ask() if only in {None, one["name"]}]
        left = sum(int(str(one["backlog"])) for one in listed)
        most = max(most, left)
        busy = [str(one["name"]) for one in listed if one["backlog"]]
        what = busy[0] if len(busy) == 1 else f"{len(busy)} mailboxes" if busy else "looking"
        return what, most - left, most

    return look
