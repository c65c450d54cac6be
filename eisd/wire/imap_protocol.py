"""aioimaplib's protocol with our own reader, dispatcher, executor and failure paths.

From aioimaplib: the states and what each allows, tags, commands and the guard of their arguments.
Ours: responses are read iteratively and within limits; every FETCH answer goes to the command
that asked for its UID, since servers run pipelined FETCHes side by side and mix their answers
(RFC 9051 section 5.5); what is unasked becomes news; when the connection ends, everyone who
waits is told at once. A timeout or a cancellation aborts the connection: it is never reused.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aioimaplib.aioimaplib import (
    AUTH,
    CONNECTED,
    LOGOUT,
    NONAUTH,
    SELECTED,
    Commands,
    IMAP4ClientProtocol,
)

from eisd.errors import DriverError, ProtocolError, Rejected, Transient
from eisd.wire import imap_refusal as refusal
from eisd.wire.imap_command import FetchCommand, WireCommand
from eisd.wire.imap_fetch import Fetched, merge, parse_fetch, quick, swift
from eisd.wire.imap_news import Notices
from eisd.wire.imap_reader import EACH, Limits, Reader
from eisd.wire.imap_responses import (
    Completion,
    parse_capabilities,
    parse_status,
    parse_status_response,
)

OVERRIDDEN = (
    "connection_lost",
    "connection_made",
    "data_received",
    "execute",
    "new_tag",
    "send",
)
"""What we replace or rely on; a release without one of these must not be used."""

if missing := [name for name in OVERRIDDEN if not hasattr(IMAP4ClientProtocol, name)]:
    raise ImportError(f"this aioimaplib is not the one eisd knows: it lacks {', '.join(missing)}")

# It logs what it sends and receives, mail included.
logging.getLogger("aioimaplib.aioimaplib").setLevel(logging.WARNING)

STATES: dict[str, tuple[str, ...]] = {
    **{name: command.valid_states for name, command in Commands.items()},
    "ENABLE": (AUTH, SELECTED),
    "NOTIFY": (AUTH, SELECTED),
    "UNSELECT": (SELECTED,),
}
"""In which states a command is allowed."""

_FAREWELL_GRACE = 1.0
"""Seconds in which a refusal may still follow a BYE while we log in."""
_UNTAGGED = re.compile(rb"\* (?:(\d{1,10}) )?([A-Za-z]+)")


class WireProtocol(IMAP4ClientProtocol):  # type: ignore[misc]  # aioimaplib has no types
    """One connection: bytes in, completions and news out."""

    loop: asyncio.AbstractEventLoop  # pyright: ignore[reportIncompatibleVariableOverride]
    transport: Any
    """An `asyncio.Transport`, or None before there is a connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(loop)
        self.limits = limits
        self.capabilities: frozenset[str] = frozenset()
        self.lost: DriverError | None = None
        self.notices = Notices()
        self.greeting: asyncio.Future[Completion] = loop.create_future()
        self.closed = asyncio.Event()
        self.pending: dict[str, WireCommand] = {}
        self._fetches: dict[str, FetchCommand] = {}
        self._reader = Reader(self._dispatch, limits, self._take)
        self._turn = asyncio.Lock()
        self._alone = False
        self._listener: WireCommand | None = None
        self._sealed = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = 0.0

    # --- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)

    def data_received(self, d: bytes) -> None:
        self._last_heard = self.loop.time()
        try:
            self._reader.feed(d)
        except DriverError as exc:
            self.fail(exc)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the stream is lost
            error = ProtocolError(f"a response could not be read: {type(exc).__name__}")
            error.__cause__ = exc
            self.fail(error)
        if self._sealed and self._reader.midway:
            self.fail(refusal.injected())

    def connection_lost(self, exc: Exception | None) -> None:
        reason = f": {exc}" if exc else ""
        self.fail(Transient(f"the server closed the connection{reason}", code="lost"))
        self.closed.set()

    @property
    def secured(self) -> bool:
        """TLS is up."""
        return self.transport is not None and bool(self.transport.get_extra_info("ssl_object"))

    def fail(self, error: DriverError) -> None:
        """The connection is of no more use: tell everyone and drop it. The first error stays."""
        if self.lost is None:
            self.lost = error
        self.state = LOGOUT
        if self._timer is not None:
            self._timer.cancel()
        for command in self.pending.values():
            command.fail(self.lost)
        self.pending.clear()
        self._fetches.clear()
        if not self.greeting.done():
            self.greeting.set_exception(self.lost)
            self.greeting.exception()
        if self.transport is not None:
            self.transport.abort()

    # --- the dispatcher

    def _take(self, data: bytes, pos: int) -> int:
        """Take usual FETCH answers out of a slice of the stream for as long as they come."""
        limit = self.limits.literal
        while self._fetches and (taken := swift(data, pos, limit)) is not None:
            fetched, pos, octets = taken
            self._fetched(fetched, octets)
        return pos

    def _dispatch(self, segments: list[bytes]) -> None:
        if self._sealed:
            raise refusal.injected()
        if self._fetches and (fetched := quick(segments)) is not None:
            self._fetched(fetched, len(segments[1]) if len(segments) > 1 else 0)
            return
        head = segments[0]
        if head[:2] == b"* ":
            self._untagged(head, segments)
        elif self.state == CONNECTED:
            self._greet(b"* " + head)
        elif head[:1] == b"+":
            self._continue(head[2:])
        elif head:  # some servers send an empty line now and then
            self._tagged(head)

    def _untagged(self, head: bytes, segments: list[bytes]) -> None:
        match = _UNTAGGED.match(head)
        if match is None:
            raise ProtocolError("an untagged response cannot be read", code="grammar")
        keyword = match[2].decode("ascii").upper()
        if self.state == CONNECTED:
            self._greet(head)
        elif keyword == "FETCH":
            answer = parse_fetch(segments) if self._fetches else None
            if answer is None:
                self.notices.flags()
            else:
                self._fetched(answer, sum(map(len, segments)))
        elif self._listener is not None and keyword in self._listener.wants:
            self._listen(self._listener, segments)
        else:
            self._unasked(keyword, match[1], segments)

    def _listen(self, command: WireCommand, segments: list[bytes]) -> None:
        self._weigh(command, sum(map(len, segments)) + EACH, self.limits.listing)
        command.responses.append(segments)

    def _weigh(self, command: WireCommand, octets: int, limit: int) -> None:
        command.octets += octets
        if command.octets > limit:
            raise ProtocolError(f"the answer to {command.name} is too large", code="limit")

    def _unasked(self, keyword: str, number: bytes | None, segments: list[bytes]) -> None:
        match keyword:
            case "EXISTS" if number is not None:
                self.notices.exists(int(number))
            case "EXPUNGE" | "VANISHED":
                self.notices.expunged()
            case "RECENT":
                self.notices.tell()
            case "STATUS":
                self.notices.status(*parse_status(segments))
            case "LIST":
                self.notices.folders()
            case "CAPABILITY":
                self.capabilities = parse_capabilities(segments[0][13:].decode("latin-1"))
            case "BYE":
                self._farewell(parse_status_response(segments[0][2:]))
            case _:  # FLAGS, OK, NO, what extensions add: nothing to act on
                pass

    def _fetched(self, fetched: Fetched, octets: int) -> None:
        uid = fetched.uid
        for command in self._fetches.values():
            if uid in command.asked and uid not in command.answers:
                command.answers[uid] = fetched
                self._weigh(command, octets, self.limits.response)
                return
        for command in self._fetches.values():
            if (known := command.answers.get(uid)) is not None:
                command.answers[uid] = merge(known, fetched)
                self._weigh(command, octets, self.limits.response)
                return
        self.notices.flags()

    def _continue(self, text: bytes) -> None:
        command = self._listener
        if command is None or command.answer is None:
            raise ProtocolError("a continuation nobody asked for", code="grammar")
        if (reply := command.answer(text)) is not None:
            self.transport.write(reply)

    def _tagged(self, head: bytes) -> None:
        tag, _, rest = head.partition(b" ")
        command = self.pending.get(tag.decode("latin-1"))
        if command is None:
            raise ProtocolError("a response to a command never given", code="grammar")
        done = parse_status_response(rest)
        if done.status not in {"OK", "NO", "BAD"}:
            raise ProtocolError("a command ended in neither OK, NO nor BAD", code="grammar")
        if done.code == "CAPABILITY":
            self.capabilities = parse_capabilities(done.argument)
        # Only now: whoever is still pending when something raises is told of it.
        del self.pending[command.tag]
        self._fetches.pop(command.tag, None)
        command.settle(done)
        self._watch()

    def _greet(self, head: bytes) -> None:
        done = parse_status_response(head[2:])
        if done.status == "BYE":
            raise refusal.of_farewell(done)
        if done.status not in {"OK", "PREAUTH"}:
            raise ProtocolError("the server's greeting is not one of IMAP", code="grammar")
        self.state = NONAUTH if done.status == "OK" else AUTH
        if done.code == "CAPABILITY":
            self.capabilities = parse_capabilities(done.argument)
        if not self.greeting.done():
            self.greeting.set_result(done)

    def _farewell(self, done: Completion) -> None:
        if any(command.name == "LOGOUT" for command in self.pending.values()):
            return
        error = refusal.of_farewell(done)
        if self.state != NONAUTH:
            self.fail(error)
            return
        self.lost = error
        self.loop.call_later(_FAREWELL_GRACE, self.fail, error)

    # --- STARTTLS

    def seal(self) -> None:
        """What comes from now until TLS is up is an attack (RFC 9051 section 6.2.1)."""
        self._sealed = True
        self.transport.pause_reading()

    def unseal(self) -> None:
        """What comes now comes through TLS; what was said before counts for nothing."""
        self._sealed = False
        self._reader.reset()
        self.capabilities = frozenset()

    # --- the executor

    async def execute(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, command: WireCommand, scrub: str | None = None, *, alone: bool = False
    ) -> Completion:
        """Send a command in its turn and wait for its completion.

        FETCHes may be under way beside it unless it goes ``alone``. ``scrub`` is aioimaplib's and
        has no use here: nothing is logged.
        """
        del scrub
        async with self.turn(command, alone=alone):
            self.submit(command)
            return await self.completion(command)

    @asynccontextmanager
    async def turn(self, listener: WireCommand, *, alone: bool = False) -> AsyncIterator[None]:
        """The right to send other commands than FETCH; untagged responses go to ``listener``."""
        async with self._turn:
            while alone and self.pending:
                await asyncio.wait([command.done for command in self.pending.values()])
            self._alone = alone
            self._listener = listener
            if "SEARCH" in listener.wants:
                self._reader.line = self.limits.search_line
            try:
                yield
            except asyncio.CancelledError:
                self.fail(Transient(f"{listener.name} was cancelled", code="cancelled"))
                raise
            finally:
                self._reader.line = self.limits.line
                self._listener = None
                self._alone = False

    def submit(self, command: WireCommand, literal: bytes | None = None) -> None:
        """Put a command on the wire now, with the literal that follows it if it may be sent so."""
        if self.lost is not None:
            raise self.lost
        fetch = isinstance(command, FetchCommand)
        if self.state not in STATES[command.name] or (fetch and self._alone):
            raise Rejected(f"{command.name} is not allowed in state {self.state}", code="state")
        try:
            line = f"{command}\r\n".encode("latin-1")
        except UnicodeEncodeError as exc:
            raise Rejected(f"{command.name} has an argument not sendable", code="argument") from exc
        self.pending[command.tag] = command
        if isinstance(command, FetchCommand):
            self._fetches[command.tag] = command
        self.transport.write(line if literal is None else line + literal)
        if len(self.pending) == 1:
            self._watch()

    async def completion(self, command: WireCommand) -> Completion:
        """Wait for a command that was sent; cancelling this aborts the connection."""
        try:
            return await command.done
        except asyncio.CancelledError:
            self.fail(Transient(f"{command.name} was cancelled", code="cancelled"))
            raise

    def limit(self, command: WireCommand, seconds: float | None) -> None:
        """Give a command under way a new limit, counted from now."""
        command.limit = seconds
        command.since = None
        self._watch()

    def _watch(self) -> None:
        """Set the one timer to when the oldest command is overdue."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        oldest = next(iter(self.pending.values()), None)
        if oldest is None or self.lost is not None:
            return
        if oldest.since is None:
            oldest.since = self.loop.time()
        due = oldest.due(self._last_heard)
        if due is not None:
            self._timer = self.loop.call_at(due, self._check, oldest)

    def _check(self, oldest: WireCommand) -> None:
        due = oldest.due(self._last_heard)
        if due is not None and due <= self.loop.time():
            self.fail(Transient(f"the server did not answer {oldest.name} in time", code="timeout"))
        else:
            self._watch()


class Pending:
    """A FETCH under way."""

    def __init__(self, protocol: WireProtocol, command: FetchCommand) -> None:
        self._protocol = protocol
        self._command = command

    async def result(self) -> list[Fetched]:
        """Every answer, one per UID, once the server said OK; a UID may be without one.

        An answer may also lack what was asked for, if the server only told of new flags.
        """
        return list((await self.by_uid()).values())

    async def by_uid(self) -> dict[int, Fetched]:
        """`result` by UID."""
        done = await self._protocol.completion(self._command)
        if not done.ok:
            raise refusal.of_command(done, "FETCH")
        return self._command.answers
