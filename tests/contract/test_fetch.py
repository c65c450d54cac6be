"""What fetching and listing promise."""

from __future__ import annotations

import pytest
from contract.harness import Provider, caught_up, fill, folder_named, mail, scan_all

from eisd.driver.interface import Session
from eisd.errors import CursorExpired
from eisd.model.mail import RawMessage

LIMIT = 50 << 20


async def fetched(session: Session, *, limit: int = LIMIT) -> dict[str, RawMessage]:
    """Everything in INBOX, by remote id."""
    inbox = await folder_named(session)
    ids = [c.remote_id for b in await scan_all(session) for c in b.copies]
    return {m.remote_id: m async for m in session.fetch(inbox, ids, limit=limit)}


async def test_bytes_come_as_they_are(provider: Provider):
    """A small message comes whole, byte for byte."""
    rfc822 = mail("whole@people.test", body="Zeile 1 — ä\r\n.\r\n..\r\nEnd\r\n")
    await provider.deliver(rfc822)
    async with provider.session() as session:
        (message,) = (await fetched(session)).values()
    assert (message.rfc822, message.size, message.missing) == (rfc822, len(rfc822), False)


async def test_many_come_each_once(provider: Provider):
    """Every id asked for is answered once."""
    ids = await fill(provider, 120)
    async with provider.session() as session:
        got = await fetched(session)
    assert len(got) == len(ids)
    assert all(f"<{i}>".encode() in b"".join(m.rfc822 for m in got.values()) for i in ids)


async def test_what_is_gone_is_missing(provider: Provider):
    """An id that was expunged since is answered as missing, the others with their bytes."""
    (gone, kept) = await fill(provider, 2)
    async with provider.session() as session:
        copies = [c for b in await scan_all(session) for c in b.copies]
        inbox = await folder_named(session)
        await provider.expunge(gone)
        ids = [c.remote_id for c in copies]
        got = {m.remote_id: m async for m in session.fetch(inbox, ids, limit=LIMIT)}
    assert sorted(m.missing for m in got.values()) == [False, True]
    (found,) = [m for m in got.values() if not m.missing]
    assert f"<{kept}>".encode() in found.rfc822


async def test_nothing_asked_nothing_answered(provider: Provider):
    """Fetching no ids answers nothing."""
    async with provider.session() as session:
        inbox = await folder_named(session)
        assert [m async for m in session.fetch(inbox, [], limit=LIMIT)] == []


async def test_beyond_the_limit_the_header_remains(provider: Provider):
    """A message over the limit still has its header and says its size."""
    rfc822 = mail("big@people.test", body="x" * 70 + "\r\n" * 5000)
    await provider.deliver(rfc822)
    async with provider.session() as session:
        (message,) = (await fetched(session, limit=1000)).values()
    assert b"<big@people.test>" in message.rfc822
    assert message.size == len(rfc822)
    assert not message.missing


async def test_listing_names_what_is_there(provider: Provider):
    """A listing holds the ids of the copies there are, and not of those expunged."""
    ids = await fill(provider, 23)
    async with provider.session() as session:
        batches = await scan_all(session)
        listed = {c.remote_id for b in batches for c in b.copies}
        inbox = await folder_named(session)
        cursor = batches[-1].cursor
        assert {i async for chunk in session.listing(inbox, cursor) for i in chunk} == listed
    await provider.expunge(ids[4])
    async with provider.session() as session:
        left = {i async for chunk in session.listing(inbox, cursor) for i in chunk}
        assert left < listed
        assert len(left) == 22


async def test_listing_of_an_expired_cursor(provider: Provider):
    """After a new numbering a listing is refused: its ids would mean other copies."""
    await fill(provider, 2)
    async with provider.session() as session:
        cursor = await caught_up(session)
    await provider.renumber()
    async with provider.session() as session:
        inbox = await folder_named(session)
        with pytest.raises(CursorExpired):
            [chunk async for chunk in session.listing(inbox, cursor)]


async def test_fetching_ids_of_another_numbering(provider: Provider):
    """A fetch that says which numbering its ids are of is refused after a new one."""
    await fill(provider, 2)
    async with provider.session() as session:
        batches = await scan_all(session)
    (copy, *_) = [c for b in batches for c in b.copies]
    validity = batches[-1].cursor.validity
    await provider.renumber()
    async with provider.session() as session:
        inbox = await folder_named(session)
        fetch = session.fetch(inbox, [copy.remote_id], limit=LIMIT, validity=validity)
        with pytest.raises(CursorExpired):
            [m async for m in fetch]
