"""How fast a queue goes out, and how soon a single message is on the wire.

The outbox as the daemon runs it, on a database on disk, sends to a server in a process of its own
and files the copies in a Dovecot's Sent meanwhile. Bare aiosmtplib sends the same messages over
one connection to the same server, with nothing else to do. Both are measured at the server, from
the first MAIL to the last message taken.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import aiosmtplib
from lab.office import Office
from lab.world import HASHER, InlineParser, world

from bench.figures import Target, command, machine, percentile, row, say, verdict
from bench.place import Place
from eisd.driver.interface import Driver
from eisd.model.outgoing import Outgoing, Party
from eisd.outbox.compose import compose, mint_message_id
from eisd.outbox.desk import Desk, Order
from eisd.outbox.station import Services, Station
from eisd.store.sql import now_ms
from eisd.sync.sent import Recording
from eisd_imap import driver

COUNT = 1_000
ROUNDS = 1
SINGLES = 40
HISTORY = 100_000
OCTETS = 20 << 10
USER = "anna@lab.test"

_TEXT = "\n".join(["The quick brown fox jumps over the lazy dog, and again. "] * (OCTETS // 56))
_MAIL = Outgoing(Party(USER), (Party("ada@x.test", "Ada"),), subject="Offer", text=_TEXT)


class _Sink:
    """The server's process, and what it printed."""

    def __init__(self, process: subprocess.Popen[str], port: int, told: Path) -> None:
        self.process = process
        self.port = port
        self._told = told

    def lines(self) -> list[tuple[float, float, int]]:
        """(MAIL, taken, octets) of every message so far."""
        found = []
        for line in self._told.read_text().splitlines()[1:]:
            begun, taken, size = line.split()
            found.append((float(begun), float(taken), int(size)))
        return found


@contextmanager
def _sink(folder: Path) -> Iterator[_Sink]:
    told = folder / f"sink-{monotonic()}"
    with told.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "bench.sink"], stdout=out, text=True)
    try:
        while not told.read_text().endswith("\n"):
            sleep(0.01)
        yield _Sink(process, int(told.read_text()), told)
    finally:
        process.kill()
        process.wait()


def run(count: int, rounds: int) -> bool:
    """Measure, print, and tell whether the targets are met."""
    ratios, latencies = [], []
    with Place() as place, tempfile.TemporaryDirectory() as name:
        place.server.add_user(USER)
        folder = Path(name)
        say(f"{count} messages of {OCTETS} octets; {machine()}")
        for number in range(rounds):
            for history in (0, HISTORY):
                with _sink(folder) as sink:
                    asyncio.run(_bare(sink.port, count))
                    bare = _rate(sink.lines())
                with _sink(folder) as sink:
                    here = folder / f"{number}-{history}"
                    here.mkdir()
                    single = asyncio.run(_eisd(place, here, sink, count, history))
                    ours = _rate(sink.lines()[:count])
                say(f"history {history}: bare {bare:.0f}/s, eisd {ours:.0f}/s")
                say(row(f"history {history}: accepted to MAIL", single, "ms"))
                say(f"{'99 % of them under':34} {percentile(single, 99):.2f} ms")
                ratios.append(ours / bare)
                latencies.append(median(single))
    return verdict(
        [
            Target("a queue, times the rate of bare aiosmtplib", min(ratios), 0.5, "", True),
            Target("from accepted to the wire, median", max(latencies), 50, "ms"),
        ]
    )


def _rate(lines: list[tuple[float, float, int]]) -> float:
    return len(lines) / (lines[-1][1] - lines[0][0])


async def _bare(port: int, count: int) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
    await client.connect()
    messages = [
        compose(_MAIL, message_id=mint_message_id(USER), date=datetime.now(UTC))
        for _ in range(count)
    ]
    for message in messages:
        await client.sendmail(USER, ["ada@x.test"], message)
    await client.quit()


async def _eisd(place: Place, folder: Path, sink: _Sink, count: int, history: int) -> list[float]:
    """Send a queue, then single messages; milliseconds of each of those."""
    async with world(folder) as here:
        box = await here.mailbox()
        await here.contact("c1", "ada@x.test")
        await here.store.write(lambda tx: _past(tx.db, box.id, history))
        office = Office(here, box)
        station = _station(place, office, sink.port)
        desk = Desk(
            Services(here.store, InlineParser(), Recording(here.rules), lambda _m, _f: None),
            HASHER,
        )
        await desk.posts.apply({"anna": station}, ())
        for _ in range(count):
            await desk.accept(Order("anna", _MAIL))
        await desk.posts.start()
        await _until(sink, count)
        single = []
        for number in range(SINGLES):
            await asyncio.sleep(0.05)
            done = await desk.accept(Order("anna", _MAIL))
            accepted = (await here.rows("SELECT created_at FROM submission WHERE id = ?",
                                        done.submission))[0][0]  # fmt: skip
            await _until(sink, count + number + 1)
            single.append(sink.lines()[-1][0] * 1000 - accepted)
        await desk.posts.close()
        return single


async def _until(sink: _Sink, count: int) -> None:
    while len(sink.lines()) < count:  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.02)


def _station(place: Place, office: Office, port: int) -> Station:
    server = place.server
    options = driver.options(
        {
            "imap": {
                "host": server.host,
                "port": server.port_imaps,
                "ca_file": str(server.certs.ca_file),
                "password": {"file": "-"},
            },
            "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"},
        },
        address=USER,
    )
    made: Driver = driver
    outlet = made.outlet(options)
    assert outlet is not None
    return Station(
        id=office.box.id,
        name="anna",
        driver=made,
        options=options,
        login=office.box.plan.login,
        outlet=outlet,
        retry_for=3600.0,
        limits=(),
        host_limits=(),
        fingerprint="bench",
    )


def _past(db, mailbox: int, count: int) -> None:
    """So many messages were sent before."""
    now = now_ms()
    db.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
        INSERT INTO submission (mailbox_id, state, message_id, id_key, envelope_id, sender,
          subject, size, created_at, due_at, next_at, attempts, sent_at, ended_at, filing)
        SELECT ?1, 'sent', 'old' || i, randomblob(16), 'old' || i, 'anna@lab.test', 'Old', 20000,
          ?3 - i * 1000, ?3 - i * 1000, ?3 - i * 1000, 1, ?3 - i * 1000, ?3 - i * 1000, 'done'
        FROM n WHERE ?2 > 0
        """,
        (mailbox, count, now),
    )
    db.execute(
        "INSERT INTO recipient (submission_id, address, exact, state)"
        " SELECT id, 'ada@x.test', 1, 'sent' FROM submission"
    )


def test_outbox() -> None:
    """Half the rate of bare aiosmtplib, and a message on the wire 50 ms after it was accepted."""
    assert run(COUNT, ROUNDS)


if __name__ == "__main__":
    command(run, count=COUNT, rounds=ROUNDS, what=__doc__ or "")
