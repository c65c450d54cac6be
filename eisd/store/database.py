"""The database as the rest of eisd sees it: one writer thread, a few readers, never on the loop.

Writes are functions that take a `Tx` and run in the writer thread. Whatever waits in the queue
when the writer comes round is committed together (group commit): one fsync serves all of it, and
each function stands in a savepoint of its own, so that one that fails takes nothing else along.
A write's result is handed out after the commit, never before.

Readers have connections of their own; under WAL neither side waits for the other.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from eisd import events, metrics
from eisd.errors import ExitCode, StoreError, UserError
from eisd.logs import emit
from eisd.store.migrations import migrate
from eisd.store.owner import hand_over

T = TypeVar("T")

GROUP = 64
"""At most so many writes share a commit."""
BUSY_MS = 5_000
READERS = 2
SLOW = 5.0
"""A transaction that takes so many seconds is worth a line in the log."""
BEAT_OPS = 100_000
"""So many instructions of SQLite's machine, a few milliseconds, are a sign of life."""


@dataclass(slots=True)
class Tx:
    """What a write works on: the writer's connection, and notes for after the commit."""

    db: sqlite3.Connection
    cache: dict[str, Any]
    """Kept by the writer thread from write to write; emptied when a write fails."""
    after: list[Callable[[], None]] = field(default_factory=list)
    """Called in the writer thread once the write is durable."""


@dataclass(slots=True)
class _Job:
    run: Callable[[Tx], Any]
    done: Callable[[Any, BaseException | None], None]


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open one connection with eisd's settings.

    Raises:
        StoreError: the file is no database, is damaged, or cannot be opened.
    """
    try:
        return _connected(path, "mode=ro" if readonly else "mode=rwc", readonly=readonly)
    except sqlite3.Error as exc:
        if readonly and not _log_of(path).exists():
            # Nobody writes, and we may not: SQLite needs files beside it that we cannot make.
            with suppress(sqlite3.Error):
                return _connected(path, "mode=ro&immutable=1", readonly=True)
        raise StoreError(f"{path}: {exc}") from exc


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _connected(path: Path, how: str, *, readonly: bool) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if readonly:
        db.execute("PRAGMA query_only = ON")
    else:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cache_size = -16000")
    db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return db


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise UserError(
            f"cannot create the directory {path}: {exc.strerror}",
            hint="make it, or name another one: [daemon] state_dir",
            code=ExitCode.CANT_CREATE,
        ) from exc


def create(path: Path) -> None:
    """Make the database, or bring it to this version's schema.

    Raises:
        StoreError: it cannot be read, written or migrated, or is newer than this eisd.
    """
    _make_directory(path.parent)
    if not path.exists():
        path.touch(mode=0o640)
        hand_over(path)
    db = connect(path)
    began = monotonic()
    try:
        applied = migrate(db)
    except sqlite3.Error as exc:
        raise StoreError(f"{path}: {exc}") from exc
    finally:
        db.close()
    if applied:
        took = round((monotonic() - began) * 1000)
        emit(events.DB_MIGRATED, version=applied[-1], duration_ms=took)


def empty_log(path: Path) -> bool:
    """Empty the write-ahead log, which keeps what was erased; False: somebody was reading.

    Blocks for up to a second, and writers with it.
    """
    with closing(connect(path)) as db:
        db.execute("PRAGMA busy_timeout = 1000")
        (is_busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the right to write to the database at ``path``; one process at a time has it.

    Raises:
        UserError: another process has it.
    """
    lock = path.with_name(path.name + ".lock")
    _make_directory(lock.parent)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        hand_over(lock)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise UserError(
                f"{path} is in use by another eisd process",
                hint="stop it first, or let it do the work: eisd status shows whether it runs",
                code=ExitCode.TRY_LATER,
            ) from exc
        yield
    finally:
        os.close(fd)


class Database:
    """Both ways to `eisd.db`: `write` and `read`. Close it with `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beat = monotonic()
        """When the writer last came round, or moved within a long write; for the watchdog."""
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="eisd-reader")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._db = connect(path)
        self._db.set_progress_handler(self._moving, BEAT_OPS)
        self._tx_cache: dict[str, Any] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="eisd-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many writes wait for the writer."""
        return self._queue.qsize()

    async def write(self, run: Callable[[Tx], T]) -> T:
        """Run ``run`` in the writer thread; return its result once it is durable.

        Raises:
            StoreError: the database refused it; nothing of it was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def resolve(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def done(result: Any, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(resolve, result, error)

        self._put(_Job(run, done))
        return await future

    def write_now(self, run: Callable[[Tx], T]) -> T:
        """`write` for callers without a loop (commands with no daemon about)."""
        ready = threading.Event()
        box: list[Any] = []

        def done(result: Any, error: BaseException | None) -> None:
            box.extend((result, error))
            ready.set()

        self._put(_Job(run, done))
        ready.wait()
        if box[1] is not None:
            raise box[1]
        return box[0]  # type: ignore[no-any-return]

    async def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``run`` on a reading connection in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_here, run)

    def read_now(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """`read` for callers without a loop."""
        return self._readers.submit(self._read_here, run).result()

    def close(self) -> None:
        """Finish the writes that wait, then close every connection."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()
        for db in self._open_readers:
            db.close()
        self._db.close()

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise StoreError(f"{self.path} is closed")
        self._queue.put(job)

    def _read_here(self, run: Callable[[sqlite3.Connection], T]) -> T:
        db = getattr(self._local, "db", None)
        try:
            if db is None:
                db = self._local.db = connect(self.path, readonly=True)
                self._open_readers.append(db)
            return run(db)
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {exc}") from exc

    # The writer thread.

    def _moving(self) -> int:
        self.beat = monotonic()
        return 0  # go on

    def _run(self) -> None:
        running = True
        while running:
            try:
                first = self._queue.get(timeout=5.0)
            except queue.Empty:
                self.beat = monotonic()
                continue
            jobs: list[_Job] = []
            job: _Job | None = first
            while True:
                if job is None:
                    running = False
                    break
                jobs.append(job)
                if len(jobs) >= GROUP:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            if jobs:
                self._commit(jobs)
            self.beat = monotonic()

    def _commit(self, jobs: list[_Job]) -> None:
        answers: list[tuple[Any, BaseException | None]] = []
        tx = Tx(self._db, self._tx_cache)
        began = monotonic()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            answers.extend(self._one(tx, job) for job in jobs)
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            self._abandon()
            error = StoreError(f"{self.path}: {exc}")
            answers = [(None, error)] * len(jobs)
            tx.after.clear()
        took = monotonic() - began
        metrics.DB_WRITE_DURATION.observe(took)
        if took > SLOW:
            emit(events.DB_WRITE_SLOW, duration_ms=round(took * 1000), queue_depth=self.waiting)
        for job, (result, failure) in zip(jobs, answers, strict=True):
            with suppress(RuntimeError):  # the loop of whoever asked is closed: nobody waits
                job.done(result, failure)
        for call in tx.after:
            try:
                call()
            except Exception as exc:  # noqa: BLE001  a hearer's fault must not end the writer
                emit(events.TASK_CRASHED, task="writer", restart_in_s=0, error=exc)

    def _one(self, tx: Tx, job: _Job) -> tuple[Any, BaseException | None]:
        tx.db.execute("SAVEPOINT job")
        mark = len(tx.after)
        try:
            result = job.run(tx)
        except BaseException as exc:
            del tx.after[mark:]
            self._tx_cache.clear()
            if not tx.db.in_transaction:  # SQLITE_FULL and its like have rolled back by themselves
                raise sqlite3.OperationalError(str(exc)) from exc
            tx.db.execute("ROLLBACK TO job")
            tx.db.execute("RELEASE job")
            if isinstance(exc, sqlite3.Error):
                return None, StoreError(f"{self.path}: {exc}")
            return None, exc
        tx.db.execute("RELEASE job")
        return result, None

    def _abandon(self) -> None:
        self._tx_cache.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
