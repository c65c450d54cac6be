"""The IMAP session on servers that lack, forget, repeat and lie (RF17 to RF32)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from integration.driver.quirky import CAPABILITIES, INBOX, Quirks, uids_of
from lab.scripted import Talk

from eisd.driver.imap.position import Position
from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import ImapSession
from eisd.errors import CursorExpired, ProtocolError, Transient
from eisd.model.folder import Batch, Cursor, Window
from eisd.wire.imap_grammar import encode_name

OPEN = Window()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again without the pauses meant for lagging replicas."""
    monkeypatch.setattr("eisd.driver.imap.headers._PAUSES", (0.0, 0.01, 0.01))


async def scanned(quirks: Quirks, since: Cursor | Window = OPEN) -> list[Batch]:
    """Every batch of a scan in a session of its own."""
    async with quirks.session() as session:
        return [b async for b in session.scan(INBOX, since)]


@pytest.mark.parametrize(
    ("validity", "uidnext"), [(None, 0), (0, 0), (1, None), (None, None)], ids=str
)
async def test_a_server_may_lack_what_it_should_say(validity: int | None, uidnext: int | None):
    """Without UIDVALIDITY or UIDNEXT everything is listed, and so is what comes later."""
    quirks = Quirks([3, 5, 9], uidvalidity=validity, uidnext=uidnext)
    batches = await scanned(quirks)
    assert uids_of(batches) == [9, 5, 3]
    assert batches[-1].cursor.validity == (str(validity) if validity else "")
    quirks.uids.append(11)
    assert uids_of(await scanned(quirks, batches[-1].cursor)) == [11]


async def test_a_restored_backup_expires_the_cursor():
    """UIDNEXT that fell at an equal UIDVALIDITY means UIDs are given out a second time."""
    quirks = Quirks([1, 2, 3])
    cursor = (await scanned(quirks))[-1].cursor
    quirks.uids = [1, 2]
    with pytest.raises(CursorExpired):
        await scanned(quirks, cursor)


async def test_the_last_old_message_is_not_new():
    """``UID n:*`` answers the last message though its UID is below n."""
    quirks = Quirks([1, 2, 3], uidnext=None)
    cursor = (await scanned(quirks))[-1].cursor
    assert uids_of(await scanned(quirks, cursor)) == []


async def test_a_gap_below_uidnext_is_not_news_for_ever():
    """UIDNEXT may be far above the last message; a caught-up folder is quiet all the same."""
    quirks = Quirks([1, 2], uidnext=3)
    cursor = (await scanned(quirks))[-1].cursor
    quirks.uidnext = 50
    async with quirks.session() as session:
        assert await session.changed({INBOX: cursor})
        (moved,) = [b async for b in session.scan(INBOX, cursor)]
        assert not moved.copies
        assert not await session.changed({INBOX: moved.cursor})


async def test_answers_in_any_order_and_twice():
    """Answers are told apart by UID; unasked and repeated ones change nothing."""
    quirks = Quirks(list(range(1, 31)), shuffled=True)
    assert uids_of(await scanned(quirks)) == list(range(30, 0, -1))


async def test_what_is_not_answered_is_asked_again():
    """A UID that a lagging replica leaves out comes with its batch after all."""
    quirks = Quirks(list(range(1, 8)), shy={3: 2, 6: 1})
    assert uids_of(await scanned(quirks)) == [7, 6, 5, 4, 3, 2, 1]


async def test_what_is_never_answered_is_listed_without_header():
    """A position passes no copy that exists: the unreadable one is listed, with no header."""
    quirks = Quirks([1, 2, 3], silent={2})
    batches = await scanned(quirks)
    assert uids_of(batches) == [3, 2, 1]
    headers = {c.remote_id: c.header for b in batches for c in b.copies}
    assert headers["2"] == b""
    assert b"<1@q>" in headers["1"]


async def test_a_server_that_answers_nothing_is_in_trouble():
    """When no UID of many is answered, it is the server's trouble and not the messages'."""
    quirks = Quirks([1, 2, 3], silent={1, 2, 3})
    with pytest.raises(Transient):
        await scanned(quirks)


async def test_what_is_gone_is_passed_over():
    """A UID that was found and then expunged is neither waited for nor listed."""
    quirks = Quirks([1, 2, 3], shy={2: 1})
    async with quirks.session() as session:
        batches = []
        async for batch in session.scan(INBOX, OPEN):
            batches.append(batch)
            quirks.uids = [1, 3]
        assert uids_of(batches) == [3, 1]


@pytest.mark.parametrize("habit", ["headless", "nil"])
async def test_a_header_that_is_nil(habit: str):
    """A header that does not come by fields comes whole; one that never comes is empty."""
    quirks = Quirks([1, 2])
    getattr(quirks, habit).add(2)
    copies = [c for b in await scanned(quirks) for c in b.copies]
    header = copies[0].header
    assert header == (b"" if habit == "nil" else b"Message-ID: <2@q>\r\nSubject: nr 2\r\n\r\n")
    assert copies[0].gate_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


async def test_flags_are_spelt_as_the_rfc_does():
    """System flags have the RFC's letter case, keywords their own."""
    (copy,) = [c for b in await scanned(Quirks([1])) for c in b.copies]
    assert copy.flags == {"\\Seen", "custom"}


async def test_mail_announced_during_a_fetch_comes_next():
    """EXISTS in the middle of a backfill puts the new message before the rest of the past."""
    quirks = Quirks(list(range(1, 61)))
    async with quirks.session() as session:
        scan = session.scan(INBOX, OPEN)
        await anext(scan)
        quirks.during_fetch = [b"* 61 EXISTS\r\n"]
        quirks.uids.append(61)
        batches = [await anext(scan) for _ in range(3)]
        assert 61 in uids_of(batches)
        assert uids_of([*batches, *[b async for b in scan]]).count(61) == 1


async def test_a_flood_of_exists_is_one_search():
    """200,000 EXISTS are one look, not as many."""
    quirks = Quirks(list(range(1, 21)))
    quirks.during_fetch = [b"".join(b"* %d EXISTS\r\n" % n for n in range(200_000))]
    async with quirks.session(Sizes(5, 10, 1000)) as session:
        assert len(uids_of([b async for b in session.scan(INBOX, OPEN)])) == 20


async def test_a_sparse_million_is_listed_in_small_fetches():
    """No FETCH asks for UIDs that are not there, and none for more than a batch."""
    quirks = Quirks([n * 99_991 for n in range(1, 401)])
    assert len(uids_of(await scanned(quirks))) == 400
    assert all(set(asked) <= set(quirks.uids) for asked in quirks.asked)
    assert max(map(len, quirks.asked)) <= 10


async def test_remaining_counts_down_to_nothing():
    """What a batch says is still to list falls and ends at zero."""
    batches = await scanned(Quirks(list(range(1, 41))))
    counts = [b.remaining for b in batches if b.copies]
    assert counts == sorted(counts, reverse=True) == [35, 25, 15, 5, 0]


async def test_a_window_asks_for_its_day():
    """The floor comes from SEARCH SINCE, a day before the window's begin."""
    quirks = Quirks([1, 2, 3])
    async with quirks.server() as server:
        client = await server.client(folder=None)
        session = ImapSession(client, "h")
        since = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=1)
        [b async for b in session.scan(INBOX, Window(since=since))]
        client.abort()
        assert b"UID SEARCH SINCE 28-Feb-2026" in [line.partition(b" ")[2] for line in server.lines]


async def test_an_empty_list_is_a_fault():
    """A server that lists no folder is broken; nobody's folders are thereby deleted."""
    async with Quirks().session() as session:
        with pytest.raises(ProtocolError):
            await session.folders()


@pytest.mark.parametrize("words", [b"NO not now\r\n", b"BAD what\r\n"])
async def test_idle_that_is_only_advertised(words: bytes):
    """IDLE that is refused turns into polling, with the time that was asked for."""
    quirks = Quirks([1], refuses={"IDLE": words})
    async with quirks.session() as session:
        assert session.capabilities.push
        began = anyio.current_time()
        await session.wait(INBOX, 0.3)
        assert anyio.current_time() - began >= 0.3
        assert not session.capabilities.push


async def test_without_idle_a_wait_is_a_pause():
    """Without IDLE a wait lasts its time, or until a nudge."""
    quirks = Quirks([1], capabilities=CAPABILITIES.replace("IDLE ", ""))
    async with quirks.session() as session:
        assert not session.capabilities.push
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_nudge, session)
                await session.wait(INBOX, 60)


async def _nudge(session: object) -> None:
    await anyio.sleep(0.1)
    session.nudge()  # type: ignore[attr-defined]


async def test_what_came_while_another_folder_was_open_ends_the_wait():
    """Opening the folder to wait compares it with what was seen last."""
    quirks = Quirks([1])
    async with quirks.session() as session:
        other = INBOX.__class__("Other", "Other")
        [b async for b in session.scan(INBOX, OPEN)]
        [b async for b in session.scan(other, OPEN)]
        quirks.uids.append(2)
        with anyio.fail_after(5):
            await session.wait(INBOX, 60)


async def test_a_folder_opened_between_two_batches():
    """Somebody fetches from another folder amid a scan: the scan opens its own again."""
    quirks = Quirks(list(range(1, 31)))
    other = INBOX.__class__("Other", "Other")
    async with quirks.session() as session:
        batches = []
        async for batch in session.scan(INBOX, OPEN):
            batches.append(batch)
            assert [m.missing async for m in session.fetch(other, ["7"], limit=1 << 20)] == [False]
        assert uids_of(batches) == list(range(30, 0, -1))


async def test_rf22_a_body_that_never_comes_is_left_out():
    """A UID without an answer, or with NIL for a body, is missing only if it is not listed."""
    quirks = Quirks([1, 2, 3], silent={1}, nil={2})
    async with quirks.session() as session:
        ids = ["1", "2", "3", "4"]
        got = {m.remote_id: m async for m in session.fetch(INBOX, ids, limit=1 << 20)}
    assert {i: m.missing for i, m in got.items()} == {"3": False, "4": True}
    assert got["3"].rfc822.endswith(b"\r\n\r\nbody")


async def test_a_body_that_comes_late_is_not_missing():
    """A UID that is left out twice is there at the third time."""
    quirks = Quirks([1], shy={1: 2})
    async with quirks.session() as session:
        (message,) = [m async for m in session.fetch(INBOX, ["1"], limit=1 << 20)]
    assert not message.missing


NAMES = ["INBOX", *(f'Clients/{n} "&\\ {n}' for n in range(10_000))]


def quoted(name: str) -> str:
    """The name as a quoted string."""
    return '"' + encode_name(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("listed", [True, False], ids=["LIST-STATUS", "STATUS"])
async def test_ten_thousand_folders(listed: bool):
    """Thousands of oddly named folders are listed, and the one with news is found."""
    names = NAMES if listed else NAMES[:1000]
    busy = names[700]

    def status(wire: str) -> str:
        uidnext = 9 if wire == quoted(busy) else 1
        return f"* STATUS {wire} (MESSAGES 0 UIDNEXT {uidnext} UIDVALIDITY 1)\r\n"

    async def answer_list(talk: Talk) -> None:
        lines = [f'* LIST () "/" {quoted(n)}\r\n' for n in names]
        if b"STATUS" in talk.arguments:
            lines += [status(quoted(n)) for n in names]
        await talk.send("".join(lines).encode() + b"{tag} OK x\r\n")

    async def answer_status(talk: Talk) -> None:
        wire = talk.arguments.decode().partition(" (")[0]
        await talk.send(status(wire).encode() + b"{tag} OK x\r\n")

    quirks = Quirks(capabilities=CAPABILITIES + (" LIST-STATUS" if listed else ""))
    async with quirks.server() as server:
        server.replies |= {"LIST": answer_list, "STATUS": answer_status}
        client = await server.client(folder=None)
        session = ImapSession(client, "h")
        folders = await session.folders()
        assert [f.name for f in folders] == names
        cursor = Position.first(1, 1, 1).cursor()
        changed = await session.changed(dict.fromkeys(folders, cursor))
        assert [f.name for f in changed] == [busy]
        client.abort()
