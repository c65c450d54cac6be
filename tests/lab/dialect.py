"""A front before Dovecot that speaks as Gmail or as Exchange does: capabilities, tokens, words.

Dovecot keeps the mail and does the work; the front rewrites what passes. Labels, threads and
message ids of Gmail lie in Dovecot as keywords (``$L_Sent``, ``$T_77``, ``$M_78``), so whoever
delivers gives them with the flags. Access tokens are in the test's hands.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
ASKED = re.compile(rb"X-GM-(?:MSGID|THRID|LABELS) ?")
FLAGS = re.compile(rb"FLAGS \(([^()]*)\)")
LIMIT = 1 << 24


@dataclass(frozen=True, slots=True)
class Tongue:
    """What a provider says word for word."""

    before: bytes
    after: bytes
    accepted: bytes
    bad_token: bytes
    challenge: bytes
    bad_password: bytes
    special_use: bool
    greeting: bytes


GMAIL = Tongue(
    before=b"IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR"
    b" AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER",
    after=b"IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS"
    b" ENABLE MOVE CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE"
    b" APPENDLIMIT=35651584",
    accepted=b"{tag} OK Thats all she wrote! 5b1f17b1804b1-x\r\n",
    bad_token=b"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n",
    challenge=b'{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}',
    bad_password=b"{tag} NO [ALERT] Application-specific password required:"
    b" https://support.google.com/answer/185833 (Failure)\r\n",
    special_use=True,
    greeting=b"* OK Gimap ready for requests from 127.0.0.1\r\n",
)
EXCHANGE = Tongue(
    before=b"IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE"
    b" NAMESPACE LITERAL+",
    after=b"IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT"
    b" CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE"
    b" LITERAL+",
    accepted=b"{tag} OK AUTHENTICATE completed.\r\n",
    bad_token=b"{tag} NO AUTHENTICATE failed.\r\n",
    challenge=b'{"status":"400"}',
    bad_password=b"{tag} NO LOGIN failed.\r\n",
    special_use=False,
    greeting=b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
)


@dataclass(slots=True)
class Rule:
    """The next ``times`` commands that begin so get this answer, and then perhaps the end."""

    begins: bytes
    answer: bytes
    times: int
    close: bool


@dataclass(slots=True)
class Front:
    """The front, on a free port of loopback, for one ``async with``."""

    tongue: Tongue
    port_imap: int
    """Dovecot's, in plain text."""
    password: str = "secret"
    """Of every user of that Dovecot; as an app password it is taken, too."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Token to the address it opens; ``""``: it is known and opens no mailbox."""
    connections: int = 15
    """So many sessions are allowed at once."""
    logins: list[str] = field(default_factory=list)
    """Who logged in, and how, in order."""
    commands: list[bytes] = field(default_factory=list)
    """What clients sent, without tags."""
    port: int = 0
    rules: list[Rule] = field(default_factory=list)
    links: set[_Link] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answer(self, begins: str, answer: bytes, *, times: int = 1, close: bool = False) -> None:
        """Answer the next commands that begin so; ``{tag}`` stands for the tag."""
        self.rules.append(Rule(begins.upper().encode(), answer, times, close))

    def expire(self, token: str) -> None:
        """The token's time is over: sessions that live by it are cut, as Exchange does."""
        self.tokens.pop(token, None)
        for link in list(self.links):
            if link.token == token:
                link.cut(b"* BYE Session invalidated - AccessTokenExpired\r\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(self, reader, writer)
        try:
            await link.run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.links.discard(link)
            link.close()
            self._tasks.discard(task)


class _Link:
    """One client, and its connection to Dovecot."""

    def __init__(
        self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._front = front
        self._tongue = front.tongue
        self._reader = reader
        self._writer = writer
        self.token = ""
        self._barred = False
        self._logged_in = False

    def cut(self, farewell: bytes) -> None:
        """Say a last word and hang up."""
        self._writer.write(farewell)
        self._writer.close()

    def close(self) -> None:
        self._writer.close()
        if hasattr(self, "_up"):
            self._up.close()

    async def run(self) -> None:
        """Relay until one side goes."""
        self._down, self._up = await asyncio.open_connection(
            "127.0.0.1", self._front.port_imap, limit=LIMIT
        )
        await self._down.readline()
        await self._send(self._tongue.greeting)
        back = asyncio.ensure_future(self._answers())
        try:
            while line := await self._reader.readline():
                if await self._command(line):
                    break
        finally:
            back.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await back

    async def _send(self, data: bytes, tag: bytes = b"") -> None:
        self._writer.write(data.replace(b"{tag}", tag))
        await self._writer.drain()

    async def _command(self, line: bytes) -> bool:
        """Pass a command on, or answer it; True: the conversation is over."""
        tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
        self._front.commands.append(rest or tag)
        for rule in self._front.rules:
            if rest.upper().startswith(rule.begins) and rule.times:
                rule.times -= 1
                await self._send(rule.answer, tag)
                return rule.close
        words = rest.split(b" ")
        name = words[0].upper()
        if name in {b"AUTHENTICATE", b"LOGIN"}:
            return await self._login(tag, name, words)
        if self._barred:
            barred = b"{tag} BAD User is authenticated but not connected.\r\n"
            await self._send(barred + b"* BYE Connection closed. 14\r\n", tag)
            return True
        if name == b"CAPABILITY":
            said = self._tongue.after if self._logged_in else self._tongue.before
            await self._send(b"* CAPABILITY " + said + b"\r\n{tag} OK done\r\n", tag)
        else:
            await self._pass(ASKED.sub(b"", line) if name == b"UID" else line)
        return False

    async def _login(self, tag: bytes, name: bytes, words: list[bytes]) -> bool:
        if name == b"LOGIN":
            user, password = (w.strip(b'"').decode() for w in words[1:3])
        elif words[1].upper() == b"PLAIN":
            packed = words[2] if len(words) > 2 else await self._asked()
            user, password = base64.b64decode(packed).decode().split("\0")[1:]
        else:
            return await self._token(tag, words)
        return await self._enter(tag, user, "password", right=password == self._front.password)

    async def _pass(self, line: bytes) -> None:
        self._up.write(line)
        while literal := LITERAL.search(line):
            self._up.write(await self._reader.readexactly(int(literal[1])))
            line = await self._reader.readline()
            self._up.write(line)
        await self._up.drain()

    async def _asked(self, challenge: bytes = b"") -> bytes:
        await self._send(b"+ " + challenge + b"\r\n")
        return (await self._reader.readline()).rstrip(b"\r\n")

    async def _token(self, tag: bytes, words: list[bytes]) -> bool:
        packed = words[2] if len(words) > 2 else await self._asked()
        said = base64.b64decode(packed).decode()
        found = re.search(r"auth=Bearer ([^\x01]*)", said)
        user = re.search(r"(?:user=|n,a=)([^\x01,]*)", said)
        assert found is not None
        assert user is not None
        opens = self._front.tokens.get(found[1])
        self.token = found[1]
        if opens == "":
            self._barred = True
            await self._send(self._tongue.accepted, tag)
            return False
        if opens != user[1]:
            await self._asked(base64.b64encode(self._tongue.challenge))
            await self._send(self._tongue.bad_token, tag)
            return False
        return await self._enter(tag, user[1], True, "token")

    async def _enter(self, tag: bytes, user: str, right: bool, way: str) -> bool:
        """Log in to Dovecot for whoever may."""
        if not right:
            await self._send(self._tongue.bad_password, tag)
            return False
        if len(self._front.links) >= self._front.connections:
            too_many = b"{tag} NO [ALERT] Too many simultaneous connections. (Failure)\r\n"
            await self._send(too_many, tag)
            return False
        self._front.links.add(self)
        self._front.logins.append(f"{way} {user}")
        self._logged_in = True
        self._entering = tag
        self._up.write(f'{tag.decode()} LOGIN "{user}" "{self._front.password}"\r\n'.encode())
        await self._up.drain()
        return False

    async def _answers(self) -> None:
        """Relay what Dovecot says, in the tongue."""
        while line := await self._down.readline():
            parts = [line]
            while literal := LITERAL.search(parts[-1]):
                parts.append(await self._down.readexactly(int(literal[1])))
                parts.append(await self._down.readline())
            await self._send(b"".join(self._translated(parts)))
        self._writer.close()

    def _translated(self, parts: list[bytes]) -> Iterable[bytes]:
        first = parts[0]
        if self._logged_in and first.startswith(getattr(self, "_entering", b"\r") + b" OK"):
            tag, self._entering = self._entering, b"\r"
            first = self._tongue.accepted.replace(b"{tag}", tag)
        elif first.startswith(b"* CAPABILITY"):
            first = b""
        elif first.startswith(b"* LIST") and not self._tongue.special_use:
            first = re.sub(rb"\\(Sent|Drafts|Junk|Trash|Archive|All) ?", b"", first)
        elif b" FETCH (" in first[:30] and (flags := FLAGS.search(first)):
            first = self._labelled(first, flags)
        return (first, *parts[1:])

    def _labelled(self, line: bytes, flags: re.Match[bytes]) -> bytes:
        """The keywords of a FETCH answer as Gmail's items."""
        own: dict[bytes, list[bytes]] = {b"L": [], b"T": [], b"M": []}
        plain = []
        for word in flags[1].split():
            if word[:1] == b"$" and word[2:3] == b"_" and word[1:2] in own:
                own[word[1:2]].append(word[3:])
            else:
                plain.append(word)
        line = line.replace(flags[0], b"FLAGS (" + b" ".join(plain) + b")")
        if b"X-GM-EXT-1" not in self._tongue.after:
            return line
        labels = b" ".join(_label(word) for word in own[b"L"])
        thread = own[b"T"][0] if own[b"T"] else b"1"
        message = own[b"M"][0] if own[b"M"] else b"1"
        items = b"X-GM-MSGID %s X-GM-THRID %s X-GM-LABELS (%s) " % (message, thread, labels)
        return line.replace(b" FETCH (", b" FETCH (" + items, 1)


SYSTEM = (b"Inbox", b"Sent", b"Draft", b"Starred", b"Important", b"Spam", b"Trash", b"Chat")


def _label(word: bytes) -> bytes:
    """A label as Gmail writes it: its own with a backslash, in quotes."""
    return b'"\\\\%s"' % word if word in SYSTEM else b'"%s"' % word
