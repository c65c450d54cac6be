"""The full parse in processes that can be killed (RR3), seen from the event loop.

Messages go to a worker some at a time, and are answered together. Where a worker comes to harm,
they are asked for again one by one, each within the limits: one that spins, eats memory or breaks
the parser costs itself, and stands as `limited`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final

import anyio
import anyio.to_thread

from eisd.mime import frames
from eisd.mime.process import Died, PoolClosed, WorkerPool
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
    """Worker processes that parse; the limits are for each message, or some small ones together."""

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
        self, share: Sequence[_Numbered], found: dict[int, Parsed | str], *, html: bool
    ) -> None:
        """Have messages parsed in one go; where a worker comes to harm over them, one by one."""
        answers: list[Parsed] | str = ""
        if len(share) > 1:
            asked = frames.request([each for _, each in share], html=html)
            try:
                answers = await self._ask(asked, partial(frames.read_answer, count=len(share)))
            except Died:
                self._check_open()
        if not isinstance(answers, str):
            found.update(zip((index for index, _ in share), answers, strict=True))
            return
        for index, message in share:
            found[index] = await self._one(message, html=html)

    async def _one(self, message: RawMessage, *, html: bool) -> Parsed | str:
        began = perf_counter()
        asked = frames.request([message], html=html)
        answer = await self._try(asked, partial(frames.read_answer, count=1))
        if isinstance(answer, str):
            self.strike("message", answer, began, len(message.rfc822))
            return answer
        return answer[0]


def _share(queue: deque[_Numbered]) -> list[_Numbered]:
    """The next messages that are sent to a worker together, so that others wait no longer."""
    share: list[_Numbered] = []
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
