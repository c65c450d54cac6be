"""From the server's notice of a new message to the activity that another process can read.

The clock starts when the bytes of ``* n EXISTS`` pass to the daemon, seen by a proxy in between,
and stops when a reader of the database finds one more activity. Deliveries come one at a time.
"""

from __future__ import annotations

import re
import sqlite3
from statistics import median
from time import monotonic, sleep

from lab import mail

from bench.figures import Target, command, machine, percentile, row, say, verdict
from bench.place import Place, daemon
from bench.tap import Tap

COUNT = 60
ROUNDS = 1
WAIT = 20.0
LOOK = 0.0005
"""Seconds between two looks at the database."""

_EXISTS = re.compile(rb"^\* \d+ EXISTS\r$", re.MULTILINE)
_COUNT = "SELECT count(*) FROM activity_feed"


def run(count: int, rounds: int) -> bool:
    """Measure, print, and tell whether the target is met."""
    with Place() as place:
        say(f"{count} deliveries; {machine()}")
        firsts: list[float] = []
        later: list[float] = []
        for number in range(rounds):
            first, *others = _round(place, f"user{number}@lab.test", count)
            firsts.append(first)
            later += others
    say(row("the first, its parser not started", firsts, "ms"))
    say(row("notice to activity", later, "ms"))
    tails = ", ".join(f"{percentile(later, percent):.2f}" for percent in (90, 99))
    say(f"{'90 % and 99 % of them under':34} {tails} ms")
    return verdict([Target("from notice to activity, median", median(later), 25, "ms")])


def _round(place: Place, user: str, count: int) -> list[float]:
    """Milliseconds of each delivery to one mailbox."""
    place.server.add_user(user)
    place.server.deliver(user, mail.make(to=user))
    notices: list[float] = []

    def told(at: float, data: bytes) -> None:
        if _EXISTS.search(data):
            notices.append(at)

    with Tap(place.server.port_imap, told) as tap:
        home = place.home([user], plain_port=tap.port)
        with daemon(home), sqlite3.connect(home.database) as db:
            _until_idle(tap)
            return [_one(place, user, db, notices, number) for number in range(count)]


def _until_idle(tap: Tap) -> None:
    """Wait until the daemon listens for news."""
    deadline = monotonic() + WAIT
    while not any(b" IDLE\r\n" in said for said in tap.said):
        if monotonic() > deadline:
            raise AssertionError("the daemon does not listen")
        sleep(0.01)


def _one(
    place: Place, user: str, db: sqlite3.Connection, notices: list[float], number: int
) -> float:
    """Deliver one message of a contact; milliseconds from notice to activity."""
    before = db.execute(_COUNT).fetchone()[0]
    notices.clear()
    sender = mail.contact_address(number)
    place.server.deliver(user, mail.make(sender, user, subject=f"Number {number}"))
    seen = _committed(db, before)
    if len(notices) == 0 or notices[0] > seen:
        raise AssertionError("the notice was not seen")
    sleep(0.2)  # the daemon listens again
    return (seen - notices[0]) * 1000


def _committed(db: sqlite3.Connection, before: int) -> float:
    """Wait for one more activity; the time at which it was found."""
    deadline = monotonic() + WAIT
    version = -1
    while monotonic() < deadline:
        now = db.execute("PRAGMA data_version").fetchone()[0]
        if now != version:
            version = now
            if db.execute(_COUNT).fetchone()[0] > before:
                return monotonic()
        sleep(LOOK)
    raise AssertionError("no activity came of a delivery")


def test_delivery() -> None:
    """An activity is there 25 ms after the server's notice, in the median."""
    assert run(COUNT, ROUNDS)


if __name__ == "__main__":
    command(run, count=COUNT, rounds=ROUNDS, what=__doc__ or "")
