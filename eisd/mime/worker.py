"""The full parse in processes that can be killed (RR3), seen from the event loop.

A message that spins, eats memory or breaks the parser costs itself: its worker dies, the message
stands as `limited`, and the others go on in a new worker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Final

import anyio
import anyio.to_thread

from eisd.mime import frames
from eisd.mime.parse import limited
from eisd.mime.process import PoolClosed, WorkerPool
from eisd.model.mail import Parsed, RawMessage

__all__ = ["ParserPool", "PoolClosed"]

_HASH_IN_THREAD: Final = 1 << 20


class ParserPool(WorkerPool):
    """Worker processes that parse; the limits are for each message."""

    entry = "eisd.mime.worker_main"

    async def parse(self, messages: Sequence[RawMessage]) -> list[Parsed]:
        """Parse each message; the answers in the same order. Raises for no message.

        Raises `PoolClosed` if `aclose` is called meanwhile, OSError if no process can be started.
        """
        answers: dict[int, Parsed] = {}
        queue = iter(enumerate(messages))
        if self._workers == 1 or len(messages) == 1:
            await self._lane(queue, answers)
        else:
            try:
                async with anyio.create_task_group() as tasks:
                    for _ in range(min(self._workers, len(messages))):
                        tasks.start_soon(self._lane, queue, answers)
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
        return [answers[index] for index in range(len(messages))]

    async def _lane(
        self, queue: Iterator[tuple[int, RawMessage]], answers: dict[int, Parsed]
    ) -> None:
        for index, message in queue:
            async with self._gate:
                answers[index] = await self._parse_one(message)

    async def _parse_one(self, message: RawMessage) -> Parsed:
        if message.missing:
            return limited("missing", "")
        request = frames.request(message.rfc822, message.omitted)
        began = perf_counter()
        answer = await self._try(request, frames.read_answer)
        if isinstance(answer, Parsed):
            return answer
        self.strike("message", answer, began, len(message.rfc822))
        return limited(answer, await _digest(message.rfc822), message.omitted)


async def _digest(rfc822: bytes) -> str:
    """SHA-256 in hex, of long bytes in a thread."""
    if len(rfc822) < _HASH_IN_THREAD:
        return hashlib.sha256(rfc822).hexdigest()
    digest = await anyio.to_thread.run_sync(hashlib.sha256, rfc822)
    return digest.hexdigest()
