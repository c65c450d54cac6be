"""Processes that can be killed (RR3), seen from the event loop: a request in, an answer out.

Whatever strangers wrote is read in such a process. One that spins, eats memory or breaks dies, and
costs the request it was at. Processes start when first needed, unless one that runs already is
adopted, and end after a minute of rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable, Sequence
from threading import Thread
from time import perf_counter
from typing import IO, ClassVar, Final, TypeVar, cast

import anyio

from eisd import events
from eisd.errors import EisdError
from eisd.logs import emit
from eisd.mime import frames
from eisd.mime.spawn import Kind, spawn

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

    kind: ClassVar[Kind]
    """What the workers run, and their limits unless others are given."""
    depth: ClassVar[int] = 1
    """So many requests a worker is given before it has answered: it is at the first of them."""

    def __init__(
        self,
        *,
        workers: int = 1,
        cpu_seconds: float | None = None,
        wall_seconds: float = 5.0,
        memory: int | None = None,
        rest_seconds: float = 60.0,
    ) -> None:
        kind = self.kind
        self._kind = Kind(
            kind.entry,
            kind.cpu_seconds if cpu_seconds is None else cpu_seconds,
            kind.memory if memory is None else memory,
        )
        self._workers = workers
        self._wall = wall_seconds
        self._rest = rest_seconds
        self._gate = asyncio.Semaphore(workers * self.depth)
        self._choosing = asyncio.Lock()
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

    async def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Take in a worker of this kind that was started before the pool, and have it rest."""
        worker = await Worker.of(process)
        self.started += 1
        self._alive.add(worker)
        worker.rest(self._rest)

    async def warm(self) -> None:
        """Have a worker that is ready, if one can be had."""
        async with self._gate:
            with contextlib.suppress(OSError, PoolClosed):
                await self._put(await self._take())

    def _command(self) -> list[str]:
        return self._kind.command()

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

        After one word the worker has come to harm; it is kept only if it answered well. What it
        had been given beside that is asked anew of another. Raises `Died`.
        """
        while True:
            worker = await self._take()
            sound = False
            try:
                worker.send(request)
                async with worker.turn:
                    if not worker.is_spent:
                        answer = read(await worker.answer(self._wall))
                        sound = not isinstance(answer, str)
                        return answer
            except frames.Malformed:
                return "answer"
            except Died:
                if not worker.is_spent:  # else whoever gave up took it along
                    raise
            finally:
                worker.is_spent |= not sound
                await self._put(worker)

    async def _take(self) -> Worker:
        """A worker with room for a request, a new one if all are at work. Raises OSError.

        To be asked for with the gate passed, so that there is room.
        """
        async with self._choosing:
            self._check_open()
            worker = await self._least_asked()
            if worker is None:
                self.started += 1
                worker = await Worker.start(self._command())
                self._alive.add(worker)
                if not await self._is_ready(worker):
                    raise OSError(0, "the parser worker does not start", self._command()[0])
            worker.asked += 1
            worker.wake()
            return worker

    async def _least_asked(self) -> Worker | None:
        """A worker that can work and has the least to do, None if a new one is to be had."""
        for worker in sorted(self._alive, key=lambda each: each.asked):
            if worker.asked and len(self._alive) < self._workers:
                return None
            if not worker.is_alive:
                await self._discard(worker)
            elif not worker.is_spent and await self._is_ready(worker):
                return worker
        return None

    async def _is_ready(self, worker: Worker) -> bool:
        """Whether a worker can work, once it can tell; one that cannot is ended."""
        ready = False
        try:
            ready = await worker.ready()
            self._check_open()
        finally:
            if not ready or self._closed:
                with anyio.CancelScope(shield=True):
                    await self._discard(worker)
        return ready

    def strike(self, kind: str, reason: str, began: float, size: int) -> None:
        """Say that a worker could not read something; ``began`` is of `perf_counter`."""
        self.strikes += 1
        took = round((perf_counter() - began) * 1000)
        emit(events.WORKER_KILLED, kind=kind, reason=reason, duration_ms=took, size=size)

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed("the parser was closed")

    async def _put(self, worker: Worker) -> None:
        """Have a worker rest that has nothing more to do, or end one that came to harm."""
        worker.asked -= 1
        if worker.is_spent or self._closed:
            with anyio.CancelScope(shield=True):
                await self._discard(worker)
        elif not worker.asked:
            worker.rest(self._rest)

    async def _discard(self, worker: Worker) -> None:
        self._alive.discard(worker)
        worker.wake()
        await worker.end()


class Worker:
    """One process and its two pipes. It answers in the order in which it was asked."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdin: asyncio.WriteTransport,
        answers: asyncio.ReadTransport,
        stdout: asyncio.StreamReader,
    ) -> None:
        self._process = process
        self._stdin = stdin
        self._answers = answers
        self._stdout = stdout
        self._timer: asyncio.TimerHandle | None = None
        self._is_ready = False
        self.asked = 0
        """Requests that were given to it, or will be at once, and are not done with."""
        self.turn = asyncio.Lock()
        """Held by whoever waits for the next answer, in the order of `send`."""
        self.is_spent = False
        """It came to harm, or owes an answer that nobody waits for: it is asked no more."""
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        Thread(target=self._reap, args=(loop,), name="eisd-reaper", daemon=True).start()

    @classmethod
    async def start(cls, command: Sequence[str]) -> Worker:
        """Start a process. Raises OSError."""
        starting = asyncio.ensure_future(asyncio.to_thread(spawn, command))
        try:
            return await cls.of(await asyncio.shield(starting))
        except asyncio.CancelledError:
            starting.add_done_callback(_not_wanted)
            raise

    @classmethod
    async def of(cls, process: subprocess.Popen[bytes]) -> Worker:
        """Speak to a process that `eisd.mime.spawn` has started."""
        loop = asyncio.get_running_loop()
        stdout = asyncio.StreamReader(_BUFFER)
        answers, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), cast("IO[bytes]", process.stdout)
        )
        stdin, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, cast("IO[bytes]", process.stdin)
        )
        return cls(process, stdin, answers, stdout)

    async def ready(self) -> bool:
        """Wait until the process says that it can work; False if it does not."""
        if not self._is_ready:
            with contextlib.suppress(TimeoutError, Died):
                async with asyncio.timeout(_START_SECONDS):
                    self._is_ready = await self._read(len(frames.READY)) == frames.READY
        return self._is_ready

    @property
    def is_alive(self) -> bool:
        """Whether the process runs and may be asked, as far as is known."""
        return not self._ended.is_set() and not self._stdin.is_closing()

    def send(self, request: Sequence[bytes]) -> None:
        """Hand a request over; what the pipe does not take at once follows while it is read."""
        for data in request:
            self._stdin.write(data)

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
        try:
            return await self._stdout.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._death() from None

    async def _death(self) -> Died:
        """Why the pipe broke."""
        await self._ended.wait()
        if self._process.returncode in _KILLED_BY_LIMIT:
            return Died("cpu", certain=True)
        return Died("death", certain=False)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in a thread for the end of the process: a pidfd is not to be had everywhere."""
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended as well
            loop.call_soon_threadsafe(self._ended.set)

    def rest(self, seconds: float) -> None:
        """End after ``seconds`` unless woken."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._stdin.close)

    def wake(self) -> None:
        """Do not end for want of work."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def end(self) -> None:
        """Kill the process and wait for it."""
        if not self._ended.is_set():
            self._process.kill()
        self._stdin.close()
        self._answers.close()
        await self._ended.wait()


def _not_wanted(starting: asyncio.Future[subprocess.Popen[bytes]]) -> None:
    """End a process whose starter was cancelled."""
    if not starting.cancelled() and starting.exception() is None:
        with starting.result() as process:
            process.kill()
