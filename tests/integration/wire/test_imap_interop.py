"""The same conversation with servers of four makes."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from eisd.errors import AuthRejected, FolderGone
from eisd.wire.imap import Client, Endpoint
from eisd.wire.imap_grammar import parse_internaldate
from eisd.wire.imap_structure import parse_structure

MAIL = b"From: a@x.test\r\nSubject: s\r\n\r\nhello\r\n"
ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[])"

_numbers = count(1)


@pytest.fixture(params=["dovecot", "cyrus", "courier", "pymap"])
def server(request):
    return request.getfixturevalue(request.param)


async def connect(server):
    return await Client.connect(Endpoint("localhost", server.port_imap, "none"))


async def test_one_conversation(server):
    """Login, folders, APPEND, STATUS, SEARCH, FETCH, IDLE: all that a sync needs."""
    user = await asyncio.to_thread(server.add_user, f"wire{next(_numbers)}@lab.test")
    client = await connect(server)
    with pytest.raises(AuthRejected):
        await client.auth(user, "wrong")
    client.abort()
    client = await connect(server)
    await client.auth(user, server.password(user))
    assert "INBOX" in {entry.name for entry in await client.list_folders()}
    assert (await client.status("INBOX")).messages == 0
    await client.append("INBOX", MAIL, ["\\Flagged"])
    before = await client.status("INBOX")
    assert before.messages == 1
    with pytest.raises(FolderGone):
        await client.select("nope")
    selected = await client.select("INBOX")
    assert (selected.exists, selected.readonly) == (1, True)
    assert selected.uidvalidity == before.uidvalidity
    (uid,) = await client.uid_search("ALL")
    (found,) = await client.fetch([uid], ITEMS)
    assert (found.uid, found.size) == (uid, len(found.sections[b""]))
    assert found.sections[b""].startswith(b"From: a@x.test")
    assert b"\\Flagged" in found.flags
    assert parse_internaldate(found.internaldate).tzinfo
    assert parse_structure(found.bodystructure).content_type == "text/plain"
    client.take_news()
    assert not await client.idle(0.2)
    await client.unselect()
    await client.select("INBOX")
    await client.logout()
