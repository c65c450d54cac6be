"""Logging in: LOGIN, and AUTHENTICATE with PLAIN, XOAUTH2 and OAUTHBEARER.

No secret leaves on a connection without TLS unless the endpoint says ``tls = "none"``, and none
is left in an error: servers like to quote what they refuse.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator

from aioimaplib.aioimaplib import AUTH

from eisd.errors import DriverError, Misconfigured, Rejected
from eisd.wire import imap_refusal as refusal
from eisd.wire.dial import Endpoint
from eisd.wire.imap_command import Answer, WireCommand
from eisd.wire.imap_connect import Timeouts, ask_capabilities
from eisd.wire.imap_grammar import quote
from eisd.wire.imap_protocol import WireProtocol
from eisd.wire.imap_responses import Completion

_TOKEN_REFUSED = {"XOAUTH2": b"", "OAUTHBEARER": b"\x01"}
"""What answers the error challenge (RFC 7628 section 3.2.3), so that the server says NO."""
_MAX_CHALLENGE = 300


class Authenticator:
    """Logs one connection in."""

    def __init__(self, protocol: WireProtocol, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._protocol = protocol
        self._endpoint = endpoint
        self._timeouts = timeouts

    async def auth(self, user: str, password: str) -> None:
        """AUTHENTICATE PLAIN where it is offered, else LOGIN."""
        self._check(password)
        if "AUTH=PLAIN" in self._protocol.capabilities:
            try:
                await self.plain(user, password)
            except Rejected:  # BAD: advertised and not there
                await self.login(user, password)
        else:
            await self.login(user, password)

    async def login(self, user: str, password: str) -> None:
        """LOGIN (RFC 9051 section 6.2.3); what is not ASCII goes as a literal."""
        self._check(user, password)
        if "LOGINDISABLED" in self._protocol.capabilities:
            hint = "the server wants TLS before a login" if self._endpoint.tls == "none" else ""
            raise Misconfigured("the server allows no login here", code="tls", hint=hint)
        lines = _lines(_sendable(user), _sendable(password))
        first = next(lines).decode("ascii")
        await self._run("LOGIN", (first,), lambda _: next(lines, b"") + b"\r\n", secret=password)

    async def plain(self, user: str, password: str) -> None:
        """AUTHENTICATE PLAIN (RFC 4616)."""
        self._check(user, password)
        await self._sasl("PLAIN", f"\0{user}\0{password}".encode(), secret=password)

    async def token(self, mechanism: str, user: str, token: str) -> None:
        """AUTHENTICATE XOAUTH2, or OAUTHBEARER (RFC 7628)."""
        self._check(user, token)
        if mechanism == "OAUTHBEARER":
            name = user.replace("=", "=3D").replace(",", "=2C")
            where = f"host={self._endpoint.host}\x01port={self._endpoint.port}"
            initial = f"n,a={name},\x01{where}\x01auth=Bearer {token}\x01\x01"
        else:
            initial = f"user={user}\x01auth=Bearer {token}\x01\x01"
        await self._sasl(mechanism, initial.encode(), secret=token)

    async def _sasl(self, mechanism: str, initial: bytes, *, secret: str) -> None:
        """One round; an error challenge is kept for the message and answered."""
        packed = b64encode(initial)
        at_once = "SASL-IR" in self._protocol.capabilities
        waiting = [] if at_once else [packed]
        challenges: list[bytes] = []

        def answer(text: bytes) -> bytes:
            if waiting:
                return waiting.pop() + b"\r\n"
            challenges.append(text)
            return b64encode(_TOKEN_REFUSED.get(mechanism, b"")) + b"\r\n"

        args = (mechanism, packed.decode("ascii")) if at_once else (mechanism,)
        await self._run("AUTHENTICATE", args, answer, secret=secret, challenges=challenges)

    async def _run(
        self,
        name: str,
        args: tuple[str, ...],
        answer: Answer,
        *,
        secret: str,
        challenges: list[bytes] | None = None,
    ) -> None:
        protocol = self._protocol
        before = protocol.capabilities

        def then(done: Completion) -> None:
            if done.ok:
                protocol.state = AUTH

        limit = self._timeouts.login
        command = WireCommand(
            name, protocol.new_tag(), *args, limit=limit, answer=answer, then=then
        )
        done = await protocol.execute(command, alone=True)
        if not done.ok:
            raise self._refused(name, done, secret, challenges or [])
        if protocol.capabilities is before:  # the server did not say them with its OK
            await ask_capabilities(protocol, self._timeouts.command)

    def _refused(
        self, name: str, done: Completion, secret: str, challenges: list[bytes]
    ) -> DriverError:
        text = done.text
        for challenge in challenges:
            text = f"{text} {_readable(challenge)}".strip()
        for leaked in (secret, b64encode(secret.encode()).decode("ascii")):
            text = text.replace(leaked, "***")
        return refusal.of_login(done._replace(text=text), name)

    def _check(self, *texts: str) -> None:
        if self._protocol.lost is not None:
            raise self._protocol.lost
        if self._endpoint.tls != "none" and not self._protocol.secured:
            raise Misconfigured("no login before TLS is up", code="tls")
        if any(char in text for text in texts for char in "\0\r\n"):
            raise Misconfigured(
                "the user name or the secret holds a line break or a NUL", code="config"
            )


def _sendable(text: str) -> str | bytes:
    """A quoted string, or the octets of a literal."""
    return quote(text) if text.isascii() else text.encode()


def _lines(*arguments: str | bytes) -> Iterator[bytes]:
    """The rest of a command, cut where the server must first ask for a literal."""
    line = b""
    for argument in arguments:
        separator = b" " if line else b""
        if isinstance(argument, str):
            line += separator + argument.encode("ascii")
        else:
            yield line + separator + b"{%d}" % len(argument)
            line = argument
    yield line


def _readable(challenge: bytes) -> str:
    try:
        return b64decode(challenge)[:_MAX_CHALLENGE].decode("utf-8", "replace")
    except ValueError:
        return ""
