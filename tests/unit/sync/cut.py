"""Cancellation at an exact place: at the n-th time that a coroutine would wait (RF56)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any


class Cut(Awaitable[bool]):
    """Run ``work`` until it waits for the n-th time, and cancel it there; True if it came so far.

    What it does about that (clean up, and await doing so) is let happen. Tasks that it started
    are its own business, as in life.
    """

    def __init__(self, work: Coroutine[Any, Any, Any], at: int) -> None:
        self._work = work
        self._at = at

    def __await__(self) -> Generator[Any, Any, bool]:
        waits = 0
        is_cut = False
        try:
            waited = self._work.send(None)
            while True:
                waits += 1
                if waits == self._at:
                    is_cut = True
                    if waited is not None:
                        waited._asyncio_future_blocking = False
                        waited.cancel()
                    waited = self._work.throw(asyncio.CancelledError())
                    continue
                try:
                    yield waited
                except BaseException as exc:  # noqa: BLE001  what the future holds is the work's
                    waited = self._work.throw(exc)
                else:
                    waited = self._work.send(None)
        except StopIteration:
            return is_cut
        except asyncio.CancelledError:
            if not is_cut:
                raise
            return True
