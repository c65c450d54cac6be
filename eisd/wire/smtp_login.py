"""AUTH (RFC 4954): PLAIN, LOGIN, and tokens by XOAUTH2 and OAUTHBEARER (RFC 7628).

No secret is left in an error: servers like to quote what they refuse.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from eisd.errors import AuthRejected, DriverError, Misconfigured
from eisd.model.outgoing import Stage
from eisd.wire.dial import Endpoint
from eisd.wire.smtp_connect import Greeted, refusal_error
from eisd.wire.smtp_protocol import Reply
from eisd.wire.smtp_words import Means, meaning, refused

_DONE, _GO_ON, _NO_SUCH = 235, 334, 504
_INITIAL = 12_000  # octets that may stand in the AUTH line itself (RFC 4954 section 4)
_TOKEN_REFUSED = {"XOAUTH2": b"", "OAUTHBEARER": b64encode(b"\x01")}
_MAX_CHALLENGE = 300


class Authenticator:
    """Logs one connection in."""

    def __init__(self, greeted: Greeted, endpoint: Endpoint, limit: float) -> None:
        self._lines = greeted.lines
        self._greeted = greeted
        self._endpoint = endpoint
        self._limit = limit

    async def password(self, user: str, password: str) -> None:
        """PLAIN, else LOGIN. Raises `AuthRejected`, `Misconfigured`, `Transient`."""
        self._check("a password", {"PLAIN", "LOGIN"}, user, password)
        if "PLAIN" in self._greeted.mechanisms:
            initial = f"\0{user}\0{password}".encode()
            reply = await self._sasl("PLAIN", initial)
            if reply.code != _NO_SUCH or "LOGIN" not in self._greeted.mechanisms:
                return self._done(reply, password)
        return self._done(await self._login(user, password), password)

    async def token(self, user: str, token: str) -> None:
        """XOAUTH2, or OAUTHBEARER where it alone is offered."""
        self._check("an OAuth token", {"XOAUTH2", "OAUTHBEARER"}, user, token)
        if "XOAUTH2" in self._greeted.mechanisms:
            initial = f"user={user}\x01auth=Bearer {token}\x01\x01"
            return self._done(await self._sasl("XOAUTH2", initial.encode()), token)
        name = user.replace("=", "=3D").replace(",", "=2C")
        where = f"host={self._endpoint.host}\x01port={self._endpoint.port}"
        initial = f"n,a={name},\x01{where}\x01auth=Bearer {token}\x01\x01"
        return self._done(await self._sasl("OAUTHBEARER", initial.encode()), token)

    async def _login(self, user: str, password: str) -> Reply:
        reply = await self._lines.ask(b"AUTH LOGIN", self._limit)
        for secret in (user, password):
            if reply.code != _GO_ON:
                return reply
            reply = await self._lines.ask(b64encode(secret.encode()), self._limit)
        return reply

    async def _sasl(self, mechanism: str, initial: bytes) -> Reply:
        """One round; an error challenge is answered, and kept for the message."""
        packed = b64encode(initial)
        line = b"AUTH " + mechanism.encode()
        at_once = line + b" " + packed if len(packed) < _INITIAL else line
        reply = await self._lines.ask(at_once, self._limit)
        if reply.code == _GO_ON and not reply.text.strip():  # it takes no initial response
            reply = await self._lines.ask(packed, self._limit)
        if reply.code != _GO_ON:
            return reply
        challenge = _readable(reply.text)
        reply = await self._lines.ask(_TOKEN_REFUSED.get(mechanism, b"*"), self._limit)
        return reply._replace(text=f"{reply.text} {challenge}".strip())

    def _done(self, reply: Reply, secret: str) -> None:
        if reply.code != _DONE:
            raise self._refused(reply, secret)

    def _refused(self, reply: Reply, secret: str) -> DriverError:
        text = reply.text
        for leaked in (secret, b64encode(secret.encode()).decode("ascii")):
            text = text.replace(leaked, "***")
        reply = Reply(reply.code, text)
        refusal = refused(reply.code, reply.text, Stage.LOGIN)
        found = meaning(refusal)
        if found.means not in {Means.AUTH, Means.PERMANENT}:
            return refusal_error(reply, "AUTH", Stage.LOGIN)
        said = f"the server refused AUTH: {reply.code} {refusal.enhanced} {refusal.text}"
        code = refusal.enhanced or str(reply.code)
        return AuthRejected(
            f"{found.say}: {said}" if found.say else said, code=code, hint=found.fix
        )

    def _check(self, what: str, usable: set[str], *texts: str) -> None:
        offered = self._greeted.mechanisms
        if any(char in text for text in texts for char in "\0\r\n"):
            raise Misconfigured(
                "the user name or the secret holds a line break or a NUL", code="config"
            )
        if not offered:
            hint = "is it the submission port, 587 or 465? a relay that wants no login wants no"
            said = f"{self._endpoint.host} offers no login here"
            raise Misconfigured(said, code="server", hint=f"{hint} password in smtp either")
        if not offered & usable:
            ways = ", ".join(sorted(offered))
            said = f"{self._endpoint.host} takes no login with {what}, only {ways}"
            raise Misconfigured(said, code="server")


def _readable(challenge: str) -> str:
    try:
        return b64decode(challenge)[:_MAX_CHALLENGE].decode("utf-8", "replace")
    except ValueError:
        return ""
