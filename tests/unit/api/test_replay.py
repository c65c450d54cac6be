"""Today's policy over what is stored: the difference first, then a job that a kill cannot lose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lab.mail import make

from eisd.store import replay as store

ADA = {"id": "1", "name": "Ada", "emails": ["ada@customer.test"]}
MATCH = '[group]\nbulk = "match"\n'


def letter(subject: str, **headers: str) -> bytes:
    """A message of Ada's."""
    return make(
        "ada@customer.test", "sales@us.test", subject, message_id=f"<{subject}@x>", headers=headers
    )


async def filled(desk: Any) -> str:
    """Mail for Ada: one letter and two newsletters, an old one and a new one; the configuration."""
    now = datetime.now(UTC)
    await desk.post("/contacts", {"contacts": [ADA]})
    desk.provider.deliver(letter("plain"), gate_at=now)
    desk.provider.deliver(letter("new", Precedence="bulk"), gate_at=now)
    old = now - timedelta(days=20)
    desk.provider.deliver(letter("old", Precedence="bulk"), gate_at=old)
    await desk.core.once()
    return str(desk.config.read_text())


async def subjects(desk: Any) -> list[str]:
    """Of the activities on record."""
    return sorted(one["subject"] for one in (await desk.get("/activities"))["activities"])


async def test_the_difference_is_shown_and_then_made(desk):
    """A dry run tells by outcome what changes, with samples, and changes nothing; then it is so."""
    good = await filled(desk)
    assert not (await desk.post("/replay", {"dry_run": True}))["differs"]
    desk.config.write_text(good + MATCH)
    await desk.post("/reload")

    told = await desk.post("/replay", {"dry_run": True})

    change = {"before": "skipped:bulk", "after": "matched, to be fetched", "copies": 2}
    assert (told["copies"], told["differs"], told["changes"]) == (3, True, [change])
    assert {one["mailbox"] for one in told["samples"]} == {"sales"}
    assert await subjects(desk) == ["plain"]
    week = int((datetime.now(UTC) - timedelta(days=7)).timestamp() * 1000)
    some = await desk.post("/replay", {"dry_run": True, "since_ms": week, "mailbox": "sales"})
    assert [one["copies"] for one in some["changes"]] == [1]

    done = await desk.post("/replay", {})
    assert done == {"new_activities": 0, "to_fetch": 2, "looking": False}
    await desk.core.once()
    assert await subjects(desk) == ["new", "old", "plain"]


async def test_nothing_on_record_is_taken_away(desk):
    """What a stricter policy would not record is told, and stays."""
    good = await filled(desk)
    desk.config.write_text(good + MATCH)
    await desk.post("/reload")
    await desk.post("/replay", {})
    await desk.core.once()
    desk.config.write_text(good)
    await desk.post("/reload")

    told = await desk.post("/replay", {"dry_run": True})

    assert (told["differs"], told["changes"], told["new_activities"]) == (False, [], 0)
    assert told["kept"] == [{"today": "skipped:bulk", "copies": 2}]
    assert told["kept_activities"] == 2
    await desk.post("/replay", {})
    assert await subjects(desk) == ["new", "old", "plain"]


async def test_a_replay_goes_on_after_a_kill(desk, monkeypatch):
    """The job is a row with a position: another process does the rest, step by step."""
    monkeypatch.setattr(store, "STEP", 1)
    good = await filled(desk)
    desk.config.write_text(good + MATCH)
    await desk.post("/reload")
    write, read = desk.core.store.write, desk.core.store.read
    await write(lambda tx: store.enqueue(tx.db, store.span(tx.db, None, None)))
    await write(lambda tx: store.moved(tx.db, store.next_job(tx.db), 1))
    assert (await read(store.next_job)).position == 1
    left = "SELECT count(*) FROM copy WHERE id > 1 AND reason = 'bulk'"
    [(rest,)] = await read(lambda db: db.execute(left).fetchall())

    async with desk.open():  # as another process would
        done = await desk.core.look_back()
        assert await desk.core.store.read(store.next_job) is None

    assert done is not None
    assert done.pending == rest > 0


async def test_an_unknown_mailbox_is_refused(desk):
    """A mailbox that is not known is an error, not an empty answer."""
    refused = await desk.post("/replay", {"mailbox": "nobody"}, status=404)

    assert refused["exit_code"] == 67
