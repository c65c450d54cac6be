"""The parser pool with real processes: what a message can do to its worker, and what it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from eisd.daemon.spares import start
from eisd.mime import frames
from eisd.mime.parse import parse
from eisd.mime.spawn import PARSER, spawn
from eisd.mime.worker import ParserPool, PoolClosed
from eisd.model.mail import Attachment, ParseStatus, RawMessage
from eisd.sync.headers import HeaderPool

FULL = ParseStatus.FULL
ROOT = Path(__file__).parents[3]

HOSTILE = """
import os, sys, time
sys.path.append(sys.argv.pop(1))
marker = sys.argv.pop(1)
from eisd.mime.parse import parse
from eisd.mime.worker_main import main

def parser(rfc822, omitted, *, html):
    if b"SPIN" in rfc822:
        while True: pass
    if b"WAIT" in rfc822: time.sleep(60)
    if b"TOIL" in rfc822:
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
    if b"EAT" in rfc822: return [bytearray(1 << 26) for _ in range(99)]
    if b"EXIT" in rfc822: os._exit(0)
    if b"RAISE" in rfc822: raise RuntimeError(rfc822)
    if b"BABBLE" in rfc822: os.write(1, b"\\0\\0\\0\\2[]")
    if b"ONCE" in rfc822 and not os.path.exists(marker):
        open(marker, "w").close()
        os._exit(1)
    return parse(rfc822, omitted, html=html)

main(parser=parser)
"""


class HostilePool(ParserPool):
    """A pool whose workers do what a message asks of them."""

    def __init__(self, marker: Path, **limits: Any) -> None:
        super().__init__(**limits)
        self.marker = marker

    def _command(self) -> list[str]:
        *_, cpu, memory = super()._command()
        return [sys.executable, "-I", "-c", HOSTILE, str(ROOT), str(self.marker), cpu, memory]

    @property
    def pids(self) -> list[int]:
        return [worker._process.pid for worker in self._alive]


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[HostilePool]:
    limits = {"cpu_seconds": 0.4, "wall_seconds": 3.0, "memory": 256 << 20}
    hostile = HostilePool(tmp_path / "marker", **limits)
    yield hostile
    await hostile.aclose()


def raw(*bodies: str) -> list[RawMessage]:
    messages = [f"Subject: x\r\n\r\n{body}".encode() for body in bodies]
    return [RawMessage(str(i), message, len(message)) for i, message in enumerate(messages)]


async def test_pool_parses_as_parse_does() -> None:
    """What a worker answers is what `parse` gives, attachments, reports and all."""
    dsn = (
        b"Content-Type: multipart/report; boundary=b\n\n--b\n\nfailed \xf0\x9f\x98\x80\n--b\n"
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;j@y.test\n"
        b"Action: failed\n"
        b"--b\nContent-Type: message/rfc822\n\nMessage-ID: <a@b>\n\n--b--\n"
    )
    omitted = Attachment("a.pdf", "application/pdf", 7, inline=False, content_id="", sha256="")
    messages = [RawMessage("1", dsn, len(dsn), (omitted,)), *raw("one", "two")]
    page = "Content-Type: text/html; charset=utf-8\n\n<p>é</p>".encode()
    html = RawMessage("2", page, len(page))
    pool = ParserPool()
    try:
        parsed = await pool.parse(messages)
        (with_html,) = await pool.parse([html], html=True)
        (without,) = await pool.parse([html])
    finally:
        await pool.aclose()

    assert parsed == [parse(each.rfc822, each.omitted) for each in messages]
    assert with_html == parse(html.rfc822)
    assert with_html.html == "<p>é</p>"
    assert without == replace(with_html, html="")
    assert parsed[0].report is not None
    assert (pool.started, pool.strikes) == (1, 0)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("SPIN", "cpu"),
        ("WAIT", "wall"),
        ("EAT", "memory"),
        ("EXIT", "death"),
        ("RAISE", "RuntimeError"),
        ("BABBLE", "answer"),
    ],
)
async def test_poison_costs_itself(
    pool: HostilePool, events: list[dict[str, object]], poison: str, reason: str
) -> None:
    """A message that breaks its worker is limited; those before and after it are whole."""
    messages = raw("before", poison, "after")
    before, poisoned, after = await pool.parse(messages)

    assert (before.text, after.text) == ("before", "after")
    assert poisoned.status is ParseStatus.LIMITED
    assert poisoned.defects == (f"limited:{reason}",)
    assert poisoned.sha256 == parse(messages[1].rfc822).sha256
    assert pool.strikes == 1
    assert pool.started > 1
    [told] = [e for e in events if e["event"] == "worker.killed"]
    assert (told["kind"], told["reason"]) == ("message", reason)


async def test_a_death_without_a_reason_is_forgiven_once(pool: HostilePool) -> None:
    """A worker that dies for no reason of the message's gets a successor, and no strike."""
    (parsed,) = await pool.parse(raw("ONCE"))

    assert parsed.status is ParseStatus.FULL
    assert (pool.started, pool.strikes) == (2, 0)


async def test_each_poison_of_many_costs_itself_alone(pool: HostilePool) -> None:
    """Among messages that are sent together, every one has its own limits and its own answer."""
    poison = {7: "RAISE", 17: "EXIT", 27: "SPIN"}
    bodies = [f"number {i} {poison.get(i, 'is well')}" for i in range(30)]
    parsed = await pool.parse(raw(*bodies))

    limited = {i: each.defects for i, each in enumerate(parsed) if each.status is not FULL}
    assert limited == {7: ("limited:RuntimeError",), 17: ("limited:death",), 27: ("limited:cpu",)}
    assert all(each.text == bodies[i] for i, each in enumerate(parsed) if i not in poison)
    assert (pool.strikes, len(pool.pids)) == (3, 1)


async def test_what_is_too_much_only_together_is_no_poison(pool: HostilePool) -> None:
    """Messages that exceed the limits of one request are parsed one by one, without a strike."""
    bodies = [f"TOIL {i}" for i in range(4)]
    parsed = await pool.parse(raw(*bodies))

    assert [each.text for each in parsed] == bodies
    assert (pool.started, pool.strikes) == (2, 0)


async def test_more_than_the_pipes_hold(pool: HostilePool) -> None:
    """Questions and answers larger than both pipes together do not stop each other."""
    bodies = [f"{i} " + "text that goes on " * 40_000 for i in range(12)]
    parsed = await pool.parse(raw(*bodies))

    assert [each.text for each in parsed] == [body.strip("\n") for body in bodies]
    assert (pool.started, pool.strikes) == (1, 0)


async def test_shutdown_is_no_strike(pool: HostilePool) -> None:
    """A message that waits while the pool closes is not judged."""
    waiting = asyncio.create_task(pool.parse(raw("WAIT")))
    with anyio.fail_after(5):
        while not pool.pids:  # noqa: ASYNC110 - a process starts when it starts
            await anyio.sleep(0.01)
    await pool.aclose()
    with pytest.raises(PoolClosed):
        await waiting

    assert pool.strikes == 0


async def test_cancelled_message_leaves_no_worker_behind(pool: HostilePool) -> None:
    """Cancelling a parse ends its worker; the next message gets a new one."""
    with anyio.move_on_after(0.5) as scope:
        await pool.parse(raw("WAIT"))
    (parsed,) = await pool.parse(raw("next"))

    assert scope.cancelled_caught
    assert parsed.text == "next"
    assert len(pool.pids) == 1


async def test_workers_end_after_their_rest(tmp_path: Path) -> None:
    """A worker without work ends, and the next message starts another."""
    pool = HostilePool(tmp_path / "marker", rest_seconds=0.05)
    try:
        await pool.parse(raw("one"))
        (pid,) = pool.pids
        with anyio.fail_after(5):
            while _runs(pid):  # noqa: ASYNC110 - and ends when it ends
                await anyio.sleep(0.02)
        (parsed,) = await pool.parse(raw("two"))
    finally:
        await pool.aclose()

    assert parsed.text == "two"
    assert pool.started == 2
    assert pool.strikes == 0


async def test_two_workers_share_the_work(tmp_path: Path) -> None:
    """Two workers take messages from one request, and the answers keep their order."""
    pool = HostilePool(tmp_path / "marker", workers=2, cpu_seconds=0.3)
    try:
        parsed = await pool.parse(raw("one", "SPIN", "three", "four", "five"))
    finally:
        await pool.aclose()

    assert [each.text for each in parsed] == ["one", "", "three", "four", "five"]
    assert pool.pids == []


async def test_worker_that_does_not_start_is_an_error() -> None:
    """A pool that can start no process says so instead of blaming the message."""

    class Broken(ParserPool):
        def _command(self) -> list[str]:
            return [sys.executable, "-I", "-c", "raise SystemExit(1)"]

    pool = Broken()
    with pytest.raises(OSError, match="does not start"):
        await pool.parse(raw("x"))

    assert pool.strikes == 0
    await pool.aclose()


async def test_worker_started_before_its_pool_is_taken_in() -> None:
    """A daemon's spare worker answers its pool, which starts no other and ends it."""
    spares = await anyio.to_thread.run_sync(start)
    pool = ParserPool()
    try:
        with ThreadPoolExecutor(1) as threads:
            headers = HeaderPool(threads)
            await spares.lend(pool, headers)
            (parsed,) = await pool.parse(raw("hello"))
            await headers.aclose()
        await pool.aclose()
        ended = [worker is not None and worker.poll() is not None for worker in spares]
    finally:
        await anyio.to_thread.run_sync(spares.end)

    assert parsed == parse(raw("hello")[0].rfc822)
    assert (pool.started, headers.started, ended) == (1, 1, [True, True])


async def test_spare_worker_that_is_gone_is_replaced() -> None:
    """A worker that died before its pool had work for it costs no message."""
    process = await anyio.to_thread.run_sync(spawn, PARSER.command())
    pool = ParserPool()
    try:
        await pool.adopt(process)
        process.kill()
        (parsed,) = await pool.parse(raw("hello"))
    finally:
        await pool.aclose()

    assert parsed == parse(raw("hello")[0].rfc822)
    assert (pool.started, pool.strikes) == (2, 0)


async def test_worker_inherits_nothing(pool: HostilePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has two pipes, /dev/null, and none of the daemon's descriptors or environment."""
    monkeypatch.setenv("EISD_CANARY", "secret")
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    try:
        await pool.parse(raw("x"))
        (pid,) = pool.pids
        environment, descriptors = await anyio.to_thread.run_sync(_look_at, pid)
    finally:
        os.close(reading)
        os.close(writing)

    assert b"secret" not in environment
    assert descriptors == {"0", "1", "2"}


async def test_missing_message_is_not_parsed(pool: HostilePool) -> None:
    """A message the server no longer has costs no process."""
    (parsed,) = await pool.parse([RawMessage("1", b"", 0, missing=True)])

    assert parsed.defects == ("limited:missing",)
    assert pool.started == 0


def test_worker_outlives_signals_and_ends_with_its_pipe() -> None:
    """SIGTERM and SIGINT to the group leave a worker at its work; a closed pipe ends it."""
    command = ParserPool()._command()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.read(len(frames.READY)) == frames.READY
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        worker.stdin.write(b"".join(frames.request([RawMessage("1", b"\n\nhello", 7)])))
        worker.stdin.flush()
        (size,) = frames.ANSWER.unpack(worker.stdout.read(frames.ANSWER.size))
        answer = frames.read_answer(worker.stdout.read(size), 1)
        worker.stdin.close()

        assert worker.wait(10) == 0
    assert answer == [parse(b"\n\nhello")]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _look_at(pid: int) -> tuple[bytes, set[str]]:
    proc = Path(f"/proc/{pid}")
    return (proc / "environ").read_bytes(), {entry.name for entry in (proc / "fd").iterdir()}
