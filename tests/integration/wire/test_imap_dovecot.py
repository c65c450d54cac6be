"""The wire against a real Dovecot: TLS in all its ways, folders, FETCH, IDLE, NOTIFY."""

from __future__ import annotations

import asyncio

import pytest
from lab.dovecot import Options

from eisd.errors import AuthRejected, FolderGone, Misconfigured, Transient
from eisd.wire.imap import Client, Endpoint, Selected, Timeouts
from eisd.wire.imap_structure import parse_structure

MAIL = b"From: a@x.test\r\nSubject: s\r\n\r\nhello\r\n"


def endpoint(server, mode="implicit", **changes):
    port = server.port_imaps if mode == "implicit" else server.port_imap
    changes = {"host": "localhost", "ca_file": str(server.certs.ca_file), **changes}
    return Endpoint(port=port, tls=mode, **changes)


async def connect(server, user, folder="INBOX", mode="implicit"):
    client = await Client.connect(endpoint(server, mode))
    await client.auth(user, "secret")
    if folder:
        await client.select(folder)
    return client


async def in_thread(call, *arguments):
    return await asyncio.to_thread(call, *arguments)


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("implicit", ["dns", "tcp", "tls", "greeting"]),
        ("starttls", ["dns", "tcp", "greeting", "tls"]),
        ("none", ["dns", "tcp", "greeting"]),
    ],
)
async def test_every_way_in(dovecot, user, mode, steps):
    """Implicit TLS, STARTTLS and plain text, each step told with its time."""
    told = []
    client = await Client.connect(
        endpoint(dovecot, mode), on_step=lambda name, detail, ms: told.append((name, detail, ms))
    )
    await client.auth(user, "secret")
    assert [name for name, _, _ in told] == steps
    assert all(detail and ms >= 0 for _, detail, ms in told)
    assert {"IDLE", "UNSELECT", "NOTIFY"} <= client.capabilities
    assert "LOGINDISABLED" not in client.capabilities
    assert (await client.id({"name": "eisd"}))["name"] == "Dovecot"
    assert (await client.namespace()).personal[0].delimiter
    await client.logout()


async def test_a_wrong_password(dovecot, user):
    """Dovecot's refusal is about the credentials."""
    client = await Client.connect(endpoint(dovecot))
    with pytest.raises(AuthRejected, match="failed"):
        await client.auth(user, "wrong")
    await client.auth(user, "secret")
    await client.logout()


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("expired", "expired"),
        ("wrong_host", "ostname mismatch|not valid for"),
        ("self_signed", "self.signed"),
        ("stranger", "local issuer"),
    ],
)
async def test_rf8_bad_certificates(start_dovecot, certs, mode, flaw, words):
    """Refused as a matter of TLS with its reason, in both ways of TLS."""
    pair = getattr(certs, flaw)()
    server = await in_thread(lambda: start_dovecot(pair=pair))
    with pytest.raises(Misconfigured, match=words) as caught:
        await Client.connect(endpoint(server, mode))
    assert caught.value.code == "tls"
    assert caught.value.hint


async def test_the_system_does_not_trust_the_lab(dovecot):
    """Without its CA file a private authority is nobody; with another name it is not the host."""
    for changes in ({"ca_file": None}, {"server_hostname": "example.com"}):
        with pytest.raises(Misconfigured):
            await Client.connect(endpoint(dovecot, **changes))
    client = await Client.connect(endpoint(dovecot, host="127.0.0.1", server_hostname="localhost"))
    await client.logout()


async def test_tls_on_a_plain_port_and_the_other_way(dovecot):
    """The usual mistake with ports is told as what it is."""
    wrong = Endpoint("localhost", dovecot.port_imap, "implicit", str(dovecot.certs.ca_file))
    with pytest.raises(Misconfigured, match="no TLS"):
        await Client.connect(wrong)
    wrong = Endpoint("localhost", dovecot.port_imaps, "starttls", str(dovecot.certs.ca_file))
    with pytest.raises(Transient) as caught:
        await Client.connect(wrong, Timeouts(greeting=0.3))
    assert "implicit" in caught.value.hint


async def test_folders(dovecot, user):
    """LIST with special uses, STATUS singly, pipelined and by LIST."""
    await in_thread(dovecot.create, user, "Größe & x")
    await in_thread(dovecot.deliver, user, MAIL)
    client = await connect(dovecot, user, folder=None)
    entries = {entry.name: entry for entry in await client.list_folders()}
    assert "\\sent" in entries["Sent"].attributes
    assert entries["Größe & x"].wire == "Gr&APYA3w-e &- x"
    status = await client.status("INBOX")
    assert (status.messages, status.uidnext) == (1, 2)
    by_list = await client.list_status()
    assert set(by_list) == {entry.wire for entry in entries.values()}
    assert by_list["INBOX"] == status
    assert (await client.statuses(["INBOX", "nope"])) == {"INBOX": status, "nope": None}
    with pytest.raises(FolderGone):
        await client.select("nope")
    selected = await client.select(entries["Größe & x"].wire, condstore=True)
    assert isinstance(selected, Selected)
    assert (selected.exists, selected.readonly, selected.uidnext) == (0, True, 1)
    await client.unselect()
    await client.logout()


async def test_messages(dovecot, user):
    """APPEND, SEARCH and FETCH of every kind."""
    client = await connect(dovecot, user, folder=None)
    uid = await client.append("INBOX", MAIL, ["\\Seen"])
    assert uid == 1
    await client.select("INBOX")
    assert await client.uid_search("UID 1:*") == [1]
    assert await client.uid_search("FROM nobody") == []
    items = "(UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From)] "
    (found,) = await client.fetch([1, 99], items + "BODY.PEEK[1]<0.3>)")
    assert found.sections == {b"HEADER.FIELDS": b"From: a@x.test\r\n\r\n", b"1": b"hel"}
    assert (found.uid, found.size) == (1, len(MAIL))
    assert b"\\Seen" in found.flags
    assert parse_structure(found.bodystructure).content_type == "text/plain"
    await client.logout()


async def test_a_literal_of_many_segments(dovecot, user):
    """Ten megabytes come out as they went in, through TLS."""
    big = MAIL + b"0123456789abcde\n".replace(b"\n", b"\r\n") * 600_000
    client = await connect(dovecot, user, folder=None)
    await client.append("INBOX", big)
    await client.select("INBOX")
    (found,) = await client.fetch([1], "(UID BODY.PEEK[])", size_hint=len(big))
    assert found.sections[b""] == big
    await client.logout()


async def test_pipelined_fetches_beside_a_third_command(dovecot, user):
    """Two FETCHes of 500 over TLS while SEARCH and STATUS run: nothing is lost or misplaced."""
    mails = [(b"Subject: %d\r\n\r\nx\r\n" % n, None) for n in range(1, 1001)]
    await in_thread(dovecot.bulk, user, "INBOX", mails)
    client = await connect(dovecot, user)
    items = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
    for _ in range(5):
        pending = [client.start_fetch(range(a, a + 500), items) for a in (1, 501)]
        search, _ = await asyncio.gather(client.uid_search("ALL"), client.status("Sent"))
        halves = [await half.result() for half in pending]
        assert search == list(range(1, 1001))
        for half, start in zip(halves, (1, 501), strict=True):
            assert {f.uid: b"Subject: %d\r\n\r\n" % f.uid for f in half} == {
                f.uid: f.sections[b"HEADER.FIELDS"] for f in half
            }
            assert sorted(f.uid for f in half) == list(range(start, start + 500))
    await client.logout()


async def test_idle_hears_of_new_mail(dovecot, user):
    """A delivery ends an IDLE; so does what another client expunges."""
    client = await connect(dovecot, user)
    delivery = asyncio.ensure_future(in_thread(dovecot.deliver, user, MAIL))
    assert await client.idle(20)
    await delivery
    assert client.take_news().exists == 1
    expunge = asyncio.ensure_future(in_thread(dovecot.expunge, user, "INBOX", "all"))
    while not (await client.idle(20) and client.take_news().expunged):
        pass
    await expunge
    await client.logout()


async def test_notify_hears_of_other_folders(dovecot, user):
    """NOTIFY tells of mail in a folder that is not selected."""
    client = await connect(dovecot, user)
    await client.notify()
    delivery = asyncio.ensure_future(in_thread(dovecot.deliver, user, MAIL, "Sent"))
    statuses = {}
    while not statuses:
        assert await client.idle(20)
        statuses = client.take_news().statuses
    await delivery
    assert statuses["Sent"].uidnext == 2
    await client.logout()


async def test_a_kick_is_loss(dovecot, user):
    """An administrator's kick ends an IDLE at once."""
    client = await connect(dovecot, user)
    kick = asyncio.ensure_future(in_thread(dovecot.kick, user))
    with pytest.raises(Transient):
        await client.idle(20)
    await kick
    assert client.lost is not None


async def test_nothing_is_marked_as_seen(dovecot, user):
    """EXAMINE and BODY.PEEK leave the flags alone."""
    await in_thread(dovecot.deliver, user, MAIL)
    client = await connect(dovecot, user)
    await client.fetch([1], "(UID BODY.PEEK[])")
    await client.logout()
    assert await in_thread(dovecot.uids, user, "INBOX", "seen") == []


async def test_dovecot_without_extensions(start_dovecot):
    """A server that offers next to nothing: plain SEARCH, plain LIST, CLOSE for UNSELECT."""
    options = Options(imap_capability="IMAP4rev1")
    server = await in_thread(lambda: start_dovecot(options))
    user = await in_thread(server.add_user, "plain@lab.test")
    await in_thread(server.deliver, user, MAIL)
    client = await connect(server, user, mode="none")
    assert "ESEARCH" not in client.capabilities
    assert await client.uid_search("ALL") == [1]
    assert "INBOX" in {entry.name for entry in await client.list_folders()}
    await client.unselect()
    await client.select("Sent")
    await client.logout()
