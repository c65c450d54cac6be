"""First sync of a mailbox over TLS: eisd, mbsync and a bare socket, one after another.

Each run gets a fresh copy of the same mailbox. *Warm*: the server's cache has the header fields,
as in a mailbox that is read every day, so that what is measured is the client. *Cold*: it has
none, and for whoever asks it opens and parses every message first.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from time import monotonic

from lab import mail
from lab.dovecot import PASSWORD

from bench import bare
from bench.figures import Target, command, machine, row, say, verdict
from bench.place import HAS_RUN, Home, Place, environment, run_command
from bench.tap import Tap

COUNT = 20_000
ROUNDS = 3

BARE = "bare TLS sockets"
INSIDE = "eisd, connect to last commit"
CPU = "eisd, CPU of that"
WHOLE = "eisd run --once" if HAS_RUN else "eisd, the process"
MBSYNC = "mbsync"
LAZY = "mbsync, FSync no"

_RECORDED = "SELECT (SELECT count(*) FROM copy), (SELECT count(*) FROM activity_feed)"

MBSYNCRC = """
FSync {fsync}
IMAPAccount server
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
AuthMechs PLAIN
CertificateFile {ca}

IMAPStore far
Account server

MaildirStore near
Path {root}/mail/
Inbox {root}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Sync Pull
Create Near
SyncState *
"""


def run(count: int, rounds: int, *, warm: bool = True) -> bool:
    """Measure, print, and tell whether the targets are met."""
    times: dict[str, list[float]] = {}
    octets = 0

    def note(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)
        say(f"  {name}: {seconds:.2f} s")

    with Place() as place:
        matched = _seed(place, count)
        scripts = _record(place, count, matched, warm=warm)
        kind = "warm" if warm else "cold"
        say(f"first sync, {kind}, of {count} messages, {matched} matching; {machine()}")
        for _ in range(rounds):
            seconds, octets = _bare(place, scripts)
            note(BARE, seconds)
            inside, cpu = _inside(place, count, matched)
            note(INSIDE, inside)
            note(CPU, cpu)
            note(WHOLE, _process(place, count, matched))
            note(MBSYNC, _mbsync(place, count, fsync=True))
            note(LAZY, _mbsync(place, count, fsync=False))
    say(f"\n{len(scripts)} connections, {octets / 1e6:.0f} MB to read")
    for name, seen in times.items():
        say(row(name, seen, "s"))
    return verdict(_targets(times, warm=warm))


def _targets(times: Mapping[str, Sequence[float]], *, warm: bool) -> list[Target]:
    """Whole processes are compared with each other, and connections with connections.

    Cold, there is nothing to ask of mbsync's ratio: the server's own work, which all three wait
    for, is most of what mbsync takes.
    """
    faster = [b / a for a, b in zip(times[WHOLE], times[MBSYNC], strict=True)]
    slower = [b / a for a, b in zip(times[BARE], times[INSIDE], strict=True)]
    targets = [Target("times the wall time of a bare socket", median(slower), 4, "x")]
    if warm:
        targets.append(Target("times faster than mbsync", median(faster), 5, "x", at_least=True))
    return targets


def _seed(place: Place, count: int) -> int:
    """Fill the mailbox that all runs copy; return how many of its messages match."""
    samples = list(mail.corpus(count, newest=datetime.now(UTC), days=28))
    place.server.add_user(mail.OWNER)
    place.server.bulk(mail.OWNER, "INBOX", ((one.rfc822, one.when) for one in samples))
    return sum(bool(one.contact) for one in samples)


@contextmanager
def _twin(place: Place) -> Iterator[str]:
    """A copy of the mailbox that nobody has looked at."""
    user = place.twin(mail.OWNER, f"twin{monotonic():.6f}@lab.test")
    subprocess.run(["sync"], check=True)  # what others wrote is not this run's business
    yield user
    place.forget(user)


def _record(place: Place, count: int, matched: int, *, warm: bool) -> list[bytes]:
    """Let eisd sync once in plain text; return what each of its connections said."""
    user = mail.OWNER if warm else place.twin(mail.OWNER, "recorded@lab.test")
    with Tap(place.server.port_imap) as tap:
        home = place.home([user], address=mail.OWNER, plain_port=tap.port)
        home.child("once")
        _check(home, count, matched)
        return [bytes(one) for one in tap.said]


def _check(home: Home, count: int, matched: int) -> None:
    """Make sure that the work was done, before its time is believed."""
    db = sqlite3.connect(home.database)
    found = db.execute(_RECORDED).fetchone()
    db.close()
    if found != (count, matched):
        raise AssertionError(f"copies and activities: {found}, not {(count, matched)}")


def _bare(place: Place, scripts: Sequence[bytes]) -> tuple[float, int]:
    with _twin(place) as user:
        mine = [_as_user(script, user) for script in scripts]
        return bare.read(place.certs.client_context(), place.server.port_imaps, mine)


def _as_user(script: bytes, user: str) -> bytes:
    """Put other credentials into a recorded AUTHENTICATE PLAIN (RFC 4959: at once)."""
    packed = b64encode(f"\0{user}\0{PASSWORD}".encode())
    return re.sub(rb"(AUTHENTICATE PLAIN) \S+", rb"\1 " + packed, script)


def _inside(place: Place, count: int, matched: int) -> tuple[float, float]:
    """Seconds from connecting to the last commit, and of CPU meanwhile."""
    with _twin(place) as user:
        home = place.home([user], address=mail.OWNER)
        done = home.child("once")
        _check(home, count, matched)
        home.remove()
    return done["seconds"], done["cpu"]


def _process(place: Place, count: int, matched: int) -> float:
    """Seconds from the start of the process to its end."""
    with _twin(place) as user:
        home = place.home([user], address=mail.OWNER)
        seconds = _timed(run_command(home, "--once"))
        _check(home, count, matched)
        home.remove()
    return seconds


def _mbsync(place: Place, count: int, *, fsync: bool) -> float:
    """Seconds of mbsync into an empty Maildir."""
    root = place.root / f"maildir{monotonic():.6f}"
    (root / "mail").mkdir(parents=True)
    with _twin(place) as user:
        config = root / "mbsyncrc"
        config.write_text(
            MBSYNCRC.format(
                port=place.server.port_imaps,
                user=user,
                password=PASSWORD,
                ca=place.certs.ca_file,
                root=root,
                fsync="yes" if fsync else "no",
            )
        )
        seconds = _timed(["mbsync", "-q", "-c", str(config), "all"])
    fetched = sum(1 for one in (root / "mail" / "INBOX").glob("*/*") if one.is_file())
    if fetched != count:
        raise AssertionError(f"mbsync fetched {fetched} of {count}")
    shutil.rmtree(root)
    return seconds


def _timed(arguments: list[str]) -> float:
    began = monotonic()
    done = subprocess.run(arguments, env=environment(), capture_output=True, check=False)
    seconds = monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{arguments[0]}: {done.stderr.decode()[-4000:]}")
    return seconds


def test_first_sync() -> None:
    """A first sync is 5 times faster than mbsync, and 4 times slower than a bare socket at most."""
    assert run(COUNT, ROUNDS)


def test_first_sync_cold() -> None:
    """While the server fills its cache, eisd takes 4 times as long as a bare socket at most."""
    assert run(COUNT, ROUNDS, warm=False)


def main(count: int, rounds: int) -> bool:
    """Measure both."""
    return all([run(count, rounds), run(count, rounds, warm=False)])


if __name__ == "__main__":
    command(main, count=COUNT, rounds=ROUNDS, what=__doc__ or "")
