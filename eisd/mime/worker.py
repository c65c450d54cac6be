"""The full parse in processes that can be killed (RR3), seen from the event loop.

Messages go to a worker some at a time, and are answered one by one, each within its own limits.
One that spins, eats memory or breaks the parser costs itself: its worker dies, the message stands
as `limited`, and the others go on in a new worker.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final

import anyio
import anyio.to_thread

from eisd.mime import frames
from eisd.mime.process import TRIES, Died, PoolClosed, WorkerPool
from eisd.mime.spawn import PARSER
from eisd.mime.stub import limited
from eisd.model.mail import Parsed, RawMessage

__all__ = ["ParserPool", "PoolClosed"]

_HASH_IN_THREAD: Final = 1 << 20
_TOGETHER: Final = 16
_TOGETHER_BYTES: Final = 256 << 10
"""So much is given to a worker at once: what it then has to do takes some ten milliseconds."""
_Numbered = tuple[int, RawMessage]


class ParserPool(WorkerPool):
    """Worker processes that parse; the limits are for each message."""

    kind = PARSER

    async def parse(self, messages: Sequence[RawMessage], *, html: bool = False) -> list[Parsed]:
        """Parse each message; the answers in the same order. Raises for no message.

        Their HTML only with ``html``. Raises `PoolClosed` if `aclose` is called meanwhile, OSError
        if no process can be started.
        """
        queue = deque((i, each) for i, each in enumerate(messages) if not each.missing)
        found: dict[int, Parsed | str] = {}
        lanes = min(self._workers, len(queue))
        if lanes == 1:
            await self._lane(queue, found, html=html)
        else:
            try:
                async with anyio.create_task_group() as tasks:
                    for _ in range(lanes):
                        tasks.start_soon(partial(self._lane, queue, found, html=html))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
        return [await _parsed(each, found.get(i, "missing")) for i, each in enumerate(messages)]

    async def _lane(
        self, queue: deque[_Numbered], found: dict[int, Parsed | str], *, html: bool
    ) -> None:
        while queue:
            async with self._gate:
                if share := _share(queue):
                    await self._parse_some(share, found, html=html)

    async def _parse_some(
        self, share: deque[_Numbered], found: dict[int, Parsed | str], *, html: bool
    ) -> None:
        """Have messages parsed in one go; those that a death leaves behind, in another."""
        deaths: Counter[int] = Counter()
        began = perf_counter()

        def take(answer: Parsed | str) -> None:
            nonlocal began
            index, message = share.popleft()
            found[index] = answer
            if isinstance(answer, str):
                self.strike("message", answer, began, len(message.rfc822))
            began = perf_counter()

        while share:
            asked = [frames.request(each.rfc822, each.omitted, html=html) for _, each in share]
            try:
                await self._ask_each(asked, frames.read_answer, take)
            except Died as death:
                self._check_open()
                suspect = share[0][0]
                deaths[suspect] += 1
                if death.certain or deaths[suspect] == TRIES:
                    take(death.reason)


def _share(queue: deque[_Numbered]) -> deque[_Numbered]:
    """The next messages that are sent to a worker together, so that others wait no longer."""
    share: deque[_Numbered] = deque()
    size = 0
    while queue and len(share) < _TOGETHER and (not share or size < _TOGETHER_BYTES):
        size += len(queue[0][1].rfc822)
        share.append(queue.popleft())
    return share


async def _parsed(message: RawMessage, answer: Parsed | str) -> Parsed:
    """What became of a message; a stub where the answer is one word."""
    if isinstance(answer, Parsed):
        return answer
    digest = "" if message.missing else await _digest(message.rfc822)
    return limited(answer, digest, () if message.missing else message.omitted)


async def _digest(rfc822: bytes) -> str:
    """SHA-256 in hex, of long bytes in a thread."""
    if len(rfc822) < _HASH_IN_THREAD:
        return hashlib.sha256(rfc822).hexdigest()
    digest = await anyio.to_thread.run_sync(hashlib.sha256, rfc822)
    return digest.hexdigest()
