"""Servers that mean harm or are broken: every one ends in one of our errors, in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab.scripted import QUICK, Scripted

from eisd.errors import FolderGone, Misconfigured, ProtocolError, Rejected, Transient
from eisd.wire.imap import Client, Endpoint, Limits, Timeouts

BODY = "(UID BODY.PEEK[])"


@pytest.mark.parametrize(
    "reply",
    [
        b"* 1 FETCH (UID 1 BODY[] {10000000000}\r\n",
        b"* 1 FETCH (UID 1 BODY[] {3}\r\nhello)\r\n{tag} OK done\r\n",
        b"* 1 FETCH (UID 1 BODY[] {6}\r\nhello)\r\n{tag} OK done\r\n",
        b"* 1 FETCH (UID 1 FLAGS (\r\n{tag} OK done\r\n",
        b"* 1 FETCH (UID 1 FLAGS ()))\r\n{tag} OK done\r\n",
        b"* 1 FETCH (UID 1)\n{tag} OK done\n",
        b"x" * (2 << 20),
        b"zzz OK never asked\r\n",
        b"+ give me more\r\n",
        b"*\r\n",
        b"* \0\0\0\r\n",
        b"\x80\x81\r\n",
        b"{tag} MAYBE\r\n",
        b"{tag}\r\n",
    ],
)
async def test_rf26_to_rf29_broken_grammar_ends_the_connection(reply):
    """Literals that lie, bare LF, unknown tags, endless lines: ProtocolError within a second."""
    async with Scripted({"FETCH": reply}) as server:
        client = await server.client(timeouts=Timeouts())
        began = time.monotonic()
        with pytest.raises(ProtocolError) as caught:
            await client.fetch([1], BODY)
        assert time.monotonic() - began < 1
        assert client.lost is caught.value


async def test_rf27_a_literal_longer_than_what_comes_meets_the_deadline():
    """The rest of a literal that never comes is silence."""
    async with Scripted({"FETCH": b"* 1 FETCH (UID 1 BODY[] {999}\r\nhello)\r\n"}) as server:
        client = await server.client()
        with pytest.raises(Transient, match="in time"):
            await client.fetch([1], BODY)


async def test_rf4_a_trickle_meets_the_deadline():
    """One octet now and then keeps the silence short, not the command alive."""

    async def trickle(talk):
        await talk.send(b"* 1 FETCH (UID 1 BODY[] {100000}\r\n")
        while True:
            await talk.send(b"x")
            await asyncio.sleep(0.05)

    async with Scripted({"FETCH": trickle}) as server:
        client = await server.client()
        began = time.monotonic()
        with pytest.raises(Transient, match="in time"):
            await client.fetch([1], BODY)
        assert 0.5 < time.monotonic() - began < 3


async def test_a_slow_large_fetch_is_given_its_time():
    """The deadline grows with what was asked for; only silence is short."""

    async def slow(talk):
        await talk.send(b"* 1 FETCH (UID 1 BODY[] {8}\r\n")
        for _ in range(8):
            await asyncio.sleep(0.15)
            await talk.send(b"x")
        await talk.send(b")\r\n{tag} OK done\r\n")

    async with Scripted({"FETCH": slow}) as server:
        client = await server.client()
        found = await client.fetch([1], BODY, size_hint=100_000)
        assert found[0].sections == {b"": b"xxxxxxxx"}
        await client.logout()


async def test_a_response_larger_than_allowed_is_refused():
    """All that answers one command has a limit too."""
    one = b"* 1 FETCH (UID 1 BODY[] {900}\r\n" + b"x" * 900 + b")\r\n"
    async with Scripted({"FETCH": one * 100}) as server:
        client = await server.client(limits=Limits(literal=1000, response=20_000))
        with pytest.raises(ProtocolError, match="too large"):
            await client.fetch([1], BODY)


async def test_a_listing_without_end_is_refused():
    """What short responses weigh in memory counts, not their octets on the wire alone."""
    one = b'* LIST () "/" x\r\n'
    async with Scripted({"LIST": one * 1000}) as server:
        client = await server.client(limits=Limits(listing=100_000))
        with pytest.raises(ProtocolError, match="LIST is too large"):
            await client.list_folders()


async def test_rf24_a_flood_of_flags_does_not_stop_the_loop():
    """100,000 unasked FETCHes: the loop answers others meanwhile, and memory does not grow."""
    flood = b"".join(b"* %d FETCH (FLAGS (\\Seen))\r\n" % n for n in range(100_000))
    async with Scripted({"NOOP": flood + b"{tag} OK done\r\n"}) as server:
        client = await server.client(timeouts=Timeouts())
        worst = 0.0
        task = asyncio.ensure_future(client.noop())
        while not task.done():
            began = time.monotonic()
            await asyncio.sleep(0)
            worst = max(worst, time.monotonic() - began)
        await task
        assert worst < 0.5
        assert client.take_news().flags
        await client.logout()


async def test_rf23_other_uids_twice_and_out_of_order():
    """Answers are known by their UIDs; a repetition is merged, a stranger is news."""
    reply = (
        b"* 9 FETCH (UID 9 FLAGS ())\r\n"
        b"* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n"
        b"* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n{tag} OK done\r\n"
    )
    async with Scripted({"FETCH": reply}) as server:
        client = await server.client()
        found = {f.uid: f for f in await client.fetch([1, 2, 3], BODY)}
        assert sorted(found) == [1, 2]
        assert (found[2].sections, found[2].flags) == ({b"": b"b"}, (b"\\Seen",))
        assert client.take_news().flags
        await client.logout()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"{tag} NO [NONEXISTENT] gone\r\n", FolderGone),
        (b"{tag} NO cannot open\r\n", FolderGone),
        (b"{tag} BAD what\r\n", Rejected),
        (
            b"{tag} NO Request is throttled. Suggested Backoff Time: 1000 milliseconds\r\n",
            Transient,
        ),
    ],
)
async def test_a_refused_folder_leaves_the_connection(reply, error):
    """EXAMINE says NO: the connection goes on with no folder selected."""
    async with Scripted({"EXAMINE": reply}) as server:
        client = await server.client(folder=None)
        with pytest.raises(error):
            await client.select("x")
        with pytest.raises(Rejected, match="state"):
            client.start_fetch([1], BODY)
        await client.noop()
        await client.logout()


async def test_statuses_of_many_folders():
    """Pipelined; a NO is None, a name asked for by nobody is news."""

    async def status(talk):
        name = talk.arguments.partition(b" ")[0]
        if name == b'"gone"':
            await talk.send(b"{tag} NO [NONEXISTENT] no\r\n")
            return
        await talk.send(b"* STATUS " + name + b" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n")
        await talk.send(b'* STATUS "other" (UIDNEXT 9)\r\n{tag} OK done\r\n')

    async with Scripted({"STATUS": status}) as server:
        client = await server.client()
        names = [f"f{n}" for n in range(250)] + ["gone"]
        found = await client.statuses(names)
        assert list(found) == names
        assert found.pop("gone") is None
        assert {s.uidnext for s in found.values()} == {2}
        assert client.take_news().statuses["other"].uidnext == 9
        with pytest.raises(FolderGone):
            await client.status("gone")
        await client.logout()


@pytest.mark.parametrize("name", ['x" NOOP\r\na1 DELETE INBOX', "a\0b", "\n"])
async def test_6_19_a_folder_name_is_one_argument(name):
    """A hostile folder name is refused before anything is sent."""
    async with Scripted() as server:
        client = await server.client(folder=None)
        before = len(server.lines)
        for call in (client.select, client.status):
            with pytest.raises(Rejected):
                await call(name)
        with pytest.raises(Rejected):
            await client.uid_search("ALL\r\nx DELETE INBOX")
        assert len(server.lines) == before
        await client.logout()


async def test_odd_folder_names_arrive_as_they_are():
    """Quotes, backslashes, wildcards, braces and raw octets, from LIST back to EXAMINE."""
    names = [b'"a\\"b"', b'"back\\\\slash"', b'"%*"', b'"x{5}"', b'"\xc3\xbc"', b'"&ZeVnLIqe-"']
    lines = b"".join(b'* LIST () "/" ' + name + b"\r\n" for name in names)
    async with Scripted({"LIST": lines + b"{tag} OK done\r\n"}) as server:
        client = await server.client(folder=None)
        entries = await client.list_folders()
        assert [e.name for e in entries] == ['a"b', "back\\slash", "%*", "x{5}", "ü", "日本語"]
        for entry in entries:
            await client.select(entry.wire)
        assert server.sent("EXAMINE") == [b"EXAMINE " + name for name in names]
        await client.logout()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"{tag} NO not now\r\n", Rejected),
        (b"{tag} BAD what\r\n", Rejected),
        (b"", Transient),
    ],
)
async def test_rf30_an_idle_that_does_not_begin(reply, error):
    """IDLE refused, or not answered at all."""
    async with Scripted({"IDLE": reply}) as server:
        client = await server.client()
        with pytest.raises(error):
            await client.idle(60)


async def test_rf30_an_idle_that_does_not_end():
    """A server that ignores DONE is given up after its own limit."""
    async with Scripted({"DONE": b""}) as server:
        client = await server.client()
        began = time.monotonic()
        with pytest.raises(Transient, match="IDLE in time"):
            await client.idle(0.1)
        assert 0.5 < time.monotonic() - began < 2


async def test_an_idle_lasts_as_long_as_it_was_asked_to():
    """No command's limit ends an IDLE; one that the server ends is over."""
    async with Scripted() as server:
        client = await server.client()
        began = time.monotonic()
        assert not await client.idle(0.8)  # longer than any limit of these timeouts
        assert 0.8 <= time.monotonic() - began < 2
        server.replies["IDLE"] = b"+ idling\r\n* OK still here\r\n{tag} OK over\r\n"
        assert not await client.idle(60)
        await client.logout()


async def test_wake_ends_an_idle():
    """Another task of the loop can end an IDLE."""
    async with Scripted() as server:
        client = await server.client(timeouts=Timeouts())
        asyncio.get_running_loop().call_later(0.05, client.wake)
        assert await client.idle(60)
        client.take_news()
        await client.logout()


async def test_logout_is_brief_and_never_raises():
    """A server that does not answer LOGOUT costs its limit, no more."""
    async with Scripted({"LOGOUT": b""}) as server:
        client = await server.client()
        began = time.monotonic()
        await client.logout()
        await client.logout()
        assert time.monotonic() - began < 2
        with pytest.raises(Transient):
            await client.noop()


async def test_nobody_there():
    """RF7, RF6: refused and unknown hosts are named and pass."""
    async with Scripted() as server:
        port = server.port
    with pytest.raises(Transient, match=r"127\.0\.0\.1") as caught:
        await Client.connect(Endpoint("127.0.0.1", port, "none"), QUICK)
    assert caught.value.code == "refused"
    with pytest.raises(Transient) as caught:
        await Client.connect(Endpoint("nobody.invalid", 143, "none"), QUICK)
    assert caught.value.code == "dns"


async def test_the_second_address_is_tried(monkeypatch):
    """RF10: an address that refuses is only one of them."""
    async with Scripted() as server:
        loop = asyncio.get_running_loop()
        real = await loop.getaddrinfo("127.0.0.1", server.port, type=1)
        family, kind, number, name, _ = real[0]

        async def two(*_, **__):
            return [(family, kind, number, name, ("127.0.0.2", 9)), real[0]]

        monkeypatch.setattr(loop, "getaddrinfo", two)
        client = await Client.connect(server.endpoint(), QUICK)
        await client.logout()


PIECES = (
    b"* 1 FETCH (UID 1 BODY[] {4}\r\nabcd)\r\n",
    b"* LIST () NIL x\r\n",
    b"* 2 EXISTS\r\n",
    b"{tag} OK x\r\n",
    b"* BYE\r\n",
    b"+ \r\n",
    b"{5}\r\n",
    b"\r\n",
    b"\n",
    b"(",
    b'"',
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=8))
async def test_any_server_ends_in_one_of_our_errors(pieces):
    """Grammar in random pieces: an answer, or an error of ours, and nothing hangs."""

    async def reply(talk):
        for piece in pieces:
            await talk.send(piece)
        talk.close()

    async with Scripted({"FETCH": reply}) as server:
        client = await server.client()
        with contextlib.suppress(ProtocolError, Transient, Rejected, Misconfigured):
            await asyncio.wait_for(client.fetch([1], BODY), 5)
        client.abort()


async def test_rf1_a_server_that_resets_as_soon_as_it_accepts_is_lost():
    """The socket may know its peer no more when TCP has answered; that is trouble that passes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()

        def reset() -> None:
            sock, _ = listener.accept()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            loop.call_soon(sock.close)  # after the client was told that it is connected

        loop.add_reader(listener, reset)
        try:
            with pytest.raises(Transient):
                await Client.connect(Endpoint("127.0.0.1", listener.getsockname()[1], "none"))
        finally:
            loop.remove_reader(listener)
