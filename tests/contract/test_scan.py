"""What a scan promises: nothing lost, nothing twice, newest first, live mail never waits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from contract.harness import (
    NOON,
    Provider,
    caught_up,
    fill,
    folder_named,
    ids_of,
    mail,
    scan_all,
)

from eisd.errors import CursorExpired, FolderGone
from eisd.model.folder import Batch, Window


async def test_lists_everything_once_newest_first(provider: Provider):
    """A scan from an open window lists each copy once, the newest first."""
    ids = await fill(provider, 23)
    async with provider.session() as session:
        batches = await scan_all(session)
    assert ids_of(batches) == ids[::-1]
    assert not batches[-1].cursor.backfilling
    assert len([b for b in batches if b.copies]) > 1


async def test_facts_of_a_copy(provider: Provider):
    """A listed copy has its receive time, size, flags and the bytes of its header."""
    rfc822 = mail("facts@people.test", subject="Fakten")
    await provider.deliver(rfc822, gate_at=NOON)
    async with provider.session() as session:
        (copy,) = [c for b in await scan_all(session) for c in b.copies]
    assert copy.gate_at == NOON
    assert copy.size == len(rfc822)
    assert "\\Seen" not in copy.flags
    assert b"Subject: Fakten\r\n" in copy.header
    assert not copy.live


async def test_what_a_server_says_of_the_author_is_listed(provider: Provider):
    """A header block has Authentication-Results, unless it is told that nobody reads it."""
    said = b"Authentication-Results: mx.people.test; dmarc=pass header.from=people.test\r\n"
    await provider.deliver(said + mail("vouched@people.test"), gate_at=NOON)
    async with provider.session() as session:
        (copy,) = [c for b in await scan_all(session) for c in b.copies]
        inbox = await folder_named(session)
        batches = [b async for b in session.scan(inbox, Window(), authentication=False)]
    (other,) = [c for b in batches for c in b.copies]
    assert said in copy.header
    assert other.header in {copy.header, copy.header.replace(said, b"")}


async def test_listing_leaves_no_trace(provider: Provider):
    """Scanning and fetching never mark a message as read."""
    await provider.deliver(mail("unread@people.test"), gate_at=NOON)
    async with provider.session() as session:
        (copy,) = [c for b in await scan_all(session) for c in b.copies]
        inbox = await folder_named(session)
        assert [m async for m in session.fetch(inbox, [copy.remote_id], limit=1 << 20)]
    async with provider.session() as session:
        (again,) = [c for b in await scan_all(session) for c in b.copies]
    assert "\\Seen" not in again.flags


async def test_first_batch_fixes_the_live_position(provider: Provider):
    """What arrives after the first batch is live to a scan from its cursor."""
    old = await fill(provider, 3)
    async with provider.session() as session:
        inbox = await folder_named(session)
        scan = session.scan(inbox, Window())
        first = await anext(scan)
        await scan.aclose()
        assert not first.copies
    await provider.deliver(mail("new@people.test"))
    async with provider.session() as session:
        copies = [c for b in await scan_all(session, first.cursor) for c in b.copies]
    assert [c.live for c in copies] == [True, False, False, False]
    assert ids_of([Batch(copies, first.cursor)]) == ["new@people.test", *old[::-1]]


@pytest.mark.parametrize("stop", range(5))
async def test_stopping_after_any_batch_loses_nothing(provider: Provider, stop: int):
    """A scan resumed from any batch's cursor, in another session, completes the first exactly."""
    ids = await fill(provider, 23)
    seen: list[Batch] = []
    async with provider.session() as session:
        inbox = await folder_named(session)
        async for batch in session.scan(inbox, Window()):
            seen.append(batch)
            if len(seen) > stop:
                break
    async with provider.session() as session:
        rest = await scan_all(session, seen[-1].cursor)
    assert sorted(ids_of(seen) + ids_of(rest)) == sorted(ids)


@pytest.mark.parametrize("stop", range(3))
async def test_stopping_amid_new_mail_loses_nothing(provider: Provider, stop: int):
    """After an outage much is new: a scan that stops in the middle of it resumes there."""
    await fill(provider, 2)
    async with provider.session() as session:
        cursor = await caught_up(session)
    new = await fill(provider, 35)
    seen: list[Batch] = []
    async with provider.session() as session:
        inbox = await folder_named(session)
        async for batch in session.scan(inbox, cursor):
            seen.append(batch)
            if len(seen) > stop:
                break
    async with provider.session() as session:
        assert ids_of(seen) + ids_of(await scan_all(session, seen[-1].cursor)) == new


async def test_a_dropped_scan_leaves_the_session_usable(provider: Provider):
    """After a scan was left in the middle, the same session can scan, list and fetch."""
    ids = await fill(provider, 40)
    async with provider.session() as session:
        inbox = await folder_named(session)
        scan = session.scan(inbox, Window())
        first = [await anext(scan), await anext(scan)]
        await scan.aclose()
        rest = await scan_all(session, first[-1].cursor)
        assert sorted(ids_of(first) + ids_of(rest)) == sorted(ids)


async def test_new_mail_is_listed_once_and_live(provider: Provider):
    """After catching up a scan lists exactly what came since, oldest first."""
    await fill(provider, 3)
    async with provider.session() as session:
        cursor = await caught_up(session)
    new = await fill(provider, 12)
    async with provider.session() as session:
        batches = await scan_all(session, cursor)
        assert ids_of(batches) == new
        assert all(c.live for b in batches for c in b.copies)
        assert ids_of(await scan_all(session, batches[-1].cursor)) == []


async def test_nothing_new_lists_nothing(provider: Provider):
    """A scan from a caught-up cursor lists no copy, and is caught up after it."""
    await fill(provider, 2)
    async with provider.session() as session:
        cursor = await caught_up(session)
        batches = await scan_all(session, cursor)
    assert ids_of(batches) == []
    assert not any(b.cursor.backfilling for b in batches)


async def test_live_mail_goes_before_more_of_the_past(provider: Provider):
    """What arrives during a backfill is listed before the backfill goes on for long."""
    await fill(provider, 60)
    async with provider.session() as session:
        inbox = await folder_named(session)
        scan = session.scan(inbox, Window())
        await anext(scan)
        await anext(scan)
        await provider.deliver(mail("urgent@people.test"))
        after = [await anext(scan) for _ in range(3)]
        assert "urgent@people.test" in ids_of(after)
        rest = [b async for b in scan]
    assert ids_of(rest).count("urgent@people.test") == 0


async def test_window_bounds_the_past(provider: Provider):
    """Older copies than the window's begin (less a day) are not listed."""
    for days in (40, 20, 10, 2):
        await provider.deliver(mail(f"d{days}@people.test"), gate_at=NOON - timedelta(days=days))
    async with provider.session() as session:
        batches = await scan_all(session, Window(since=NOON - timedelta(days=12)))
        assert ids_of(batches) == ["d2@people.test", "d10@people.test"]


async def test_no_backfill_lists_only_what_comes(provider: Provider):
    """A window without backfill takes the live position and lists nothing of the past."""
    await fill(provider, 3)
    async with provider.session() as session:
        batches = await scan_all(session, Window(backfill=False))
        assert ids_of(batches) == []
        assert not batches[-1].cursor.backfilling
    await provider.deliver(mail("new@people.test"))
    async with provider.session() as session:
        assert ids_of(await scan_all(session, batches[-1].cursor)) == ["new@people.test"]


async def test_an_empty_folder_has_a_position(provider: Provider):
    """The first scan of an empty folder yields a cursor from which new mail is found."""
    async with provider.session() as session:
        cursor = await caught_up(session)
    await provider.deliver(mail("first@people.test"))
    async with provider.session() as session:
        assert ids_of(await scan_all(session, cursor)) == ["first@people.test"]


async def test_a_moved_message_is_live_where_it_goes(provider: Provider):
    """A message moved to another folder is listed there as new."""
    (moved, kept) = await fill(provider, 2)
    async with provider.session() as session:
        inbox, sent = await caught_up(session), await caught_up(session, "Sent")
    await provider.move(moved, "INBOX", "Sent")
    async with provider.session() as session:
        batches = await scan_all(session, sent, "Sent")
        assert ids_of(batches) == [moved]
        assert ids_of(await scan_all(session, inbox)) == []
        assert ids_of(await scan_all(session)) == [kept]


async def test_what_was_expunged_is_not_listed(provider: Provider):
    """Copies that vanish during a backfill are passed over without an error."""
    ids = await fill(provider, 30)
    async with provider.session() as session:
        inbox = await folder_named(session)
        scan = session.scan(inbox, Window())
        seen = [await anext(scan), await anext(scan)]
        await provider.expunge(ids[0])
        seen += [b async for b in scan]
        assert set(ids_of(seen)) >= set(ids[1:])
        assert ids_of(await scan_all(session)) == ids[:0:-1]


async def test_a_new_numbering_expires_the_cursor(provider: Provider):
    """After the remote numbered its copies anew, an old cursor is refused."""
    await fill(provider, 2)
    async with provider.session() as session:
        cursor = await caught_up(session)
    await provider.renumber()
    async with provider.session() as session:
        with pytest.raises(CursorExpired):
            await scan_all(session, cursor)
        fresh = await caught_up(session)
    assert fresh.validity != cursor.validity


async def test_a_deleted_folder_is_gone(provider: Provider):
    """Scanning a folder that was deleted or renamed raises `FolderGone`."""
    await provider.create("Project")
    await provider.create("Old")
    async with provider.session() as session:
        gone = [await folder_named(session, n) for n in ("Project", "Old")]
        await provider.delete("Project")
        await provider.rename("Old", "New")
        for folder in gone:
            with pytest.raises(FolderGone):
                [b async for b in session.scan(folder, Window())]


async def test_every_cursor_names_the_same_validity(provider: Provider):
    """The cursors of one scan belong to one numbering."""
    await fill(provider, 12)
    async with provider.session() as session:
        assert len({b.cursor.validity for b in await scan_all(session)}) == 1
