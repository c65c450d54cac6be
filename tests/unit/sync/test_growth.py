"""What a batch costs does not grow with what is on record: counted in SQL, not in seconds."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from lab.world import World, ago

from eisd.store import copies
from eisd.sync import engine
from eisd.sync.loop import Life

COPIES = 20_000
HEADER = (
    "From: {author}\r\nTo: anna@lab.test\r\nSubject: n{n}\r\nMessage-ID: <{n}@x.test>\r\n"
    "Date: Mon, 3 Nov 2025 10:00:00 +0000\r\n\r\n"
)


class Meter:
    """Counts the statements, and the steps of SQLite's machine, of each batch recorded."""

    def __init__(self, here: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements: list[int] = []
        self.steps: list[int] = []
        self._counted = [0, 0]
        db = here.store._db
        db.set_trace_callback(self._statement)
        db.set_progress_handler(self._step, 100)
        real = engine.record

        def metered(*args: object) -> object:
            before = list(self._counted)
            done = real(*args)  # type: ignore[arg-type]
            if done.copies:
                self.statements.append(self._counted[0] - before[0])
                self.steps.append(self._counted[1] - before[1])
            return done

        monkeypatch.setattr(engine, "record", metered)

    def _statement(self, _sql: str) -> None:
        self._counted[0] += 1

    def _step(self) -> int:
        self._counted[1] += 100
        return 0


def flat(counts: list[int]) -> bool:
    """Whether the last tenth costs about what the first one does."""
    tenth = len(counts) // 10
    first, last = sum(counts[1 : tenth + 1]), sum(counts[-tenth - 1 : -1])
    return last <= 1.6 * first + tenth


@pytest.mark.timeout(120)
@pytest.mark.parametrize("known", [0, 5], ids=["strangers", "every fifth a contact"])
async def test_a_batch_costs_the_same_at_the_end(
    here: World, monkeypatch: pytest.MonkeyPatch, known: int
):
    """Twenty thousand copies in one folder: the last batch is as cheap as the first."""
    anna = await here.mailbox()
    anna.provider.batch_size = 500
    await here.contact("c1", "ada@x.test")
    newest = datetime.now(UTC)
    for n in range(COPIES):
        author = "ada@x.test" if known and n % known == 0 else f"p{n % 997}@far.test"
        anna.put(
            HEADER.format(author=author, n=n).encode(),
            at=newest - timedelta(minutes=COPIES - n),
        )
    meter = Meter(here, monkeypatch)
    mailbox = here.start()
    life = Life(mailbox)

    async def nothing() -> None:
        return

    monkeypatch.setattr(life._lane, "run", nothing)  # the listing alone is metered
    monkeypatch.setattr(life._lane, "live", lambda _session: nothing())
    monkeypatch.setattr(life._lane, "drain", lambda _session: nothing())
    await life.once()

    ((recorded,),) = await here.rows("SELECT count(*) FROM copy")
    assert recorded == COPIES
    assert len(meter.statements) == COPIES // 500
    assert flat(meter.statements)
    assert flat(meter.steps)
    if not known:  # one statement a copy, and a few for the batch
        assert max(meter.statements) < 500 + 40


async def test_identical_mail_is_linear_within_a_batch(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    """A folder full of one message is read once a batch, not once a copy."""
    anna = await here.mailbox()
    anna.provider.batch_size = 400
    await here.contact("c1", "ada@x.test")
    for _ in range(400):
        anna.deliver("ada@x.test", message_id="<same@x>", subject="s", at=ago(hours=5))
    asked: list[int] = []
    real = copies.by_identity

    def counted(db: sqlite3.Connection, id_keys: list[bytes]) -> object:
        found = real(db, id_keys)
        asked.append(len(found))
        return found

    monkeypatch.setattr(copies, "by_identity", counted)
    await here.sync()

    assert len(await here.activities()) == 1
    assert len(asked) < 20


async def test_the_loop_is_free_while_a_batch_is_read(here: World):
    """Headers are read in a thread, and other mailboxes get their turns."""
    anna = await here.mailbox()
    anna.provider.batch_size = 500
    for n in range(2_000):
        anna.put(HEADER.format(author="eve@far.test", n=n).encode(), at=ago(minutes=n + 1))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await here.sync()
    ticking.cancel()

    assert ticks > 20
