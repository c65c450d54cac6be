"""OAuth mailboxes: what each holds more than a password one, and a wave of 1,000 refreshes.

Memory is private memory of a process of its own that has asked every mailbox's login for its
secret once, with passwords and with tokens. What the first token costs once, whatever the number
of mailboxes (the HTTP client's code), is told apart.

The wave lets 1,000 tokens come due at once in a daemon that holds a mailbox on Dovecot by IDLE, and
compares pushes before and during it; the provider runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from lab.certs import Certs
from lab.idp import MAIL, Idp, Token
from lab.process import free_ports
from lab.signed import daemon as signed_daemon
from lab.tokens import token_server

from bench.figures import Target, command, machine, row, say, verdict
from bench.memory import private
from eisd.auth.keeper import Holder
from eisd.config.load import load
from eisd.daemon import assemble
from eisd.daemon.core import Core
from eisd.model.grant import Grant, Identity

COUNT = 1000
ROUNDS = 3
PUSHES = 8
CLIENT = "desktop"


def run(count: int, rounds: int) -> bool:
    """Measure, print, and tell whether the targets are met."""
    say(f"{count} mailboxes; {machine()}")
    (port,) = free_ports(1)
    each: list[float] = []
    with provider(port, count):
        for _ in range(rounds):
            held = {
                (kind, many): _held(kind, many, port)
                for kind in ("password", "token")
                for many in (1, count)
            }
            extra = (held["token", count] - held["token", 1]) - (
                held["password", count] - held["password", 1]
            )
            each.append(extra / (count - 1))
            once = (held["token", 1] - held["password", 1]) / 1e6
            say(f"  once: {once:.1f} MB; each OAuth mailbox more: {each[-1]:.0f} octets")
    say(row("each OAuth mailbox more", each, "octets"))
    before, during, lag = _wave(count)
    say(row("push before the wave", before, "ms"))
    say(row("push during the wave", during, "ms"))
    say(row("loop held up during the wave", lag, "ms"))
    return verdict(
        [
            Target("an OAuth mailbox holds more by", median(each), 2048, "octets"),
            Target("the wave delays a push by", median(during) - median(before), 50, "ms"),
        ]
    )


# The provider


@contextmanager
def provider(port: int, count: int) -> Iterator[None]:
    """The provider in a process of its own, which knows the refresh tokens ``r0``, ``r1``, ..."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_provide, args=(port, count, ready), daemon=True)
    process.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        process.terminate()
        process.join()


def _provide(port: int, count: int, ready: Any) -> None:
    async def serve() -> None:
        async with Idp(port=port) as idp:
            for n in range(count):
                idp.refresh[f"r{n}"] = Token(f"user{n}@lab.test", MAIL, CLIENT)
            ready.set()
            await asyncio.Event().wait()

    asyncio.run(serve())


def due(n: int) -> Grant:
    """A grant whose access token has just ended."""
    now = time.time()
    return Grant(
        app="corp",
        client_id=CLIENT,
        access_token="ended",
        expires_at=now - 1,
        lifetime=3600,
        refresh_token=f"r{n}",
        scope=(MAIL,),
        identity=Identity((f"user{n}@lab.test",)),
        granted_at=now,
        refreshed_at=now - 3600,
    )


# Memory


def _held(kind: str, count: int, port: int) -> int:
    """Octets of a process that has used the logins of so many mailboxes of a kind."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_hold, args=(kind, count, port, theirs))
    process.start()
    held: int = ours.recv()
    process.join()
    return held


def _hold(kind: str, count: int, port: int, answer: Any) -> None:
    answer.send(asyncio.run(_use_logins(kind, count, port)))


async def _use_logins(kind: str, count: int, port: int) -> int:
    with tempfile.TemporaryDirectory(prefix="eisd-bench-") as folder:
        config = Path(folder, "config.toml")
        config.write_text(_config(kind, count, port))  # noqa: ASYNC240 - nothing else runs
        os.environ["BENCH_SECRET"] = "s3cret"
        core = await Core.open(await asyncio.to_thread(load, config))
        if kind == "token":
            for n in range(count):
                await core.keeper.grants.save(f"m{n}", due(n))
        args = core.settings, core.registry, Path(folder), core.secrets, core.keeper
        plans = assemble.plans(*args)
        for plan in plans.values():
            await (plan.login.password() if kind == "password" else plan.login.access_token())
        gc.collect()
        held = private(os.getpid())
        await core.close()
        return held


def _config(kind: str, count: int, port: int) -> str:
    tables = {
        "password": 'imap = { host = "mail.test", password = { env = "BENCH_SECRET" } }',
        "token": 'imap = { host = "mail.test" }, oauth = { app = "corp" }',
    }[kind]
    lines = [
        'daemon.state_dir = "state"',
        "metrics.listen = []",
        "[oauth.corp]",
        'provider = "google"',
        f'client_id = "{CLIENT}"',
        f'token_url = "http://127.0.0.1:{port}/google/token"',
        'client_secret = { env = "BENCH_SECRET" }',
        "[mailboxes]",
        *(f'm{n} = {{ address = "user{n}@lab.test", {tables} }}' for n in range(count)),
    ]
    return "\n".join(lines) + "\n"


# The wave


def _wave(count: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of pushes before and during a wave, and by which the loop was held up."""
    with tempfile.TemporaryDirectory(prefix="eisd-bench-") as folder:
        certs = Certs(Path(folder))
        with token_server(certs) as server, provider(server.idp_port, count + 1):
            return asyncio.run(_push(Path(folder), server, count))


async def _push(folder: Path, server: Any, count: int) -> tuple[list[float], ...]:
    os.environ["LAB_SECRET"] = "s3cret"
    async with signed_daemon(folder, server, server.idp(), start=False) as anna:
        core, keeper = anna.core, anna.core.keeper
        assert anna.address == "user1@lab.test"
        await keeper.grants.save("anna", due(1))
        await core.start()
        await anna.until("idle", 60)
        subjects: list[str] = []
        before = [await _one(anna, subjects) for _ in range(PUSHES)]
        for n in range(count):
            await keeper.grants.save(f"m{n}", due(n))
        lags: list[float] = []
        ticking = asyncio.create_task(_tick(lags))
        began = time.monotonic()
        holders = [Holder(f"m{n}", "corp", f"user{n}@lab.test") for n in range(count)]
        wave = asyncio.gather(*(keeper.grant(holder) for holder in holders))
        during: list[float] = []
        while not wave.done() or not during:
            during.append(await _one(anna, subjects))
        await wave
        ticking.cancel()
        say(f"  {count} refreshes in {time.monotonic() - began:.1f} s, {len(during)} pushes")
        return before, during, lags


async def _one(anna: Any, subjects: list[str]) -> float:
    """Milliseconds from a delivery to its activity."""
    subjects.append(f"push {len(subjects)}")
    began = time.monotonic()
    await anna.deliver(subjects[-1])
    async with asyncio.timeout(30):
        while len(await anna.subjects()) < len(subjects):  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    return (time.monotonic() - began) * 1000


async def _tick(lags: list[float]) -> None:
    """By how much a sleep of 5 ms is longer, again and again."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.005)
        lags.append((time.monotonic() - began) * 1000 - 5)


def test_oauth() -> None:
    """An OAuth mailbox holds at most 2 KB more; a wave delays a push by at most 50 ms."""
    assert run(COUNT, ROUNDS)


if __name__ == "__main__":
    command(run, count=COUNT, rounds=ROUNDS, what=__doc__ or "")
