"""One mail transaction (RFC 5321 section 3.3), exact about how far it came.

MAIL, RCPT..., DATA    a refusal or a loss: certainly not sent
the message            likewise: a server keeps nothing that has no end
before_commit          the caller writes down that the end is being sent
the last dot           from here on, only a reply settles it
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from eisd.errors import InDoubt, ProtocolError, Transient
from eisd.model.outgoing import Envelope, Receipt, Refusal, SendRefused, Stage
from eisd.wire.smtp_connect import OK, Greeted, Timeouts
from eisd.wire.smtp_data import stuffed, without_bcc
from eisd.wire.smtp_protocol import Early, Reply, Unanswered
from eisd.wire.smtp_words import refused

_START = 354
_CLOSING = 421
_NO_PARAMETER = frozenset({501, 504, 555})
_DIGITS = 16
_ADDRESS = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"|[^\x00-\x20"<>\x7f]+)@[^\x00-\x20"<>\x7f]+'
)
_LARGE = 256 << 10
"""Octets from which on a message is prepared off the event loop."""


class Transaction:
    """Sends messages, one after another, over one connection."""

    def __init__(self, greeted: Greeted, timeouts: Timeouts) -> None:
        self._lines = greeted.lines
        self._extensions = greeted.extensions
        self._timeouts = timeouts
        self._reports = "dsn" in greeted.extensions

    async def send(
        self,
        envelope: Envelope,
        rfc822: bytes,
        before_commit: Callable[[], Awaitable[None]] | None,
    ) -> Receipt:
        """Hand over one message. Raises `SendRefused`, `InDoubt`, `Transient`, `ProtocolError`."""
        large = len(rfc822) > _LARGE
        data = await asyncio.to_thread(_prepared, rfc822) if large else _prepared(rfc822)
        self._require(envelope, data)
        await self._mail(envelope, data)
        accepted, refusals = await self._recipients(envelope)
        await self._data()
        try:
            await self._lines.pour(data, self._timeouts.stall)
            if before_commit is not None:
                await self._commit(before_commit)
            reply = await self._end(len(data))
        except Early as error:  # no answer to a message that the server has not whole
            refusal = refused(error.reply.code, error.reply.text, Stage.DATA)
            raise SendRefused(_words(refusal), [refusal]) from error
        return Receipt(
            datetime.now(UTC), refused(0, reply.text, Stage.END).text, accepted, refusals
        )

    def _require(self, envelope: Envelope, data: bytes) -> None:
        """What the server is known not to take is not offered (RF72)."""
        if not all(map(_ADDRESS.fullmatch, (envelope.sender, *envelope.recipients))):
            raise _unsendable("5.1.3", "an address of the envelope is none")
        size = self._extensions.get("size", "")
        limit = int(size) if size.isdecimal() and len(size) < _DIGITS else 0
        if limit and len(data) > limit:
            said = f"the message has {len(data)} octets, the server takes {limit}"
            raise _unsendable("5.3.4", said)
        if envelope.utf8 and "smtputf8" not in self._extensions:
            said = "an address has letters beyond ASCII, and the server does not know SMTPUTF8"
            raise _unsendable("5.6.7", said)
        if not data.isascii() and "8bitmime" not in self._extensions and not envelope.utf8:
            raise _unsendable("5.6.3", "the message has 8-bit lines, which the server cannot take")

    async def _mail(self, envelope: Envelope, data: bytes) -> None:
        reply = await self._try_mail(envelope, data)
        if self._reports and reply.code in _NO_PARAMETER:
            self._reports = False  # advertised and not there
            reply = await self._try_mail(envelope, data)
        if reply.code != OK:
            raise await self._refuse(reply, Stage.MAIL)

    async def _try_mail(self, envelope: Envelope, data: bytes) -> Reply:
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if "size" in self._extensions:
            words.append(f"SIZE={len(data)}")
        if not data.isascii() and "8bitmime" in self._extensions:
            words.append("BODY=8BITMIME")
        if envelope.utf8:
            words.append("SMTPUTF8")
        if self._reports:
            words.append("RET=HDRS")
            if envelope.envelope_id:
                words.append(f"ENVID={_xtext(envelope.envelope_id)}")
        return await self._lines.ask(" ".join(words).encode(), self._timeouts.command)

    async def _recipients(self, envelope: Envelope) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
        accepted: list[str] = []
        refusals: list[Refusal] = []
        for recipient in envelope.recipients:
            words = [f"RCPT TO:<{recipient}>"]
            if self._reports and recipient.isascii():
                words.append(f"NOTIFY=FAILURE,DELAY ORCPT=rfc822;{_xtext(recipient)}")
            reply = await self._lines.ask(" ".join(words).encode(), self._timeouts.command)
            if reply.code // 100 == 2:  # noqa: PLR2004
                accepted.append(recipient)
                continue
            if reply.code == _CLOSING:
                raise await self._refuse(reply, Stage.RCPT)
            refusals.append(refused(reply.code, reply.text, Stage.RCPT, recipient))
        if not accepted:
            await self._reset()
            raise SendRefused(_words(refusals[0]), refusals)
        return tuple(accepted), tuple(refusals)

    async def _data(self) -> None:
        reply = await self._lines.ask(b"DATA", self._timeouts.command)
        if reply.code != _START:
            if reply.code // 100 == 2:  # noqa: PLR2004
                raise self._lines.fail(
                    ProtocolError("the server answers DATA with 2xx", code="reply")
                )
            raise await self._refuse(reply, Stage.DATA)

    async def _commit(self, before_commit: Callable[[], Awaitable[None]]) -> None:
        try:
            await before_commit()
        except BaseException:
            self._lines.fail(Transient("the message was called back", code="cancelled"))
            raise

    async def _end(self, size: int) -> Reply:
        limit = self._timeouts.end + size / self._timeouts.slowest
        try:
            reply = await self._lines.end(limit)
        except Unanswered as error:
            said = f"the message was sent, and no answer came: {error}"
            raise InDoubt(said, code="unanswered") from error
        if reply.code // 100 == 2:  # noqa: PLR2004
            return reply
        if reply.code // 100 in {4, 5}:
            raise await self._refuse(reply, Stage.END)
        self._lines.fail(ProtocolError(f"the server answers {reply.code}", code="reply"))
        raise InDoubt(f"the message was sent, and the answer is {reply.code}", code="unanswered")

    async def _refuse(self, reply: Reply, stage: Stage) -> SendRefused:
        """The refusal as an error; the connection is ready for another message, or gone."""
        if reply.code == _CLOSING:
            self._lines.fail(Transient("the server closed the connection", code="lost"))
        elif stage is not Stage.END:
            await self._reset()
        refusal = refused(reply.code, reply.text, stage)
        return SendRefused(_words(refusal), [refusal])

    async def _reset(self) -> None:
        try:
            reply = await self._lines.ask(b"RSET", self._timeouts.command)
        except (Transient, ProtocolError):
            return
        if reply.code != OK:
            self._lines.fail(ProtocolError("the server refuses RSET", code="reply"))


def _prepared(rfc822: bytes) -> bytes:
    return stuffed(without_bcc(rfc822))


def _unsendable(enhanced: str, said: str) -> SendRefused:
    return SendRefused(said, [Refusal(0, enhanced, said, Stage.MAIL)])


def _words(refusal: Refusal) -> str:
    said = " ".join(w for w in (str(refusal.code), refusal.enhanced, refusal.text) if w)
    return f"the server refused the message: {said}"


def _xtext(text: str) -> str:
    """RFC 3461 section 4."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)
