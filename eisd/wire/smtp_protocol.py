"""aiosmtplib's protocol, strict about who speaks when: the one module that knows its inside.

One task owns a connection. A timeout, a cancellation or a word out of turn drops it, since the
next reply could not be told from the last; `Lines.lost` then says why.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from aiosmtplib.errors import SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError
from aiosmtplib.protocol import SMTPProtocol

from eisd.errors import DriverError, ProtocolError, Transient
from eisd.wire import tls

_CHUNK = 64 << 10
_LOWEST, _HIGHEST = 200, 599


class Reply(NamedTuple):
    """A reply of the server: its code, and its text with the lines as they came."""

    code: int
    text: str


class Early(Exception):
    """The server answered a message before it had the end of it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


class Unanswered(Exception):
    """The last dot is with the server and its answer is not with us."""


class Lines(SMTPProtocol):
    """A connection: a line to the server, a reply back."""

    lost: DriverError | None = None
    """Why the connection is of no more use, None while it is."""
    _answer: asyncio.Task[Any] | None = None
    """To the message that is being sent."""

    async def greeting(self, limit: float) -> Reply:
        """What the server says first."""
        with self._dropping():
            response = await self.read_response(timeout=limit)
        return self._sane(Reply(*response))

    async def ask(self, line: bytes, limit: float) -> Reply:
        """Send a line and wait for the reply to it.

        Raises `Transient` or `ProtocolError`, and then the connection is gone.
        """
        self._check_turn()
        with self._dropping():
            response = await self.execute_command(line, timeout=limit)
        return self._sane(Reply(*response))

    # A message

    async def pour(self, data: bytes, stall: float) -> None:
        """Write a message but for its last dot; the server must take some of it in ``stall`` s.

        Raises `Early`, and what `ask` raises.
        """
        self._check_turn()
        answer = self._answer = asyncio.create_task(self.read_response(timeout=None))
        answer.add_done_callback(_looked_at)
        with self._dropping():
            for at in range(0, len(data), _CHUNK):
                self.write(data[at : at + _CHUNK])
                await self._room(answer, stall)

    async def end(self, limit: float) -> Reply:
        """The last dot, and the answer to the message.

        Raises `Early` or `Transient` if the dot was not sent, `Unanswered` if it was.
        """
        answer, self._answer = self._answer, None
        if answer is None:
            raise AssertionError("no message was poured")
        with self._dropping():
            self._check_early(answer)
            self.write(b".\r\n")
        with self._dropping():
            await asyncio.wait({answer}, timeout=limit)
        if not answer.done():
            answer.cancel()
            raise Unanswered(str(self._gone(SMTPTimeoutError("no answer"))))
        if error := answer.exception():
            raise Unanswered(str(self._gone(error))) from error
        return Reply(*answer.result())

    async def _room(self, answer: asyncio.Task[Any], stall: float) -> None:
        """Until the transport wants more."""
        if self._paused:
            room = asyncio.create_task(self._drain_helper())
            room.add_done_callback(_looked_at)
            either = {room, answer}
            done, _ = await asyncio.wait(either, timeout=stall, return_when=asyncio.FIRST_COMPLETED)
            room.cancel()
            if not done:
                raise SMTPTimeoutError("the server takes no more of the message")
        self._check_early(answer)

    def _check_early(self, answer: asyncio.Task[Any]) -> None:
        """Nothing is said before the dot; a loss that was noticed is no doubt."""
        if answer.done():
            reply = Reply(*answer.result())
            self.fail(Transient("the server broke off the message", code="lost"))
            raise Early(reply)

    # The connection

    @property
    def has_unread(self) -> bool:
        """The server has said more than it was asked for."""
        return bool(self._buffer)

    @property
    def name(self) -> str:
        """Our end's address."""
        if self.transport is None:
            return ""
        address: tuple[str, ...] = self.transport.get_extra_info("sockname")
        return address[0].partition("%")[0]

    @property
    def cipher(self) -> str:
        """What TLS was agreed on."""
        if self.transport is None:
            return ""
        name, version, _ = self.transport.get_extra_info("cipher")
        return f"{version} {name}{tls.until(self.transport)}"

    async def secure(self, context: ssl.SSLContext, name: str, limit: float) -> None:
        """TLS on this connection, after the server agreed to it."""
        self.transport = await asyncio.get_running_loop().start_tls(
            cast("asyncio.Transport", self.transport),
            self,
            context,
            server_hostname=name,
            ssl_handshake_timeout=limit,
        )
        self._over_ssl = True

    def fail(self, error: DriverError) -> DriverError:
        """Drop the connection; what happened first stays the reason."""
        self.lost = self.lost or error
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()
        return self.lost

    def _check_turn(self) -> None:
        if self.lost is not None:
            raise self.lost
        if self._buffer:
            raise self.fail(ProtocolError("the server speaks out of turn", code="turn"))

    def _sane(self, reply: Reply) -> Reply:
        if _LOWEST <= reply.code <= _HIGHEST:
            return reply
        raise self.fail(ProtocolError(f"the server answers {reply.code}", code="reply"))

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        """Whatever goes wrong inside ends the connection, and is raised as its users know it."""
        try:
            yield
        except Early:
            raise
        except BaseException as error:
            known = self._gone(error)
            if known is error:
                raise
            raise known from error

    def _gone(self, error: BaseException) -> BaseException:
        match error:
            case DriverError():
                return self.fail(error)
            case SMTPTimeoutError() | TimeoutError():
                return self.fail(Transient("the server did not answer in time", code="timeout"))
            case SMTPServerDisconnected() | OSError():
                return self.fail(Transient("the server closed the connection", code="lost"))
            case SMTPResponseException():
                said = "the server's answer is no reply, or too long"
                return self.fail(ProtocolError(said, code="reply"))
            case _:
                self.fail(Transient("the connection was given up", code="cancelled"))
                return error


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Its error is no news to anybody."""
    if not task.cancelled():
        task.exception()
