"""A million contacts: in, in memory, in the way of a message, changed, out, and given their past.

What is compared with a limit is measured in one run. Importing and exporting are the commands, in
processes of their own.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Target, command, machine, say, verdict
from bench.memory import MB, private
from eisd.config.load import load
from eisd.daemon.core import Core
from eisd.driver.registry import discover
from eisd.matcher.codec import pack
from eisd.matcher.facts import facts_of
from eisd.matcher.keys import Hasher, keys_of
from eisd.mime.headers import extract
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.contact import ContactIn
from eisd.model.facts import Facts
from eisd.model.folder import Folder, FolderRole
from eisd.model.mailbox import Box
from eisd.store import copies, folders
from eisd.store.contact_filter import load_filter
from eisd.store.copies import NewCopy
from eisd.store.database import Tx
from eisd.store.sql import Connection
from eisd.sync import people
from eisd.sync.rules import Rules
from eisd.sync.verdict import Book, Sight, judge

COUNT = 1_000_000
FEW = 1_000
MESSAGES = 100_000
"""Unmatched messages that a new contact's past is looked for in."""
HERS = 200
"""Of them, those that are the new contact's."""
DECIDED = 4_000
STRIDE = 10_000
"""Of so many rows one changes."""
CONFIG = """
version = 1
metrics.listen = []
[daemon]
state_dir = "state"
[api]
listen = ["unix:{0}/api.sock"]
[match]
new_address = "window"
[mailboxes.anna]
address = "anna@lab.test"
imap = {{ host = "127.0.0.1", password = {{ file = "secret" }} }}
"""


def lines(count: int, *, changed: bool = False) -> Iterator[str]:
    """The rows of a CSV file: three of ten contacts have two addresses."""
    yield "id,name,emails,workspace,kind,company\n"
    for n in range(count):
        emails = address(n) + (f";p{n}@home{n % 977}.example.org" if n % 10 < 3 else "")
        name = f"Person {n}" + (" again" if changed and n % STRIDE == 0 else "")
        yield f"{n},{name},{emails},default,lead,Company {n % 50_000}\n"


def address(number: int) -> str:
    """Somebody's address."""
    return f"person{number}@company{number % 50_000}.example.com"


class Home:
    """A configuration with one mailbox that nobody connects to, and a state folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        (root / "secret").write_text("secret")
        (root / "config.toml").write_text(CONFIG.format(root))

    def eisd(self, *words: str) -> float:
        """Run a command; return its seconds."""
        begin = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "eisd", "-c", str(self.root / "config.toml"), *words],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.monotonic() - begin

    def write(self, count: int, *, changed: bool = False) -> str:
        """Write the file of contacts; return its name."""
        file = self.root / "people.csv"
        with file.open("w") as out:
            out.writelines(lines(count, changed=changed))
        return str(file)

    async def core(self) -> Core:
        """Open it, as a command does that finds no daemon."""
        registry = discover()
        loaded = load(self.root / "config.toml", check_driver=registry.check)
        return await Core.open(loaded, registry)


def facts(hasher: Hasher, number: int, author: str) -> Facts:
    """What is kept of a message."""
    header = (
        f"From: {author}\r\nTo: anna@lab.test\r\nCc: c{number % 977}@cc.example\r\n"
        f"Subject: n{number}\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        f"Message-ID: <{number}@bench.example>\r\n\r\n"
    )
    gate_at = int(time.time() * 1000)
    return facts_of(extract(header.encode()), gate_at_ms=gate_at, hasher=hasher, keep_text=False)


def loading(db: Connection) -> tuple[int, float, float]:
    """How many hashes the book's filter holds, its seconds to load, and its megabytes."""
    before, begin = private(os.getpid()), time.monotonic()
    made = load_filter(db)
    return len(made), time.monotonic() - begin, (private(os.getpid()) - before) / MB


def deciding(db: Connection, rules: Rules, count: int) -> float:
    """Microseconds of CPU a message among so many contacts; one message of 20 is a contact's."""
    book = Book.read(db, with_filter=True)
    asked = [
        facts(rules.hasher, n, f"s{n}@far.example" if n % 20 else address(n * 7919 % count))
        for n in range(DECIDED)
    ]
    least = float("inf")
    for _ in range(7):
        begin = time.process_time()
        for one in asked:
            sight = Sight(1, one.gate_at, Box.RECEIVED, live=True)
            judge(rules, book, one, [sight], known=book.may_know(keys_of(one)))
        least = min(least, time.process_time() - begin)
    return least / len(asked) * 1e6


def strangers(tx: Tx, hasher: Hasher) -> None:
    """Record unmatched messages, some of them by one author."""
    every = MESSAGES // HERS
    [row] = folders.put(tx.db, 1, [(Folder("INBOX", "INBOX", FolderRole.INBOX), "")])
    for at in range(0, MESSAGES, 5_000):
        batch = []
        for n in range(at, at + 5_000):
            author = f"s{n}@far.example" if n % every else "late@customer.example"
            one = facts(hasher, n, author)
            batch.append(_unmatched(n, one))
        copies.insert(tx.db, row.id, "1", batch)


def _unmatched(number: int, one: Facts) -> NewCopy:
    return NewCopy(
        remote_id=str(number + 1),
        id_key=one.id_key,
        variant=0,
        gate_at=one.gate_at,
        size=1,
        box=Box.RECEIVED,
        live=True,
        seen=False,
        answered=False,
        flagged=False,
        held=OutcomeReason.NONE,
        outcome=Outcome.UNMATCHED,
        reason=OutcomeReason.NO_CONTACT,
        facts=pack(one),
        message_id=0,
        parent=0,
    )


async def history(core: Core) -> tuple[float, int]:
    """Seconds from adding a contact until its past waits to be fetched, and how much that is."""
    await core.store.write(lambda tx: strangers(tx, core.hasher))
    rules, given = core.rules(), people.address_in(core.hasher, "late@customer.example", "fold")
    late = ContactIn("default", "late", "Late", "", "", (given,))
    begin = time.monotonic()
    await core.store.write(lambda tx: people.add(tx, rules, late))
    settled = await core.look_back()
    return time.monotonic() - begin, settled.pending if settled else 0


async def inside(home: Home, count: int) -> tuple[tuple[int, float, float], float]:
    """What the book costs, in memory and for a message."""
    core = await home.core()
    try:
        book = await core.store.read(loading)
        return book, await core.store.read(lambda db: deciding(db, core.rules(), count))
    finally:
        await core.close()


async def past(home: Home) -> tuple[float, int]:
    """`history`, with a core of its own."""
    core = await home.core()
    try:
        return await history(core)
    finally:
        await core.close()


def run(count: int, rounds: int) -> bool:
    """Measure, print, and tell whether the targets are met."""
    del rounds
    say(f"{count} contacts; {machine()}")
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        small, large = Home(Path(folder) / "small"), Home(Path(folder) / "large")
        small.eisd("contacts", "import", small.write(FEW))
        _, least = asyncio.run(inside(small, FEW))
        took = large.eisd("contacts", "import", large.write(count))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        say(f"import: {took:.1f} s ({cpu:.1f} s of CPU), at most {peak:.0f} MB in that process")
        book, cost = asyncio.run(inside(large, count))
        say(f"the book: {book[0]} hashes in {book[1]:.2f} s and {book[2]:.1f} MB")
        say(f"a message: {least:.1f} us among {FEW} contacts, {cost:.1f} us among {count}")
        took = large.eisd("contacts", "import", large.write(count, changed=True))
        say(f"a file with one row of {STRIDE} changed: {took:.1f} s")
        say(f"export: {large.eisd('contacts', 'export'):.1f} s")
        seconds, found = asyncio.run(past(large))
        say(f"a contact's past: {found} of {MESSAGES} messages in {seconds:.2f} s")
    return verdict(targets(count, book, cost / least, seconds, found))


def targets(
    count: int, book: tuple[int, float, float], ratio: float, seconds: float, found: int
) -> Sequence[Target]:
    """What must hold."""
    return [
        Target(f"{count} contacts are loaded", book[1], 20, "s"),
        Target("and add to the daemon", book[2], 60, "MB"),
        Target(f"a message among {count} contacts, to one among {FEW}", ratio, 1.5, "times"),
        Target("a new contact has its past, but for fetching", seconds, 5, "s"),
        Target("all of it", found, HERS, "messages", at_least=True),
    ]


def test_contacts() -> None:
    """A tenth of it: the book, the way of a message, and the past, within their limits."""
    assert run(COUNT // 10, 1)


if __name__ == "__main__":
    command(run, count=COUNT, rounds=1, what=__doc__ or "")
