"""Live events: in order, none twice, bounded, and honest about what was missed."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from eisd import events as catalogue
from eisd import logs
from eisd.api import stream as module
from eisd.api.stream import Stream, Wants
from eisd.errors import UserError
from eisd.events import Level

ALL = Wants()


def record(number, *, event="sync.completed", level="info", **more):
    """An event as the log makes them."""
    return {"ts": f"t{number}", "level": level, "event": event, "n": number, **more}


async def taken(stream, count, *, wants=ALL, after=None):
    """The first so many items of a follower."""
    found = []
    async with asyncio.timeout(10), aclosing(stream.follow(wants, after)) as items:
        async for item in items:
            found.append(item)
            if len(found) == count:
                break
    return found


async def test_a_follower_gets_what_comes_from_any_thread():
    """Events put by another thread arrive in their order, and nothing that was before."""
    stream = Stream()
    stream.put(record(0))
    following = asyncio.create_task(taken(stream, 3))
    while not stream._followers:  # noqa: ASYNC110  it rings no bell
        await asyncio.sleep(0)

    await asyncio.to_thread(lambda: [stream.put(record(n)) for n in (1, 2, 3)])

    assert [item.record["n"] for item in await following] == [1, 2, 3]


async def test_whoever_comes_back_goes_on_where_it_was():
    """After an id come all since that one, each once."""
    stream = Stream()
    for number in range(5):
        stream.put(record(number))
    ids = [item.id for item in stream.recent(ALL, 10)]

    again = await taken(stream, 3, after=ids[1])

    assert [item.record["n"] for item in again] == [2, 3, 4]


async def test_what_is_no_longer_kept_is_owned_up_to(monkeypatch):
    """The buffer is bounded; a follower that comes back too late is told how many are gone."""
    monkeypatch.setattr(module, "KEPT", 3)
    stream = Stream()
    stream.put(record(0))
    [first] = stream.recent(ALL, 1)
    for number in range(1, 10):
        stream.put(record(number))

    gap, *rest = await taken(stream, 4, after=first.id)

    assert (gap.record, gap.lost) == (None, 6)
    assert [item.record["n"] for item in rest] == [7, 8, 9]


async def test_an_id_of_another_run_is_known_as_such():
    """After a restart everything kept is given, and that some may be missed is said."""
    old, new = Stream(), Stream()
    new._start = "other"
    old.put(record(0))
    new.put(record(1))

    gap, item = await taken(new, 2, after=old.recent(ALL, 1)[0].id)

    assert (gap.lost, item.record["n"]) == (-1, 1)


async def test_only_what_is_wanted():
    """By mailbox, by the begin of the name, by level."""
    stream = Stream()
    stream.put(record(1, mailbox="sales"))
    stream.put(record(2, mailbox="sales", event="match.activity_created"))
    stream.put(record(3, mailbox="support", level="error"))

    def numbers(wants):
        return [item.record["n"] for item in stream.recent(wants, 10)]

    assert numbers(Wants(mailbox="sales")) == [1, 2]
    assert numbers(Wants(area="match.")) == [2]
    assert numbers(Wants(level=Level.WARNING)) == [3]
    assert [item.record["n"] for item in stream.recent(ALL, 2)] == [2, 3]


async def test_followers_are_bounded(monkeypatch):
    """One too many is refused, and its place is free again when another leaves."""
    monkeypatch.setattr(module, "FOLLOWERS", 1)
    stream = Stream()
    first = asyncio.create_task(taken(stream, 1))
    while not stream._followers:  # noqa: ASYNC110  it rings no bell
        await asyncio.sleep(0)

    with pytest.raises(UserError, match="follow the events already"):
        await taken(stream, 1)
    stream.put(record(1))
    await first

    assert not stream._followers


async def test_silence_is_told_and_the_end_ends(monkeypatch):
    """A follower hears that the stream lives; closing lets it end."""
    monkeypatch.setattr(module, "ALIVE", 0.01)
    stream = Stream()

    [alive] = await taken(stream, 1)
    stream.close()

    assert (alive.record, alive.lost) == (None, 0)
    assert [item async for item in stream.follow(ALL, None)] == []


def test_a_mailboxs_troubles_are_kept_and_folded():
    """The last ten warnings and errors, the newest first; repetitions count in one."""
    stream = Stream()
    stream.put(record(0, mailbox="sales"))
    for number in range(3):
        stream.put(record(number, mailbox="sales", level="warning", event="imap.disconnected"))
    stream.put(record(9, mailbox="sales", level="error", event="auth.refused"))

    newest, older = stream.troubles("sales")

    assert (newest["event"], newest["times"]) == ("auth.refused", 1)
    assert (older["event"], older["times"], older["first_at"]) == ("imap.disconnected", 3, "t0")
    for number in range(30):
        stream.put(
            record(number, mailbox="sales", level="error", event="task.crashed", folder=number)
        )
    assert len(stream.troubles("sales")) == 10
    assert stream.troubles("support") == []


async def test_over_http_events_are_redacted_and_framed(desk):
    """The API speaks text/event-stream; addresses and secrets are masked as in the log."""
    untap = logs.tap(desk.core.stream.put)
    try:
        logs.emit(
            catalogue.IMAP_DISCONNECTED,
            mailbox="sales",
            reason="ada@customer.test said password=hunter2",
        )
        logs.emit(catalogue.SYNC_COMPLETED, n=1)  # debug: not on the stream
    finally:
        untap()

    reply = await desk.http.get("/v1/events", params={"last": 10, "follow": "false"})

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "ada@" not in reply.text
    assert "hunter2" not in reply.text
    [frame] = [one for one in reply.text.split("\n\n") if one.startswith("id: ")]
    lines = frame.splitlines()
    assert lines[1] == "event: imap.disconnected"
    assert json.loads(lines[2].removeprefix("data: "))["mailbox"] == "sales"


@pytest.mark.parametrize("params", [{"level": "loud"}, {"event": "nothing.such"}, {"last": -1}])
async def test_a_stream_that_makes_no_sense_is_refused(desk, params):
    """A level or an event that is not known never becomes an empty stream."""
    reply = await desk.http.get("/v1/events", params=params)

    assert 400 <= reply.status_code < 500
