"""One writer thread, group commit, and what a failing write may take along: nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from eisd.errors import StoreError, UserError
from eisd.store.database import Database, Tx, connect, create, exclusive


def put(key: str, value: str = "") -> Callable[[Tx], str]:
    """A write that keeps a word."""

    def write(tx: Tx) -> str:
        tx.db.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
        return key

    return write


def keys(db: sqlite3.Connection) -> list[str]:
    """The words kept."""
    return [row[0] for row in db.execute("SELECT key FROM meta ORDER BY key")]


class Gate:
    """A write that holds the writer up until it is opened."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _tx: Tx) -> None:
        self.begun.set()
        assert self.opened.wait(10)


async def held(store: Database) -> tuple[Gate, asyncio.Task[None]]:
    """Hold the writer up; whatever is written meanwhile shares the next commit."""
    gate = Gate()
    task = asyncio.create_task(store.write(gate))
    await asyncio.to_thread(gate.begun.wait, 10)
    return gate, task


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's rights")
def test_who_may_only_read_reads_what_nobody_writes():
    """A member of the group, with the daemon down: SQLite may make no file beside the database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "eisd.db"
        create(path)
        for one in (path, path.parent):
            one.chmod(0o755)
        code = f"""if True:
            import os, pathlib
            from eisd.store.database import connect
            os.setgroups([]); os.setgid(12345); os.setuid(12345)
            db = connect(pathlib.Path({str(path)!r}), readonly=True)
            print(db.execute("PRAGMA quick_check").fetchone())
        """
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

    assert done.stdout == "('ok',)\n", done.stderr


async def test_a_result_is_handed_out_after_the_commit(store: Database, path: Path):
    """Another process sees what was written as soon as the writer is told so (RP4)."""
    assert await store.write(put("one")) == "one"

    def ask() -> list[str]:
        with closing(sqlite3.connect(path)) as other:
            return keys(other)

    assert await asyncio.to_thread(ask) == ["one"]


async def test_writes_that_wait_share_a_commit(store: Database):
    """One transaction serves a queue of writes (group commit)."""
    gate, task = await held(store)
    before = await store.read(lambda db: db.execute("PRAGMA data_version").fetchone())
    writes = [asyncio.create_task(store.write(put(f"k{n:02}"))) for n in range(50)]
    statements: list[str] = []
    await asyncio.sleep(0)
    store._db.set_trace_callback(statements.append)
    gate.opened.set()
    await asyncio.gather(task, *writes)

    assert before is not None
    assert statements.count("COMMIT") <= 2
    assert len(await store.read(keys)) == 50


async def test_a_write_that_fails_takes_nothing_along(store: Database):
    """Each write of a group stands alone: its error is its own, its rows are undone."""

    def half(tx: Tx) -> None:
        put("half")(tx)
        raise ZeroDivisionError

    gate, task = await held(store)
    before = asyncio.create_task(store.write(put("before")))
    failing = asyncio.create_task(store.write(half))
    twice = asyncio.create_task(store.write(put("before")))
    after = asyncio.create_task(store.write(put("later")))
    await asyncio.sleep(0)
    gate.opened.set()
    await task

    assert await before == "before"
    with pytest.raises(ZeroDivisionError):
        await failing
    with pytest.raises(StoreError, match="UNIQUE"):
        await twice
    assert await after == "later"
    assert await store.read(keys) == ["before", "later"]


async def test_after_commit_means_after_the_commit(store: Database, path: Path):
    """What a write leaves to be called sees its rows; a write that failed leaves nothing."""
    seen: list[list[str]] = []

    def look() -> None:
        with closing(sqlite3.connect(path)) as other:
            seen.append(keys(other))

    def good(tx: Tx) -> None:
        put("good")(tx)
        tx.after.append(look)

    def bad(tx: Tx) -> None:
        tx.after.append(look)
        raise ZeroDivisionError

    await store.write(good)
    with pytest.raises(ZeroDivisionError):
        await store.write(bad)
    await store.write(put("next"))

    assert seen == [["good"]]


async def test_a_hearers_fault_does_not_end_the_writer(
    store: Database, events: list[dict[str, object]]
):
    """A failing call after the commit is logged, and writing goes on."""

    def write(tx: Tx) -> None:
        put("one")(tx)
        tx.after.append(lambda: 1 // 0)  # type: ignore[arg-type,return-value]

    await store.write(write)
    await store.write(put("two"))

    assert await store.read(keys) == ["one", "two"]
    assert [one["event"] for one in events] == ["task.crashed"]


async def test_the_cache_is_emptied_when_a_write_fails(store: Database):
    """What a failed write had read or noted may be wrong for the next one."""

    def note(tx: Tx) -> None:
        tx.cache["book"] = "half written"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(note)

    assert await store.write(lambda tx: dict(tx.cache)) == {}


async def test_a_full_disk_is_an_error_and_no_loss(store: Database):
    """What was acknowledged stays, what was refused is gone, and writing goes on (RF42)."""
    pages = await store.write(lambda tx: tx.db.execute("PRAGMA page_count").fetchone()[0])
    await store.write(put("kept"))
    await store.write(lambda tx: tx.db.execute(f"PRAGMA max_page_count = {pages + 8}"))
    gate, task = await held(store)
    small = asyncio.create_task(store.write(put("small")))
    large = asyncio.create_task(store.write(put("large", "x" * 1_000_000)))
    await asyncio.sleep(0)
    gate.opened.set()

    with pytest.raises(StoreError, match="full"):
        await large
    await asyncio.wait([task, small])
    refused = small.exception() is not None
    await store.write(lambda tx: tx.db.execute("PRAGMA max_page_count = 100000"))
    await store.write(put("large", "x" * 1_000_000))

    assert await store.read(keys) == ["kept", "large", *([] if refused else ["small"])]
    assert await store.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)


async def test_a_lock_held_by_another_process_is_waited_for(store: Database, path: Path):
    """Somebody else's short transaction delays a write and does not fail it (RF44)."""
    other = await asyncio.to_thread(connect, path)
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.write(put("patient")))
    await asyncio.sleep(0.2)
    assert not writing.done()

    await asyncio.to_thread(other.execute, "COMMIT")
    await asyncio.to_thread(other.close)

    assert await writing == "patient"


async def test_a_lock_held_too_long_is_a_store_error(store: Database, path: Path):
    """It is said, nothing is kept, and the next write works."""
    await store.write(lambda tx: tx.db.execute("PRAGMA busy_timeout = 50"))
    other = await asyncio.to_thread(connect, path)
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await store.write(put("refused"))
    await asyncio.to_thread(other.execute, "COMMIT")
    await asyncio.to_thread(other.close)

    await store.write(put("accepted"))

    assert await store.read(keys) == ["accepted"]


async def test_a_read_waits_for_no_write_and_no_write_for_a_read(store: Database):
    """Under WAL a long write and a long read pass each other."""
    gate, task = await held(store)
    assert await asyncio.wait_for(store.read(keys), 5) == []
    gate.opened.set()
    await task

    reading, go = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> list[str]:
        db.execute("BEGIN")
        found = keys(db)
        reading.set()
        assert go.wait(10)
        db.execute("COMMIT")
        return found

    old = asyncio.create_task(store.read(slow))
    await asyncio.to_thread(reading.wait, 10)
    await asyncio.wait_for(store.write(put("new")), 5)
    go.set()

    assert await old == []
    assert await store.read(keys) == ["new"]


async def test_a_reader_cannot_write(store: Database):
    """The readers' connections refuse it."""
    with pytest.raises(StoreError, match="readonly"):
        await store.read(lambda db: db.execute("DELETE FROM meta"))


async def test_a_write_that_nobody_waits_for_is_still_done(store: Database):
    """A cancelled caller does not undo what the writer has in hand."""
    gate, task = await held(store)
    writing = asyncio.create_task(store.write(put("orphan")))
    await asyncio.sleep(0)
    writing.cancel()
    gate.opened.set()
    await task
    await store.write(put("next"))

    assert await store.read(keys) == ["next", "orphan"]


async def test_close_finishes_what_waits_and_refuses_what_comes(path: Path):
    """No write is left without an answer."""
    store = await asyncio.to_thread(Database, path)
    gate, task = await held(store)
    writes = [asyncio.create_task(store.write(put(f"k{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.to_thread(store.close)
    await asyncio.gather(task, *writes)

    with pytest.raises(StoreError, match="closed"):
        await store.write(put("late"))


def test_a_closed_loop_does_not_end_the_writer(path: Path):
    """An answer that nobody can hear is dropped, and the next write is done."""
    store = Database(path)
    gate = Gate()

    async def ask() -> None:
        task = asyncio.create_task(store.write(gate))
        await asyncio.to_thread(gate.begun.wait, 10)
        task.cancel()

    asyncio.run(ask())
    gate.opened.set()

    assert store.write_now(put("next")) == "next"
    store.close()


def test_without_a_loop(path: Path):
    """Commands without a daemon write and read the same way."""
    store = Database(path)
    try:
        assert store.write_now(put("one")) == "one"
        assert store.read_now(keys) == ["one"]
        with pytest.raises(StoreError):
            store.write_now(put("one"))
    finally:
        store.close()


def test_durable_before_acknowledged(db: sqlite3.Connection):
    """WAL with synchronous FULL: a commit survives a power cut (RP4)."""

    def pragma(name: str) -> Any:
        return db.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("foreign_keys") == 1


# Files that are none


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    """It is named, and never made anew (RF45)."""
    path = tmp_path / "eisd.db"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"eisd\.db"):
        create(path)

    assert path.read_bytes() == content


def test_a_folder_in_the_way_is_a_store_error(tmp_path: Path):
    """The path is named."""
    (tmp_path / "eisd.db").mkdir()

    with pytest.raises(StoreError, match=r"eisd\.db"):
        create(tmp_path / "eisd.db")


def test_a_new_database_is_not_for_everybody(tmp_path: Path):
    """Its folder is the owner's, and others may not read the file."""
    path = tmp_path / "state" / "eisd.db"

    create(path)

    assert path.parent.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o007 == 0


# The right to write

HOLD = """
import pathlib, sys
from eisd.store.database import exclusive
with exclusive(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_writes(path: Path):
    """A second one is refused with a way out, until the first has ended (RF38)."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="in use") as refused, exclusive(path):
            pass
        assert refused.value.code == 75
        assert refused.value.hint
    finally:
        other.communicate()

    with exclusive(path):
        pass


def test_the_right_ends_with_the_block(path: Path):
    """Even when the block fails."""
    with pytest.raises(ZeroDivisionError), exclusive(path):
        _ = 1 // 0

    with exclusive(path), pytest.raises(UserError), exclusive(path):
        pass
