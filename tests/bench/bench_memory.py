"""Private memory of the daemon: with many idle mailboxes, and with a very large message.

Private means held by this process alone (/proc/PID/smaps_rollup): libraries that are mapped
from files count where they were written to. The parser's worker is a process of its own; what it
holds is told apart.
"""

from __future__ import annotations

import base64
import random
import sqlite3
from collections.abc import Sequence
from statistics import median
from time import monotonic, sleep

from lab import mail
from lab.dovecot import Options

from bench.figures import Target, command, machine, row, say, verdict
from bench.memory import MB, Peak, private, settled
from bench.place import Home, Place, daemon

COUNT = 100
ROUNDS = 3
SIZE = 25_000_000
WAIT = 120.0

_IDLE = "SELECT count(*) FROM mailbox_status WHERE state = 'idle'"
_ACTIVITIES = "SELECT count(*) FROM activity_feed"
_EXTRA = """
service imap-login {
  process_min_avail = 1
  service_count = 0
  client_limit = 1000
}
service imap {
  process_limit = 1000
}
default_client_limit = 5000
"""
"""A login process for all, since TLS stays with it; else Dovecot has one for each connection."""


def run(count: int, rounds: int) -> bool:
    """Measure, print, and tell whether the targets are met."""
    added: list[float] = []
    rises: dict[str, list[float]] = {}
    with Place(Options(max_userip_connections=1000, extra=_EXTRA)) as place:
        say(f"{count} mailboxes, a message of {SIZE / MB:.0f} MB; {machine()}")
        users = [place.server.add_user(f"user{number}@lab.test") for number in range(count + 1)]
        for user in users:
            place.server.deliver(user, mail.make(to=user))
        for _ in range(rounds):
            few, many = _idle(place, users[:1]), _idle(place, users)
            say(f"  1 idle mailbox: {few:.1f} MB, {count + 1}: {many:.1f} MB")
            added.append(many - few)
        for name, rfc822 in (("an attachment", _attachment()), ("text", _text())):
            for _ in range(rounds):
                own, worker = _large(place, rfc822)
                rises.setdefault(f"of {name}: the daemon", []).append(own)
                rises.setdefault(f"of {name}: its parser", []).append(worker)
    say(row(f"{count} more idle mailboxes add", added, "MB"))
    for name, seen in rises.items():
        say(row(f"25 MB {name}", seen, "MB"))
    daemons = [max(seen) for name, seen in rises.items() if "daemon" in name]
    return verdict(
        [
            Target(f"{count} idle mailboxes add", median(added), 20, "MB"),
            Target("a message of 25 MB raises the daemon's memory by", max(daemons), 100, "MB"),
        ]
    )


def _idle(place: Place, users: Sequence[str]) -> float:
    """Megabytes of a daemon whose mailboxes have been idle for a while."""
    home = place.home(users)
    with daemon(home) as pid:
        _until(home, _IDLE, len(users))
        held = settled(pid)
    home.remove()
    return held / MB


def _until(home: Home, question: str, wanted: int) -> None:
    """Wait until the database gives this number."""
    deadline = monotonic() + WAIT
    db = sqlite3.connect(home.database)
    try:
        while (found := db.execute(question).fetchone()[0]) < wanted:
            if monotonic() > deadline:
                log = (home.root / "daemon.log").read_text()[-2000:]
                raise AssertionError(f"{question}: {found}, not {wanted}\n{log}")
            sleep(0.02)
    finally:
        db.close()


def _large(place: Place, rfc822: bytes) -> tuple[float, float]:
    """Megabytes by which a large message raises the daemon, and what its workers hold at most."""
    user = place.server.add_user(f"large{monotonic():.6f}@lab.test")
    home = place.home([user])
    with daemon(home) as pid:
        _until(home, _IDLE, 1)
        place.server.deliver(user, mail.make(mail.contact_address(1), user))
        _until(home, _ACTIVITIES, 1)
        before = settled(pid)
        with Peak(pid) as peak:
            place.server.deliver(user, rfc822)
            _until(home, _ACTIVITIES, 2)
            sleep(1)
        peak.own = max(peak.own, private(pid))
    home.remove()
    return (peak.own - before) / MB, peak.workers / MB


def _attachment() -> bytes:
    """A message whose attachment is nearly all of it."""
    content = random.Random(1).randbytes(SIZE * 3 // 4)  # noqa: S311 - not a secret
    return mail.make(mail.contact_address(2), attachments={"large.bin": content})


def _text() -> bytes:
    """A message that is one text part, base64 throughout."""
    body = base64.encodebytes(("Grüße aus dem Büro, and more. " * 40 + "\n").encode() * 16_000)
    lines = body.replace(b"\n", b"\r\n")[: SIZE // 78 * 78]
    head = mail.make(mail.contact_address(3), headers={"X-Large": "yes"}).partition(b"\r\n\r\n")[0]
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-")]
    kept += [b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: base64"]
    return b"\r\n".join(kept) + b"\r\n\r\n" + lines


def test_memory() -> None:
    """100 idle mailboxes add less than 20 MB, a message of 25 MB less than 100 MB."""
    assert run(COUNT, ROUNDS)


if __name__ == "__main__":
    command(run, count=COUNT, rounds=ROUNDS, what=__doc__ or "")
