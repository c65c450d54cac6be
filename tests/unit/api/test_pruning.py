"""`eisd db prune` and the daemon's daily task: told first, done once a day, counted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from lab.mail import make

from eisd.daemon.upkeep import GRACE, Upkeep
from eisd.metrics import PRUNED
from eisd.store import retention

ADA, SALES = "ada@x.test", "sales@us.test"


async def aged(desk, **kept: str) -> None:
    """An old letter is on record; then the configuration says for how long mail is kept."""
    config = desk.config.read_text()
    desk.config.write_text(f'{config}window = "all"\n')
    await desk.configure()
    await desk.post("/contacts", {"contacts": [{"id": "1", "emails": [ADA]}]})
    letter = make(ADA, SALES, "Relic", date=datetime.now(UTC) - timedelta(days=90))
    desk.provider.deliver(letter, gate_at=datetime.now(UTC) - timedelta(days=90))
    assert await desk.core.once() == {"sales": None}
    keys = "".join(f'{key} = "{age}"\n' for key, age in kept.items())
    desk.config.write_text(f"{desk.config.read_text()}[retention]\n{keys}")
    await desk.configure()


async def count(desk) -> int:
    """How many activities there are."""
    return len((await desk.get("/activities"))["activities"])


async def test_it_is_told_first_and_done_then(desk, events):
    """A dry run changes nothing and counts what goes; the log and the metric count it as well."""
    await aged(desk, activities="2m")
    before = PRUNED.values()

    told = await desk.post("/db/prune", {"dry_run": True})
    assert await count(desk) == 1
    done = await desk.post("/db/prune", {})

    assert (told["dry_run"], done["dry_run"], told["keeps_all"]) == (True, False, False)
    assert told["pruned"] == done["pruned"]
    assert (done["pruned"]["activities"], await count(desk)) == (1, 0)
    [event] = [one for one in events if one["event"] == "db.history_pruned"]
    assert (event["activities"], event["level"]) == (1, "info")
    assert PRUNED.values()["activities",] == before.get(("activities",), 0) + 1


async def test_without_an_age_everything_is_kept(desk):
    """And whoever prunes by hand is told so."""
    await aged(desk)

    done = await desk.post("/db/prune", {})

    assert (done["keeps_all"], set(done["pruned"].values())) == (True, {0})
    assert await count(desk) == 1


async def test_the_daemon_does_it_once_a_day(desk):
    """Not within an hour of a setting; then, and again a day later, over restarts."""
    await aged(desk, activities="2m")
    upkeep = Upkeep(desk.core)

    assert not await upkeep.look(0.0)
    assert not await upkeep.look(GRACE - 1)
    assert await count(desk) == 1
    assert await upkeep.look(GRACE)
    assert await count(desk) == 0
    assert not await upkeep.look(GRACE + 1)

    later = Upkeep(desk.core)
    await later.look(0.0)
    assert not await later.look(GRACE)
    day_before = retention.now_ms() - 25 * 3_600_000
    await desk.core.store.write(
        lambda tx: tx.db.execute("UPDATE meta SET value = ? WHERE key = 'pruned_at'", (day_before,))
    )
    assert await later.look(GRACE)


async def test_a_slip_of_the_pen_can_be_taken_back(desk):
    """A setting that changes begins its hour anew, though the last pruning is long ago."""
    await aged(desk, outbox="1y")
    upkeep = Upkeep(desk.core)
    assert not await upkeep.look(0.0)
    text = await asyncio.to_thread(desk.config.read_text)
    await asyncio.to_thread(desk.config.write_text, f'{text}activities = "1d"\n')
    await desk.configure()

    assert not await upkeep.look(GRACE + 1)
    await asyncio.to_thread(desk.config.write_text, text)
    await desk.configure()
    assert not await upkeep.look(GRACE + 2)

    assert await upkeep.look(2 * GRACE + 2)
    assert await count(desk) == 1
