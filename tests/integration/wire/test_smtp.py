"""Sending over SMTP: whatever the server does, it is known whether the message was sent."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager

import pytest
from lab.certs import Certs
from lab.sink import Sink
from lab.smtp import EHLO, PATIENT, QUICK, Scripted, drop, hang

from eisd.errors import AuthRejected, InDoubt, Misconfigured, ProtocolError, Transient
from eisd.model.outgoing import Envelope, SendRefused, Stage
from eisd.wire.smtp import Client, Endpoint

LETTER = b"Subject: hi\r\nBcc: e@x.test\r\n\r\nHello\r\n.\r\n..two\r\n"
ENVELOPE = Envelope("a@x.test", ("b@x.test", "c@x.test"))
SENT_PASSWORD = "hunter2"


class Commits:
    """Counts the commits of one message."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1


@asynccontextmanager
async def client_of(sink: Sink, ca_file: object = None):
    client = await Client.connect(sink.endpoint(ca_file), PATIENT)
    try:
        yield client
        await client.quit()
    finally:
        client.abort()


# What a decent server gets


async def test_a_message_as_the_server_gets_it():
    """Bcc is gone, dots are stuffed and taken away again, lines end in CRLF; twice."""
    async with Sink() as sink, client_of(sink) as client:
        commits = Commits()
        for letter in (LETTER, b"Subject: two\n\nbare\nlines"):
            receipt = await client.send(ENVELOPE, letter, commits)
        assert receipt.text == "queued as 1"
        assert receipt.recipients == ENVELOPE.recipients
        first, second = sink.taken

    assert first.rfc822 == b"Subject: hi\r\n\r\nHello\r\n.\r\n..two\r\n"
    assert second.rfc822 == b"Subject: two\r\n\r\nbare\r\nlines\r\n"
    assert (sink.connections, commits.count) == (1, 2)


@pytest.mark.parametrize(
    "ending", [b"\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\n"]
)
async def test_one_message_in_is_one_message_out(ending):
    """SMTP smuggling (6.3): whatever ends a message elsewhere ends none of ours."""
    smuggled = (
        b"Subject: a\r\n\r\nx" + ending + b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@x.test>\r\n"
    )
    async with Scripted() as server:
        client = await server.client()
        await client.send(ENVELOPE, smuggled)
        await client.quit()
        assert len(server.messages) == 1
        assert [line for line in server.lines if b"evil" in line] == []


async def test_tls_and_passwords(certs: Certs):
    """STARTTLS and TLS from the start, verified; PLAIN logs in, a wrong password is refused."""
    context = certs.server_context()
    for way in ({"starttls": context}, {"implicit": context}):
        async with Sink(logins={"me": SENT_PASSWORD}, **way) as sink:
            async with client_of(sink, certs.ca_file) as client:
                with pytest.raises(AuthRejected) as caught:
                    await client.login("me", "wrong")
                assert "wrong" not in str(caught.value)
                await client.login("me", SENT_PASSWORD)
                await client.send(ENVELOPE, LETTER)
            assert len(sink.taken) == 1


async def test_a_certificate_that_does_not_hold(certs: Certs):
    """No plain text instead, and no password sent."""
    async with Sink(starttls=certs.server_context()) as sink:
        with pytest.raises(Misconfigured) as caught:
            await Client.connect(sink.endpoint(), PATIENT)
        assert caught.value.code == "tls"


async def test_starttls_that_is_not_there_or_not_alone():
    """RF71: no fall-back to plain text; words before TLS is up are tampering."""
    offered = EHLO.replace(b"250-8BITMIME", b"250-STARTTLS")
    for replies in ({}, {"EHLO": offered, "STARTTLS": b"220 go\r\n250 injected\r\n"}):
        async with Scripted(replies) as server:
            with pytest.raises(Misconfigured) as caught:
                await Client.connect(Endpoint("127.0.0.1", server.port, "starttls"), PATIENT)
            assert caught.value.code == "tls"


async def test_smtputf8_size_and_dsn():
    """What an address needs is asked for where it is offered, else refused before MAIL (RF72)."""
    utf8 = Envelope("ärger@x.test", ("b@x.test",), utf8=True, envelope_id="s 1")
    letter = "From: ärger@x.test\r\n\r\nhi\r\n".encode()
    async with Sink() as sink, client_of(sink) as client:
        await client.send(utf8, letter)
        (taken,) = sink.taken
        assert taken.sender == "ärger@x.test"
        assert {"SMTPUTF8", "BODY=8BITMIME"} < set(taken.options)

    async with Sink(utf8=False, size=1000) as sink, client_of(sink) as client:
        for envelope, rfc822, enhanced in (
            (utf8, letter, "5.6.7"),
            (ENVELOPE, LETTER + b"x" * 1000, "5.3.4"),
            (Envelope("a@x.test", ("b@y>\r\nRCPT TO:<evil",)), LETTER, "5.1.3"),
        ):
            with pytest.raises(SendRefused) as caught:
                await client.send(envelope, rfc822)
            assert caught.value.refusals[0].enhanced == enhanced
        await client.send(ENVELOPE, LETTER)
        assert len(sink.taken) == 1


async def test_delivery_reports_are_asked_for():
    """RFC 3461: an envelope id that the report will quote, and for whom it is."""
    async with Scripted({"EHLO": b"250-test\r\n250 DSN\r\n"}) as server:
        client = await server.client()
        await client.send(Envelope("a@x.test", ("b+c@x.test",), envelope_id="s 1"), LETTER)
        assert b"MAIL FROM:<a@x.test> RET=HDRS ENVID=s+201" in server.lines
        rcpt = b"RCPT TO:<b+c@x.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bc@x.test"
        assert rcpt in server.lines


async def test_dsn_that_is_advertised_and_not_there():
    """RF31's rule for SMTP: the parameters are left out and the message goes."""

    async def picky(talk):
        line = server.lines[-1]
        await talk.send(b"555 no parameters\r\n" if b"RET" in line else b"250 ok\r\n")

    ehlo = b"250-test\r\n250 DSN\r\n"
    async with Scripted({"EHLO": ehlo, "MAIL": picky}) as server:
        client = await server.client()
        for _ in range(2):
            await client.send(ENVELOPE, LETTER)
        await client.quit()
        assert sum(b"RET" in line for line in server.lines) == 1


# Refusals


@pytest.mark.parametrize(
    ("place", "stage"),
    [("MAIL", Stage.MAIL), ("RCPT", Stage.RCPT), ("DATA", Stage.END), ("taken", Stage.END)],
)
@pytest.mark.parametrize("reply", ["451 4.7.1 later", "550 5.7.1 never"])
async def test_a_refusal_at_each_stage(place, stage, reply):
    """RF64, RF65: the code, the words and the stage; and the next message goes, over one line."""
    async with Sink() as sink, client_of(sink) as client:
        sink.replies[place] = reply
        commits = Commits()
        with pytest.raises(SendRefused) as caught:
            await client.send(ENVELOPE, LETTER, commits)
        (refusal, *_) = caught.value.refusals
        assert (str(refusal.code), refusal.stage) == (reply[:3], stage)
        assert refusal.text in {"later", "never"}
        assert commits.count == (stage is Stage.END)

        sink.replies.clear()
        sink.taken.clear()
        await client.send(ENVELOPE, LETTER)
        assert (len(sink.taken), sink.connections) == (1, 1)


async def test_data_refused_before_the_message():
    """The stage is DATA, and nothing was committed."""
    async with Scripted({"DATA": b"452 4.3.1 full\r\n"}) as server:
        client = await server.client()
        commits = Commits()
        with pytest.raises(SendRefused) as caught:
            await client.send(ENVELOPE, LETTER, commits)
        assert caught.value.refusals[0].stage is Stage.DATA
        assert (commits.count, server.lines[-1]) == (0, b"RSET")
        await client.quit()


async def test_some_recipients_are_refused():
    """RF66: the message goes to the others, and the receipt names who was left out and why."""
    async with Sink() as sink, client_of(sink) as client:
        sink.replies["c@x.test"] = "550 5.1.1 <c@x.test>: unknown"
        receipt = await client.send(ENVELOPE, LETTER)
        assert receipt.recipients == sink.taken[0].recipients == ("b@x.test",)
        (refusal,) = receipt.refusals
        assert (refusal.recipient, refusal.code, refusal.enhanced) == ("c@x.test", 550, "5.1.1")


async def test_421_closes_the_connection():
    """RF67: refused for now, and not another word over this line."""
    async with Scripted({"RCPT": b"421 4.3.0 going down\r\n"}) as server:
        client = await server.client()
        with pytest.raises(SendRefused) as caught:
            await client.send(ENVELOPE, LETTER)
        assert not caught.value.refusals[0].permanent
        assert client.lost is not None


# Losses


@pytest.mark.parametrize("fate", [drop, hang], ids=["drop", "hang"])
@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA"])
async def test_a_loss_before_the_message(place, fate):
    """RF68: certainly not sent, whether the server hangs up or hangs."""
    async with Scripted({place: fate}) as server:
        client = await server.client(timeouts=QUICK)
        commits = Commits()
        with pytest.raises(Transient):
            await client.send(ENVELOPE, LETTER, commits)
        assert commits.count == 0
        assert client.lost is not None


@pytest.mark.parametrize(
    "answer",
    [drop, hang, b"garbage\r\n", b"250", b"250-more\r\n", b"999 what\r\n", b"354 go on\r\n"],
)
async def test_a_loss_after_the_dot(answer):
    """RF69, RF70: nobody knows, and that is what is said."""

    async def partial(talk):
        await talk.send(answer)
        talk.close()

    whole = callable(answer) or answer.startswith((b"garbage", b"999", b"354"))
    async with Scripted({"data": answer if whole else partial}) as server:
        client = await server.client(timeouts=QUICK)
        commits = Commits()
        with pytest.raises(InDoubt):
            await client.send(ENVELOPE, LETTER, commits)
        assert (commits.count, len(server.messages)) == (1, 1)
        assert client.lost is not None


@pytest.mark.parametrize("said", [b"552 5.3.4 too big\r\n", b"421 bye\r\n", b"250 early\r\n"])
async def test_an_answer_before_the_dot(said):
    """What the server says while it is given the message is no answer to it: no dot is sent."""

    async def early(talk):
        await talk.send(b"354 go\r\n")
        while not await talk.reader.read(1 << 16):
            pass
        await talk.send(said)
        await talk.hang()

    async with Scripted({"DATA": early}) as server:
        client = await server.client()
        settled = asyncio.Event()

        async def commit():
            settled.set()
            for _ in range(1000):
                await asyncio.sleep(0.01)
                if client._greeted.lines._answer.done():
                    return

        with pytest.raises(SendRefused) as caught:
            await client.send(ENVELOPE, LETTER * 10, commit)
        assert caught.value.refusals[0].stage is Stage.DATA
        assert caught.value.refusals[0].code == int(said[:3])
        assert server.messages == []


async def test_a_stray_reply_is_no_answer():
    """Two replies to DATA in one packet: the second one would be taken for the message's."""
    async with Scripted({"DATA": b"354 go\r\n250 taken\r\n", "data": b"554 refused\r\n"}) as server:
        client = await server.client()
        with pytest.raises(ProtocolError):
            await client.send(ENVELOPE, LETTER)
        assert server.messages == []


async def test_a_server_that_takes_nothing_more():
    """A message of 24 MB that stalls is given up in time, before its end."""

    async def stall(talk):
        await talk.send(b"354 go\r\n")
        talk.writer.transport.pause_reading()
        await asyncio.sleep(3600)

    async with Scripted({"DATA": stall, "EHLO": b"250 test\r\n"}) as server:
        client = await server.client(timeouts=QUICK)
        with pytest.raises(Transient) as caught:
            await client.send(ENVELOPE, LETTER + (b"x" * 990 + b"\r\n") * 25_000)
        assert caught.value.code == "timeout"


async def test_a_large_message_arrives():
    """20 MB, with the dots of every line kept."""
    letter = b"Subject: big\r\n\r\n" + (b"." * 990 + b"\r\n") * 20_000
    async with Sink() as sink, client_of(sink) as client:
        await client.send(ENVELOPE, letter)
        assert sink.taken[0].rfc822 == letter


async def test_a_commit_that_fails_takes_the_message_back():
    """The end is not sent: the server drops the message, and the error is the caller's own."""

    async def broken():
        raise RuntimeError("disk full")

    async with Sink() as sink, client_of(sink) as client:
        with pytest.raises(RuntimeError):
            await client.send(ENVELOPE, LETTER, broken)
        assert client.lost is not None
    assert sink.taken == []


@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA", "data"])
async def test_a_cancelled_send_is_never_continued(place):
    """WIRE hazard (c): the connection is closed, so no reply is mistaken for another's."""
    async with Scripted({place: hang}) as server:
        client = await server.client()
        task = asyncio.create_task(client.send(ENVELOPE, LETTER))
        await server.heard(place.upper().encode())
        async with asyncio.timeout(20):
            while place == "data" and not server.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.lost is not None
        with pytest.raises(Transient):
            await client.send(ENVELOPE, LETTER)


async def test_a_line_that_died_is_noticed():
    """NOOP tells, and so does the end of the stream."""
    async with Sink() as sink, client_of(sink) as client:
        assert await client.alive()
        sink.hang_up()
        assert not await client.alive()


# Logins


async def test_how_logins_look():
    """PLAIN with an initial response, UTF-8 inside; tokens by XOAUTH2, or OAUTHBEARER alone."""
    bearer = EHLO.replace(b" XOAUTH2", b"")
    async with Scripted() as server, Scripted({"EHLO": bearer}) as other:
        first = await server.client()
        await first.login("jürgen", "pässwort")
        await (await server.client()).login_token("me@x.test", "tok")
        await (await other.client()).login_token("m,e", "tok")
        plain, token = (line for line in server.lines if line.startswith(b"AUTH"))
        assert plain == b"AUTH PLAIN " + b64encode("\0jürgen\0pässwort".encode())
        assert token == b"AUTH XOAUTH2 " + b64encode(b"user=me@x.test\x01auth=Bearer tok\x01\x01")
        where = f"host=127.0.0.1\x01port={other.port}".encode()
        packed = b64encode(b"n,a=m=2Ce,\x01" + where + b"\x01auth=Bearer tok\x01\x01")
        assert b"AUTH OAUTHBEARER " + packed in other.lines


async def test_login_word_by_word():
    """AUTH LOGIN, where nothing else is offered."""
    ehlo = b"250-test\r\n250 AUTH=LOGIN\r\n"
    async with Scripted({"EHLO": ehlo, "AUTH": b"334 VXNlcm5hbWU6\r\n"}) as server:
        server.replies[b64encode(b"me").decode().upper()] = b"334 UGFzc3dvcmQ6\r\n"
        client = await server.client()
        await client.login("me", SENT_PASSWORD)
        assert server.lines[-2:] == [b64encode(b"me"), b64encode(SENT_PASSWORD.encode())]


CHALLENGE = b64encode(b'{"status":"401","schemes":"bearer"}')


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (b"535 5.7.8 no\r\n", AuthRejected, "5.7.8"),
        (b"535-5.7.8 Username and Password\r\n535 5.7.8 not accepted\r\n", AuthRejected, "5.7.8"),
        (b"454 4.7.0 Temporary authentication failure\r\n", Transient, "4.7.0"),
        (b"454 4.7.0 Too many login attempts\r\n", Transient, "throttled"),
        (b"530 5.7.0 Must issue a STARTTLS command first\r\n", Misconfigured, "server"),
        (b"421 4.7.0 busy\r\n", Transient, "4.7.0"),
    ],
)
async def test_refused_logins(reply, error, code):
    """Who is to blame: the password, the server for now, or the configuration."""
    async with Scripted({"AUTH": reply}) as server:
        client = await server.client()
        with pytest.raises(error) as caught:
            await client.login("me", "pw")
        assert caught.value.code == code


async def test_smtp_auth_that_is_switched_off():
    """What Microsoft says then comes with the command that switches it on."""
    said = b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
    async with Scripted(
        {"AUTH": said + b"Mailbox. Visit https://aka.ms/smtp_auth_disabled\r\n"}
    ) as s:
        client = await s.client()
        with pytest.raises(AuthRejected, match="switched off") as caught:
            await client.login_token("me", "tok")
        assert "Set-CASMailbox ADDRESS" in caught.value.hint


async def test_a_refused_token_tells_the_challenge():
    """XOAUTH2's error challenge is answered, and its words are in the error; the token is not."""
    async with Scripted(
        {"AUTH": b"334 " + CHALLENGE + b"\r\n", "": b"535 5.7.8 tok no\r\n"}
    ) as server:
        client = await server.client()
        with pytest.raises(AuthRejected) as caught:
            await client.login_token("me", "tok")
        assert '"status":"401"' in str(caught.value)
        assert "tok" not in str(caught.value)


async def test_what_cannot_be_logged_in_to():
    """No AUTH at all, none that fits, a line break in the secret: nothing is sent."""
    for ehlo in (b"250 test\r\n", b"250-test\r\n250 AUTH GSSAPI\r\n"):
        async with Scripted({"EHLO": ehlo}) as server:
            client = await server.client()
            with pytest.raises(Misconfigured):
                await client.login("me", "pw")
    async with Scripted() as server:
        client = await server.client()
        with pytest.raises(Misconfigured):
            await client.login("me", "a\r\nb")
        assert not any(line.startswith(b"AUTH") for line in server.lines)


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (b"554 no service\r\n", Transient),
        (b"421 busy\r\n", Transient),
        (b"what\r\n", ProtocolError),
        (hang, Transient),
        (drop, Transient),
        (b"x" * 100_000, ProtocolError),
    ],
)
async def test_greetings(greeting, error):
    """RF13 for SMTP: refused, late, or nonsense; nothing hangs."""
    async with Scripted(greeting=greeting) as server:
        with pytest.raises(error):
            await server.client(timeouts=QUICK)
