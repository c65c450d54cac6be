"""Processes that can be killed (RR3), seen from the event loop: a request in, an answer out.

Whatever strangers wrote is read in such a process. One that spins, eats memory or breaks dies, and
costs the request it was at. Processes start when first needed and end after a minute of rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import ClassVar, Final, TypeVar

import anyio

import eisd
from eisd import events
from eisd.errors import EisdError
from eisd.logs import emit
from eisd.mime import frames

T = TypeVar("T")

_START_SECONDS: Final = 30.0
_KILLED_BY_LIMIT: Final = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
TRIES: Final = 2
"""A request that may have ended its worker by chance is made so often."""
_BUFFER: Final = 1 << 20
"""So much of an answer is taken before the worker has to wait."""


class PoolClosed(EisdError):
    """The pool was closed while the request waited: it was not judged."""


class Died(Exception):
    """A worker ended or was ended; ``reason`` in one word, ``certain`` if the request did it."""

    def __init__(self, reason: str, *, certain: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.certain = certain


class WorkerPool:
    """Worker processes of one kind, ``workers`` of them at most.

    Limits for each request: seconds of CPU, seconds by the clock, octets of memory above what an
    idle worker has.
    """

    entry: ClassVar[str]
    """The module whose ``main`` a worker runs."""

    def __init__(
        self,
        *,
        workers: int = 1,
        cpu_seconds: float = 2.0,
        wall_seconds: float = 5.0,
        memory: int = 512 << 20,
        rest_seconds: float = 60.0,
    ) -> None:
        self._workers = workers
        self._cpu = cpu_seconds
        self._wall = wall_seconds
        self._memory = memory
        self._rest = rest_seconds
        self._gate = asyncio.Semaphore(workers)
        self._idle: list[Worker] = []
        self._alive: set[Worker] = set()
        self._closed = False
        self.started = 0
        """Workers started so far."""
        self.strikes = 0
        """Messages that a worker could not read so far."""

    async def aclose(self) -> None:
        """End every worker; what they were at is not held against the messages."""
        self._closed = True
        for worker in list(self._alive):
            await self._discard(worker)

    def _command(self) -> list[str]:
        """How a worker is started: isolated from the environment, with our own code."""
        boot = (
            f"import sys; sys.path.append(sys.argv.pop(1)); from {self.entry} import main; main()"
        )
        root = str(Path(eisd.__file__).parent.parent)
        return [sys.executable, "-I", "-c", boot, root, str(self._cpu), str(self._memory)]

    async def _try(self, request: Sequence[bytes], read: Callable[[bytes], T | str]) -> T | str:
        """`_ask`, but a death is a reason too, and one that may be chance is forgiven once."""
        reason = ""
        for _ in range(TRIES):
            try:
                return await self._ask(request, read)
            except Died as death:
                self._check_open()
                reason = death.reason
                if death.certain:
                    break
        return reason

    async def _ask(self, request: Sequence[bytes], read: Callable[[bytes], T | str]) -> T | str:
        """A worker's answer as ``read`` takes it, or in one word why there is none.

        Raises `Died`.
        """
        found: list[T | str] = []
        await self._ask_each([request], read, found.append)
        return found[0]

    async def _ask_each(
        self,
        requests: Sequence[Sequence[bytes]],
        read: Callable[[bytes], T | str],
        take: Callable[[T | str], None],
    ) -> None:
        """Give one worker several requests at once; each answer goes to ``take`` as it comes.

        An answer that is one word is the last: the worker has come to harm, and what else it was
        asked is to be asked again. It goes back to rest only if it answered all, and well. The
        limits are for each request. Raises `Died`, at the first request without an answer.
        """
        worker = await self._take()
        sound = False
        try:
            worker.send(requests)
            for _ in requests:
                try:
                    answer = read(await worker.answer(self._wall))
                except frames.Malformed:
                    answer = "answer"
                take(answer)
                if isinstance(answer, str):
                    return
            sound = True
        finally:
            if sound and not self._closed:
                self._put(worker)
            else:
                with anyio.CancelScope(shield=True):
                    await self._discard(worker)

    async def _take(self) -> Worker:
        """A worker at rest, else a new one."""
        self._check_open()
        while self._idle:
            worker = self._idle.pop()
            worker.wake()
            if worker.is_alive:
                return worker
            await self._discard(worker)
        self.started += 1
        worker = await Worker.start(self._command())
        self._alive.add(worker)
        try:
            self._check_open()
        except PoolClosed:
            await self._discard(worker)
            raise
        return worker

    def strike(self, kind: str, reason: str, began: float, size: int) -> None:
        """Say that a worker could not read something; ``began`` is of `perf_counter`."""
        self.strikes += 1
        took = round((perf_counter() - began) * 1000)
        emit(events.WORKER_KILLED, kind=kind, reason=reason, duration_ms=took, size=size)

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed("the parser was closed")

    def _put(self, worker: Worker) -> None:
        worker.rest(self._rest)
        self._idle.append(worker)

    async def _discard(self, worker: Worker) -> None:
        self._alive.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.wake()
        await worker.end()


class Worker:
    """One process and its two pipes. Used by one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, command: Sequence[str]) -> Worker:
        """Start a process and wait until it can work."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            limit=_BUFFER,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await worker._read(len(frames.READY))
        except (TimeoutError, Died):
            ready = b""
        except BaseException:
            with anyio.CancelScope(shield=True):
                await worker.end()
            raise
        if ready != frames.READY:
            await worker.end()
            raise OSError(0, "the parser worker does not start", command[0])
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether the process runs and may be asked, as far as is known."""
        stdin = self._process.stdin
        return self._process.returncode is None and stdin is not None and not stdin.is_closing()

    def send(self, requests: Sequence[Sequence[bytes]]) -> None:
        """Hand requests over; what the pipe does not take at once follows while answers come."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - a pipe was asked for
        if len(requests) == 1:  # it may be large: not copied again
            for data in requests[0]:
                stdin.write(data)
        else:
            stdin.write(b"".join(chain.from_iterable(requests)))

    async def answer(self, seconds: float) -> bytes:
        """The body of the next answer; raises `Died` and `Malformed`."""
        try:
            async with asyncio.timeout(seconds):
                (size,) = frames.ANSWER.unpack(await self._read(frames.ANSWER.size))
                if size > frames.ANSWER_MAX:
                    raise frames.Malformed("too long")
                return await self._read(size)
        except TimeoutError:
            raise Died("wall", certain=True) from None

    async def _read(self, size: int) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            return await stdout.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._death() from None

    async def _death(self) -> Died:
        """Why the pipe broke."""
        code = await self._process.wait()
        if code in _KILLED_BY_LIMIT:
            return Died("cpu", certain=True)
        return Died("death", certain=False)

    def rest(self, seconds: float) -> None:
        """End after ``seconds`` unless woken."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close_pipe)

    def wake(self) -> None:
        """Do not end for want of work."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()  # the worker takes it as the end

    async def end(self) -> None:
        """Kill the process and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._close_pipe()
        await self._process.wait()
