"""A bell: one task waits, anyone rings, nothing is carried.

Ringing is a hint that something may have changed; the table is the queue. A bell that is rung
while nobody waits stays rung, and any number of rings before the next `wait` count as one.
"""

from __future__ import annotations

import asyncio


class Bell:
    """A wake-up of capacity 1 for one waiting task; made on the loop it belongs to."""

    __slots__ = ("_loop", "_rung")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiting task, or let the next `wait` return at once. Only from the loop."""
        self._rung.set()

    def ring_threadsafe(self) -> None:
        """`ring` from any thread; nothing happens when the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:
            return  # whoever waited is gone with the loop

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Wait for a ring, at most ``timeout`` seconds; True if it rang. Takes the ring."""
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
