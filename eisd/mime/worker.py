"""The full parse in processes that can be killed (RR3), seen from the event loop.

A message that spins, eats memory or breaks the parser costs itself: its worker dies, the message
stands as `limited`, and the others go on in a new worker. Workers start when first needed and end
after a minute of rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

import eisd
from eisd.errors import EisdError
from eisd.mime import frames
from eisd.mime.parse import limited
from eisd.model.mail import Parsed, RawMessage

_BOOT: Final = (
    "import sys; sys.path.append(sys.argv.pop(1)); from eisd.mime.worker_main import main; main()"
)
_START_SECONDS: Final = 30.0
_KILLED_BY_LIMIT: Final = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
_TRIES: Final = 2
_HASH_IN_THREAD: Final = 1 << 20


class PoolClosed(EisdError):
    """The pool was closed while the message waited: it was not judged."""


class _Died(Exception):
    """A worker ended or was ended; ``reason`` in one word, ``certain`` if the message did it."""

    def __init__(self, reason: str, *, certain: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.certain = certain


class ParserPool:
    """Worker processes that parse, ``workers`` of them at most.

    Limits for each message: seconds of CPU, seconds by the clock, octets of memory above what an
    idle worker has.
    """

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
        self._idle: list[_Worker] = []
        self._alive: set[_Worker] = set()
        self._closed = False
        self.started = 0
        """Workers started so far."""
        self.strikes = 0
        """Messages that ended as `limited` so far."""

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

    async def aclose(self) -> None:
        """End every worker; what they were at is not held against the messages."""
        self._closed = True
        for worker in list(self._alive):
            await self._discard(worker)

    def _command(self) -> list[str]:
        """How a worker is started: isolated from the environment, with our own code."""
        root = str(Path(eisd.__file__).parent.parent)
        limits = [str(self._cpu), str(self._memory)]
        return [sys.executable, "-I", "-c", _BOOT, root, *limits]

    async def _lane(
        self, queue: Iterator[tuple[int, RawMessage]], answers: dict[int, Parsed]
    ) -> None:
        for index, message in queue:
            async with self._gate:
                answers[index] = await self._parse_one(message)

    async def _parse_one(self, message: RawMessage) -> Parsed:
        """Parse one message; a death that may not be its fault is forgiven once."""
        if message.missing:
            return limited("missing", "")
        reason = ""
        for _ in range(_TRIES):
            try:
                answer = await self._ask(message)
            except _Died as death:
                self._check_open()
                reason = death.reason
                if death.certain:
                    break
                continue
            if isinstance(answer, Parsed):
                return answer
            reason = answer
            break
        self.strikes += 1
        return limited(reason, await _digest(message.rfc822), message.omitted)

    async def _ask(self, message: RawMessage) -> Parsed | str:
        """Have a worker parse ``message``; it goes back to rest only if it answered well."""
        worker = await self._take()
        answer: Parsed | str = ""
        try:
            answer = await worker.ask(message, self._wall)
        finally:
            if isinstance(answer, Parsed) and not self._closed:
                self._put(worker)
            else:
                with anyio.CancelScope(shield=True):
                    await self._discard(worker)
        return answer

    async def _take(self) -> _Worker:
        """A worker at rest, else a new one."""
        self._check_open()
        while self._idle:
            worker = self._idle.pop()
            worker.wake()
            if worker.is_alive:
                return worker
            await self._discard(worker)
        self.started += 1
        worker = await _Worker.start(self._command())
        self._alive.add(worker)
        try:
            self._check_open()
        except PoolClosed:
            await self._discard(worker)
            raise
        return worker

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed("the parser was closed")

    def _put(self, worker: _Worker) -> None:
        worker.rest(self._rest)
        self._idle.append(worker)

    async def _discard(self, worker: _Worker) -> None:
        self._alive.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.wake()
        await worker.end()


class _Worker:
    """One process and its two pipes. Used by one message at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, command: Sequence[str]) -> _Worker:
        """Start a process and wait until it can work."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await worker._read(len(frames.READY))
        except (TimeoutError, _Died):
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

    async def ask(self, message: RawMessage, seconds: float) -> Parsed | str:
        """The parsed message or the worker's reason; raises `_Died`."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            async with asyncio.timeout(seconds):
                for data in frames.request(message.rfc822, message.omitted):
                    stdin.write(data)
                    await stdin.drain()
                (size,) = frames.ANSWER.unpack(await self._read(frames.ANSWER.size))
                if size > frames.ANSWER_MAX:
                    return "answer"
                body = await self._read(size)
            return frames.read_answer(body)
        except TimeoutError:
            raise _Died("wall", certain=True) from None
        except OSError:
            raise await self._death() from None
        except frames.Malformed:
            return "answer"

    async def _read(self, size: int) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            return await stdout.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._death() from None

    async def _death(self) -> _Died:
        """Why the pipe broke."""
        code = await self._process.wait()
        if code in _KILLED_BY_LIMIT:
            return _Died("cpu", certain=True)
        return _Died("death", certain=False)

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


async def _digest(rfc822: bytes) -> str:
    """SHA-256 in hex, of long bytes in a thread."""
    if len(rfc822) < _HASH_IN_THREAD:
        return hashlib.sha256(rfc822).hexdigest()
    digest = await anyio.to_thread.run_sync(hashlib.sha256, rfc822)
    return digest.hexdigest()
