"""Logging in, and keeping secrets while doing it."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lab.scripted import QUICK, Scripted

from eisd.errors import AuthRejected, Misconfigured, Transient
from eisd.wire.imap import Client, Endpoint, Timeouts


def capable(words):
    return b"* CAPABILITY IMAP4rev1 " + words + b"\r\n{tag} OK done\r\n"


async def continued(talk):
    """Ask for the response, then accept it."""
    await talk.send(b"+ \r\n")
    await talk.line()
    await talk.send(b"{tag} OK done\r\n")


async def test_plain_with_an_initial_response():
    """SASL-IR: one line, UTF-8 inside."""
    async with Scripted() as server:
        client = await server.client(login=False)
        await client.auth("jürgen", "pässwort")
        packed = b64encode("\0jürgen\0pässwort".encode())
        assert server.sent("AUTHENTICATE") == [b"AUTHENTICATE PLAIN " + packed]
        await client.logout()


async def test_plain_with_a_continuation():
    """Without SASL-IR the response waits until it is asked for."""
    replies = {"CAPABILITY": capable(b"AUTH=PLAIN"), "AUTHENTICATE": continued}
    async with Scripted(replies) as server:
        client = await server.client(login=False)
        await client.auth("u", "p")
        assert server.sent("AUTHENTICATE") == [b"AUTHENTICATE PLAIN"]
        assert b64encode(b"\0u\0p") in server.lines
        await client.logout()


async def test_tokens():
    """XOAUTH2 and OAUTHBEARER (RFC 7628), the user's commas escaped."""
    async with Scripted() as server:
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            client = await server.client(login=False)
            await client.authenticate(mechanism, "a,b@x", "tok")
            await client.logout()
        where = f"host=127.0.0.1\x01port={server.port}".encode()
        xoauth2 = b64encode(b"user=a,b@x\x01auth=Bearer tok\x01\x01")
        bearer = b64encode(b"n,a=a=2Cb@x,\x01" + where + b"\x01auth=Bearer tok\x01\x01")
        assert server.sent("AUTHENTICATE") == [
            b"AUTHENTICATE XOAUTH2 " + xoauth2,
            b"AUTHENTICATE OAUTHBEARER " + bearer,
        ]


async def test_login_quotes_both():
    """WR14: a user with a space, a password with a quote."""
    async with Scripted({"CAPABILITY": capable(b"")}) as server:
        client = await server.client(login=False)
        await client.auth("john doe", 'pa"s\\s')
        assert server.sent("LOGIN") == [b'LOGIN "john doe" "pa\\"s\\\\s"']
        await client.logout()


@pytest.mark.parametrize(
    ("user", "password", "rest"),
    [
        ("u", "é", [b'LOGIN "u" {2}', b"\xc3\xa9"]),
        ("é", "p", [b"LOGIN {2}", b'\xc3\xa9 "p"']),
        ("é", "ü", [b"LOGIN {2}", b"\xc3\xa9 {2}", b"\xc3\xbc"]),
    ],
)
async def test_login_sends_other_characters_as_literals(user, password, rest):
    """What is not ASCII cannot be quoted (RFC 3501 section 9)."""

    async def login(talk):
        for _ in rest[1:]:
            await talk.send(b"+ go\r\n")
            await talk.line()
        await talk.send(b"{tag} OK done\r\n")

    async with Scripted({"LOGIN": login}) as server:
        client = await server.client(login=False)
        await client.login(user, password)
        at = next(n for n, line in enumerate(server.lines) if b"LOGIN" in line)
        first, *others = server.lines[at : at + len(rest)]
        assert [first.partition(b" ")[2], *others] == rest
        await client.logout()


async def test_plain_that_is_advertised_and_not_there():
    """RF31: BAD to AUTHENTICATE falls back to LOGIN; NO never does, or an account gets locked."""
    async with Scripted({"AUTHENTICATE": b"{tag} BAD what\r\n"}) as server:
        client = await server.client(login=False)
        await client.auth("u", "p")
        assert len(server.sent("LOGIN")) == 1
        await client.logout()
    async with Scripted({"AUTHENTICATE": b"{tag} NO wrong\r\n"}) as server:
        client = await server.client(login=False)
        with pytest.raises(AuthRejected):
            await client.auth("u", "p")
        assert server.sent("LOGIN") == []
        await client.logout()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n", AuthRejected),
        (b"{tag} NO [UNAVAILABLE] later\r\n", Transient),
        (b"* BYE too many failures\r\n{tag} NO LOGIN failed\r\n", AuthRejected),
        (b"* BYE [AUTHENTICATIONFAILED] go away\r\n", AuthRejected),
        (b"* BYE overloaded\r\n", Transient),
    ],
)
async def test_refusals(reply, error):
    """RF14, RF15: who is to blame, also when the server says BYE around it."""
    async with Scripted({"LOGIN": reply}) as server:
        client = await server.client(login=False, timeouts=Timeouts())
        with pytest.raises(error):
            await client.login("u", "p")
        client.abort()


async def test_a_server_that_echoes_the_secret():
    """A secret that the server quotes back is not in our error."""
    async with Scripted({"LOGIN": b"{tag} NO no such login: u hunter2 aHVudGVyMg==\r\n"}) as server:
        client = await server.client(login=False)
        with pytest.raises(AuthRejected) as caught:
            await client.login("u", "hunter2")
        assert "no such login" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "aHVudGVyMg" not in str(caught.value)
        await client.logout()


async def test_logindisabled():
    """No password is sent where the server says it takes none."""
    async with Scripted({"CAPABILITY": capable(b"LOGINDISABLED")}) as server:
        client = await server.client(login=False)
        with pytest.raises(Misconfigured) as caught:
            await client.auth("u", "p")
        assert caught.value.code == "tls"
        assert server.sent("LOGIN") == []
        await client.logout()


@pytest.mark.parametrize("password", ["a\r\nb", "a\nb", "a\0b"])
async def test_a_secret_with_a_line_break_is_refused(password):
    """A second command cannot hide in a password; a SASL mechanism cannot carry a NUL."""
    async with Scripted() as server:
        client = await server.client(login=False)
        before = len(server.lines)
        for call in (client.auth, client.login, client.authenticate_plain):
            with pytest.raises(Misconfigured):
                await call("u", password)
        with pytest.raises(Misconfigured):
            await client.authenticate("XOAUTH2", "u", password)
        assert len(server.lines) == before
        await client.logout()


@pytest.mark.parametrize(
    "replies",
    [
        {"CAPABILITY": capable(b"AUTH=PLAIN")},
        {"CAPABILITY": capable(b"STARTTLS AUTH=PLAIN"), "STARTTLS": b"{tag} NO not today\r\n"},
        {"CAPABILITY": capable(b"STARTTLS AUTH=PLAIN"), "STARTTLS": b"{tag} BAD what\r\n"},
    ],
)
async def test_6_7_no_credentials_without_tls(replies):
    """STARTTLS missing or refused: nothing but CAPABILITY and STARTTLS was ever sent."""
    async with Scripted(replies) as server:
        with pytest.raises(Misconfigured) as caught:
            await Client.connect(Endpoint("127.0.0.1", server.port, "starttls"), QUICK)
        assert caught.value.code == "tls"
        commands = {line.partition(b" ")[2] for line in server.lines if line}
        assert commands <= {b"CAPABILITY", b"STARTTLS"}


@pytest.mark.parametrize("mode", ["starttls", "none"])
async def test_6_8_preauth_without_tls_is_refused(mode):
    """A PREAUTH greeting in plain text may be anybody's (RFC 9051 section 11.1)."""
    async with Scripted(greeting=b"* PREAUTH welcome\r\n") as server:
        with pytest.raises(Misconfigured) as caught:
            await Client.connect(Endpoint("127.0.0.1", server.port, mode), QUICK)
        assert caught.value.code == "tls"


@pytest.mark.parametrize(
    "injected",
    [
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
        b"x OK done\r\n",
        b"* 1 EXI",
        b"\r\n",
        b"* X {9}\r\n",
    ],
)
async def test_6_8_octets_after_starttls_are_an_attack(injected):
    """CVE-2021-38371 and its family: a complete line or half of one, in the segment of the OK."""
    replies = {"CAPABILITY": capable(b"STARTTLS"), "STARTTLS": b"{tag} OK begin\r\n" + injected}
    async with Scripted(replies) as server:
        with pytest.raises(Misconfigured, match="before TLS"):
            await Client.connect(Endpoint("127.0.0.1", server.port, "starttls"), QUICK)
        assert server.sent("AUTHENTICATE") == []
