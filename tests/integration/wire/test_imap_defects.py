"""What aioimaplib gets wrong as shipped, one test for each defect that was reproduced on it."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from lab.scripted import QUICK, Scripted

from eisd.errors import AuthRejected, ProtocolError, Rejected, Transient
from eisd.wire.imap import Client, News, Timeouts

FLAGS = "(UID FLAGS)"


def answers(start, end):
    """FETCH answers for a range of UIDs."""
    return b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, n) for n in range(start, end))


async def fetch_asked(talk):
    """Answer exactly what was asked for, flags only."""
    low, _, high = talk.arguments.split()[0].partition(b":")
    await talk.send(answers(int(low), int(high or low) + 1) + b"{tag} OK done\r\n")


async def test_wr1_twenty_thousand_lines_in_one_answer():
    """Thousands of responses in one segment need no recursion."""
    async with Scripted({"FETCH": fetch_asked}) as server:
        client = await server.client(timeouts=Timeouts())
        found = await client.fetch("1:20000", FLAGS)
        assert [f.uid for f in found] == list(range(1, 20_001))
        await client.logout()


async def test_wr1_a_list_of_many_folders():
    """LIST of ten thousand folders is one answer."""
    lines = b"".join(b'* LIST () "/" "Folder %d"\r\n' % n for n in range(10_000))
    async with Scripted({"LIST": lines + b"{tag} OK done\r\n"}) as server:
        client = await server.client()
        assert len(await client.list_folders()) == 10_000
        await client.logout()


async def test_r1c_thousands_of_notices_in_idle():
    """Two hundred thousand notices become one fact each, while we idle."""
    flood = b"".join(b"* %d EXISTS\r\n* 1 EXPUNGE\r\n" % n for n in range(100_000))
    async with Scripted({"IDLE": b"+ idling\r\n" + flood}) as server:
        client = await server.client(timeouts=Timeouts())
        while client._protocol.notices._exists != 99_999:
            assert await client.idle(5)
        assert client.take_news() == News(exists=99_999, expunged=True)
        assert client.take_news() == News()
        await client.logout()


async def test_wr2_subjects_that_look_like_grammar():
    """Stars, colons and parentheses inside strings are only text."""
    reply = (
        b'* 1 FETCH (UID 1 ENVELOPE ("d" "5* hotel"))\r\n'
        b'* 2 FETCH (UID 2 ENVELOPE ("d" "smile :("))\r\n'
        b"* 6 EXISTS\r\n"
        b'* 3 FETCH (UID 3 ENVELOPE ("d" "z"))\r\n{tag} OK done\r\n'
    )
    async with Scripted({"FETCH": reply}) as server:
        client = await server.client()
        found = await client.fetch([1, 2, 3], "(UID ENVELOPE)")
        subjects = [f.others[b"ENVELOPE"][1] for f in found]
        assert subjects == [b"5* hotel", b"smile :(", b"z"]
        assert client.take_news().exists == 6
        await client.logout()


async def test_wr4_commands_from_several_tasks():
    """FETCHes run beside each other, other commands take turns; none is lost."""
    async with Scripted({"FETCH": fetch_asked}) as server:
        client = await server.client()
        fetches = [client.fetch([uid], FLAGS) for uid in range(1, 6)]
        others = [client.noop() for _ in range(3)]
        results = await asyncio.gather(*fetches, *others)
        assert [[f.uid for f in found] for found in results[:5]] == [[1], [2], [3], [4], [5]]
        await client.logout()


async def test_wr5_notices_during_a_fetch_are_news():
    """EXISTS, EXPUNGE and VANISHED between the answers of a FETCH are kept."""
    reply = (
        b"* 1 FETCH (UID 1 FLAGS ())\r\n* 6 EXISTS\r\n* 2 EXPUNGE\r\n* 9 FETCH (FLAGS (\\Seen))\r\n"
        b"* 2 FETCH (UID 2 FLAGS ())\r\n{tag} OK done\r\n"
    )
    async with Scripted({"FETCH": reply}) as server:
        client = await server.client()
        assert [f.uid for f in await client.fetch([1, 2], FLAGS)] == [1, 2]
        assert await client.idle(5)
        assert server.sent("IDLE") == []
        assert client.take_news() == News(exists=6, expunged=True, flags=True)
        await client.logout()


async def test_wr6_a_notice_beside_the_end_of_idle_is_kept():
    """EXISTS in the packet of the completion after DONE."""
    async with Scripted({"DONE": b"* 6 EXISTS\r\n* 1 RECENT\r\n{tag} OK done\r\n"}) as server:
        client = await server.client()
        assert await client.idle(0.05)
        assert client.take_news().exists == 6
        await client.logout()


async def hang_up(talk):
    """Close without a word."""
    talk.close()


@pytest.mark.parametrize("command", ["FETCH", "NOOP", "IDLE", "SEARCH"])
async def test_wr7_a_lost_connection_is_told_at_once(command):
    """Whoever waits when the server closes is told, and so is whoever comes later."""
    async with Scripted({command: hang_up}) as server:
        client = await server.client(timeouts=Timeouts())
        calls = {
            "FETCH": lambda: client.fetch([1], FLAGS),
            "NOOP": client.noop,
            "IDLE": lambda: client.idle(60),
            "SEARCH": lambda: client.uid_search("ALL"),
        }
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(Transient, match="closed") as caught:
                await calls[command]()
        assert time.monotonic() - began < 1
        assert client.lost is caught.value


async def test_wr7_bye_in_idle_is_loss_in_the_servers_words():
    """BYE wakes an idling client."""

    async def shut_down(talk):
        await talk.send(b"+ idling\r\n")
        await asyncio.sleep(0.05)
        await talk.send(b"* BYE shutting down\r\n")
        await talk.hang()

    async with Scripted({"IDLE": shut_down}) as server:
        client = await server.client(timeouts=Timeouts())
        with pytest.raises(Transient, match="shutting down") as caught:
            await client.idle(60)
        assert caught.value.code == "bye"


async def test_wr8_a_timeout_ends_the_connection():
    """After a timeout nothing is reused, so a late reply cannot meet the wrong command."""

    async def late(talk):
        await asyncio.sleep(1)
        await talk.send(b"* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n")

    async with Scripted({"FETCH": late}) as server:
        client = await server.client()
        for call in (lambda: client.fetch([1], FLAGS), client.noop):
            with pytest.raises(Transient, match="in time") as caught:
                await call()
            assert caught.value.code == "timeout"


async def test_wr9_concurrent_appends_store_their_own():
    """Two APPENDs at once: each literal goes with its own command."""
    stored = []

    async def append(talk):
        size = int(re.search(rb"\{(\d+)\}", talk.arguments)[1])
        await talk.send(b"+ go\r\n")
        await asyncio.sleep(0.02)
        stored.append((await talk.reader.readexactly(size + 2)).strip())
        await talk.send(b"{tag} OK [APPENDUID 1 %d] done\r\n" % size)

    async with Scripted({"APPEND": append}) as server:
        client = await server.client()
        uids = await asyncio.gather(
            client.append("Sent", b"A" * 20, ["\\Seen"]), client.append("Sent", b"B" * 30)
        )
        assert (uids, stored) == ([20, 30], [b"A" * 20, b"B" * 30])
        await client.logout()


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_wr10_a_refused_token_is_told_at_once(mechanism):
    """The error challenge is answered, so that the server says NO; its JSON is in the message."""

    async def refuse(talk):
        await talk.send(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        await talk.line()
        await talk.send(b"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials\r\n")

    async with Scripted({"AUTHENTICATE": refuse}) as server:
        client = await server.client(login=False, timeouts=Timeouts())
        with pytest.raises(AuthRejected, match='"status":"400"'):
            await client.authenticate(mechanism, "u", "secret-token")
        assert server.lines[-1] == {"XOAUTH2": b"", "OAUTHBEARER": b"AQ=="}[mechanism]
        await client.noop()
        await client.logout()


@pytest.mark.parametrize(
    ("greeting", "error", "words"),
    [
        (b"* BYE too many connections\r\n", Transient, "too many"),
        (b"HELO 400 Bad Request\r\n", ProtocolError, "greeting"),
        (b"* 5 EXISTS\r\n", ProtocolError, "status response"),
        (b"220 smtp ready\r\n", ProtocolError, "status response"),
        (b"\x15\x03\x01\x00\x02\x02\n", ProtocolError, "bare LF"),
        (b"", Transient, "greet"),
    ],
)
async def test_wr11_greetings(greeting, error, words):
    """RF13: BYE, garbage and silence instead of a greeting."""
    async with Scripted(greeting=greeting) as server:
        with pytest.raises(error, match=words):
            await Client.connect(server.endpoint(), QUICK)


async def test_wr13_vanished_and_esearch_are_read():
    """VANISHED during a FETCH is news, ESEARCH is an answer."""
    async with Scripted(
        {
            "FETCH": b"* VANISHED (EARLIER) 3:5\r\n* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n",
            "SEARCH": b'* ESEARCH (TAG "{tag}") UID ALL 1:3,9\r\n{tag} OK done\r\n',
        }
    ) as server:
        client = await server.client()
        assert [f.uid for f in await client.fetch([1], FLAGS)] == [1]
        assert client.take_news().expunged
        assert await client.uid_search("ALL") == [1, 2, 3, 9]
        assert server.sent("UID SEARCH") == [b"UID SEARCH RETURN (ALL) ALL"]
        await client.logout()


async def test_rf31_esearch_that_is_advertised_and_refused():
    """One BAD, then the plain SEARCH for good."""

    async def search(talk):
        if b"RETURN" in talk.arguments:
            await talk.send(b"{tag} BAD what\r\n")
        else:
            await talk.send(b"* SEARCH 5 4\r\n{tag} OK done\r\n")

    async with Scripted({"SEARCH": search}) as server:
        client = await server.client()
        assert await client.uid_search("ALL") == [4, 5]
        assert await client.uid_search("ALL") == [4, 5]
        assert len(server.sent("UID SEARCH")) == 3
        await client.logout()


async def test_wr15_capabilities_of_the_login_replace_the_old_ones():
    """The code of the OK is read as words, without a further command."""
    login = b"{tag} OK [CAPABILITY IMAP4rev1 IDLE COMPRESS=DEFLATE] Logged in\r\n"
    async with Scripted({"LOGIN": login}) as server:
        client = await server.client(folder=None)
        assert client.capabilities == {"IMAP4REV1", "IDLE", "COMPRESS=DEFLATE"}
        assert len(server.sent("CAPABILITY")) == 1
        await client.logout()


async def test_capabilities_are_asked_again_after_a_login_that_tells_none():
    """What holds before the login need not hold after it."""

    async def capability(talk):
        words = b"IMAP4rev1 AFTER" if len(server.sent("CAPABILITY")) > 1 else b"IMAP4rev1 BEFORE"
        await talk.send(b"* CAPABILITY " + words + b"\r\n{tag} OK done\r\n")

    async with Scripted({"CAPABILITY": capability}) as server:
        client = await server.client(login=False)
        assert "BEFORE" in client.capabilities
        await client.login("u", "p")
        assert client.capabilities == {"IMAP4REV1", "AFTER"}
        await client.logout()


@pytest.mark.parametrize("command", ["FETCH", "NOOP", "IDLE", "APPEND", "EXAMINE", "STATUS"])
async def test_wr16_cancelling_ends_the_connection(command):
    """A cancelled command leaves nothing behind that a later one could meet."""
    async with Scripted({command: lambda talk: talk.hang()}) as server:
        client = await server.client(folder=None if command == "EXAMINE" else "INBOX")
        calls = {
            "FETCH": lambda: client.fetch([1], FLAGS),
            "NOOP": client.noop,
            "IDLE": lambda: client.idle(60),
            "APPEND": lambda: client.append("Sent", b"x"),
            "EXAMINE": lambda: client.select("INBOX"),
            "STATUS": lambda: client.status("INBOX"),
        }
        task = asyncio.ensure_future(calls[command]())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Transient, match="cancelled"):
            await client.noop()


async def test_a1_cancelling_an_idle_leaves_no_task():
    """IDLE makes no task of its own that could outlive it."""
    async with Scripted() as server:
        client = await server.client()
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(client.idle(60))
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() - before == {task}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() <= before
        assert client.lost is not None


async def test_wr20_a_notice_before_half_a_line_is_told_at_once():
    """A complete line is dispatched whatever follows it in the segment."""

    async def push(talk):
        await talk.send(b"+ idling\r\n* 6 EXISTS\r\n* 1 REC")
        await talk.line()
        await talk.send(b"ENT\r\n{tag} OK done\r\n")

    async with Scripted({"IDLE": push}) as server:
        client = await server.client(timeouts=Timeouts())
        began = time.monotonic()
        assert await client.idle(30)
        assert time.monotonic() - began < 1
        await client.logout()


async def test_pipelined_fetches_come_back_interleaved():
    """RFC 9051 5.5: every answer goes to the command that asked for its UID."""

    async def interleave(talk):
        if talk.arguments.startswith(b"1:500 "):
            talk.first = talk.tag
            return
        pairs = zip(range(1, 501), range(501, 1001), strict=True)
        lines = b"".join(answers(a, a + 1) + answers(b, b + 1) for a, b in pairs)
        await talk.send(lines + talk.first + b" OK done\r\n")
        await talk.send(b"* 777 FETCH (UID 7777 FLAGS ())\r\n{tag} OK done\r\n")

    async with Scripted({"FETCH": interleave}) as server:
        client = await server.client()
        first = client.start_fetch(range(1, 501), FLAGS)
        second = client.start_fetch(range(501, 1001), FLAGS)
        assert [f.uid for f in await second.result()] == list(range(501, 1001))
        assert [f.uid for f in await first.result()] == list(range(1, 501))
        assert client.take_news() == News(flags=True)
        await client.logout()


async def test_a_fetch_is_told_as_refused():
    """A FETCH that ends in NO has no result, whatever came before."""
    async with Scripted({"FETCH": b"* 1 FETCH (UID 1 FLAGS ())\r\n{tag} NO failed\r\n"}) as server:
        client = await server.client()
        with pytest.raises(Rejected):
            await client.fetch([1], FLAGS)
        await client.noop()
        await client.logout()


async def test_no_fetch_is_sent_into_an_idle():
    """Between IDLE and DONE nothing may be sent (RFC 2177)."""
    async with Scripted() as server:
        client = await server.client()
        idling = asyncio.ensure_future(client.idle(0.2))
        await asyncio.sleep(0.05)
        with pytest.raises(Rejected):
            client.start_fetch([1], FLAGS)
        assert not await idling
        await client.logout()
