"""An IMAP connection as the rest of eisd uses it (RFC 3501, RFC 9051).

RFC 9051 says mailbox, we say folder; a folder is named to the server by its *wire name*, as
`ListEntry.wire` has it.

One task owns a `Client`. Every call has its limit in time; a timeout or a cancellation drops the
connection, and then every call raises what `Client.lost` holds. Errors are those of `eisd.errors`:

    Transient        loss, timeout, throttling, the server's own trouble
    ProtocolError    the server broke the grammar or a limit
    AuthRejected     the credentials, in the server's words
    Misconfigured    TLS or its absence
    FolderGone       a folder that cannot be opened
    Rejected         any other NO (code: the response code or "no") or BAD (code "bad")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal

from aioimaplib.aioimaplib import AUTH, SELECTED, time2internaldate

from eisd.errors import DriverError, FolderGone, Rejected, Transient
from eisd.wire import imap_connect
from eisd.wire import imap_refusal as refusal
from eisd.wire.dial import Endpoint, OnStep
from eisd.wire.imap_command import Answer, FetchCommand, WireCommand
from eisd.wire.imap_connect import Timeouts
from eisd.wire.imap_fetch import Fetched
from eisd.wire.imap_grammar import UidSet, quote
from eisd.wire.imap_idle import idle
from eisd.wire.imap_login import Authenticator
from eisd.wire.imap_news import News
from eisd.wire.imap_protocol import Pending, WireProtocol
from eisd.wire.imap_reader import Limits
from eisd.wire.imap_responses import (
    Completion,
    ListEntry,
    Namespaces,
    Selected,
    Status,
    parse_id,
    parse_list,
    parse_namespaces,
    parse_search,
    parse_selected,
    parse_status,
)

__all__ = [
    "Client",
    "Endpoint",
    "Fetched",
    "Limits",
    "ListEntry",
    "Namespaces",
    "News",
    "Pending",
    "Selected",
    "Status",
    "Timeouts",
]

_OCTETS_PER_UID = 4096  # what an item is taken to weigh when the caller does not say
_LONGEST_FETCH = 3600.0
_STATUSES_AT_ONCE = 100


class Client:
    """One connection."""

    def __init__(self, protocol: WireProtocol, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._protocol = protocol
        self._timeouts = timeouts
        self._login = Authenticator(protocol, endpoint, timeouts)
        self._extended_search = True
        self._readonly = True

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a frozen value
        on_step: OnStep | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008
    ) -> Client:
        """Reach, secure and greet a server; ``on_step`` is told dns, tcp, tls and greeting."""
        return cls(
            await imap_connect.connect(endpoint, timeouts, limits, on_step), endpoint, timeouts
        )

    @property
    def capabilities(self) -> frozenset[str]:
        """In capitals, as of the last login or STARTTLS."""
        return self._protocol.capabilities

    @property
    def lost(self) -> DriverError | None:
        """Why the connection is of no more use, None while it is."""
        return self._protocol.lost

    # --- logging in

    async def auth(self, user: str, password: str) -> None:
        """Log in with a password, the safest way the server has."""
        if self._protocol.state != AUTH:  # PREAUTH inside TLS
            await self._login.auth(user, password)

    async def login(self, user: str, password: str) -> None:
        """LOGIN."""
        await self._login.login(user, password)

    async def authenticate_plain(self, user: str, password: str) -> None:
        """AUTHENTICATE PLAIN."""
        await self._login.plain(user, password)

    async def authenticate(
        self, mechanism: Literal["XOAUTH2", "OAUTHBEARER"], user: str, token: str
    ) -> None:
        """AUTHENTICATE with an OAuth access token."""
        await self._login.token(mechanism, user, token)

    # --- about the server and its folders

    async def id(self, fields: Mapping[str, str] | None = None) -> dict[str, str]:
        """ID (RFC 2971): tell who we are, learn who they are."""
        pairs = [quote(text) for pair in (fields or {}).items() for text in pair]
        said = await self._ask("ID", f"({' '.join(pairs)})" if pairs else "NIL", wants=("ID",))
        return parse_id(said[0]) if said else {}

    async def namespace(self) -> Namespaces:
        """NAMESPACE (RFC 2342)."""
        said = await self._ask("NAMESPACE", wants=("NAMESPACE",))
        return parse_namespaces(said[0]) if said else Namespaces()

    async def enable(self, *names: str) -> None:
        """ENABLE (RFC 5161)."""
        await self._ask("ENABLE", *names, wants=("ENABLED",))

    async def list_folders(self, *, special_use: bool = True) -> list[ListEntry]:
        """LIST of every folder; with their special uses where the server must be asked for them."""
        if special_use and {"SPECIAL-USE", "LIST-EXTENDED"} <= self.capabilities:
            try:
                said = await self._ask_much("LIST", '"" "*" RETURN (SPECIAL-USE)', wants=("LIST",))
                return [parse_list(line) for line in said]
            except Rejected:  # advertised and not there
                pass
        return [
            parse_list(line) for line in await self._ask_much("LIST", '"" "*"', wants=("LIST",))
        ]

    async def list_status(self) -> dict[str, Status]:
        """STATUS of every folder in one command (RFC 5819), by wire name."""
        arguments = f'"" "*" RETURN (STATUS {self._status_items()})'
        said = await self._ask_much("LIST", arguments, wants=("LIST", "STATUS"))
        return dict(parse_status(line) for line in said if line[0][:9].upper() == b"* STATUS ")

    async def status(self, wire_name: str) -> Status:
        """STATUS of one folder; not to be trusted for the selected one."""
        found = await self.statuses([wire_name])
        if (status := found[wire_name]) is None:
            raise FolderGone("the server gives no STATUS of the folder", code="gone")
        return status

    async def statuses(self, wire_names: Sequence[str]) -> dict[str, Status | None]:
        """STATUS of many folders, pipelined; None for one the server says NO to."""
        found: dict[str, Status | None] = dict.fromkeys(wire_names)
        for at in range(0, len(wire_names), _STATUSES_AT_ONCE):
            await self._statuses(wire_names[at : at + _STATUSES_AT_ONCE], found)
        return found

    async def _statuses(self, names: Sequence[str], found: dict[str, Status | None]) -> None:
        arguments = [f"{quote(name)} {self._status_items()}" for name in names]
        commands = [self._command("STATUS", line, wants=("STATUS",)) for line in arguments]
        async with self._protocol.turn(commands[0]):
            for command in commands:
                self._protocol.submit(command)
            completions = [await self._protocol.completion(command) for command in commands]
        for wire, status in map(parse_status, commands[0].responses):
            if wire in found:
                found[wire] = status
            else:
                self._protocol.notices.status(wire, status)
        for name, done in zip(names, completions, strict=True):
            if not done.ok:
                found[name] = None
                error = refusal.of_folder(done, "STATUS")
                if not isinstance(error, FolderGone | Rejected):
                    raise error

    def _status_items(self) -> str:
        modseq = " HIGHESTMODSEQ" if "CONDSTORE" in self.capabilities else ""
        return f"(MESSAGES UIDNEXT UIDVALIDITY{modseq})"

    # --- one folder

    async def select(
        self, wire_name: str, *, readonly: bool = True, condstore: bool = False
    ) -> Selected:
        """EXAMINE, or SELECT; what was pending in the folder before is waited for first."""
        protocol = self._protocol

        def then(done: Completion) -> None:
            protocol.state = SELECTED if done.ok else AUTH
            protocol.notices.left_folder()

        command = self._command(
            "EXAMINE" if readonly else "SELECT",
            quote(wire_name),
            *(["(CONDSTORE)"] if condstore else []),
            wants=("EXISTS", "RECENT", "FLAGS", "OK"),
            then=then,
        )
        done = await protocol.execute(command, alone=True)
        if not done.ok:
            raise refusal.of_folder(done, command.name)
        self._readonly = readonly
        return parse_selected(command.responses, done, readonly=readonly)

    async def unselect(self) -> None:
        """Leave the folder: UNSELECT (RFC 3691), or CLOSE, which expunges nothing after EXAMINE.

        A server that can do neither is left in it; the next `select` is no different for that.
        """
        protocol = self._protocol
        if "UNSELECT" in self.capabilities:
            name = "UNSELECT"
        elif self._readonly:
            name = "CLOSE"
        else:
            return

        def then(done: Completion) -> None:
            if done.ok:
                protocol.state = AUTH
                protocol.notices.left_folder()

        await protocol.execute(self._command(name, then=then), alone=True)

    async def uid_search(self, criteria: str) -> list[int]:
        """UID SEARCH; ascending, each UID once. ``n:*`` also finds the last message below n."""
        if self._extended_search and "ESEARCH" in self.capabilities:
            try:
                return await self._search(f"RETURN (ALL) {criteria}")
            except Rejected as exc:
                if exc.code != "bad":
                    raise
                self._extended_search = False  # advertised and not there
        return await self._search(criteria)

    async def _search(self, criteria: str) -> list[int]:
        timeouts = self._timeouts
        command = self._command("SEARCH", criteria, wants=("SEARCH", "ESEARCH"), prefix="UID")
        command.limit, command.patience = timeouts.search, None
        await self._run(command)
        return parse_search(command.responses)

    def start_fetch(self, uids: Collection[int] | str, items: str, size_hint: int = 0) -> Pending:
        """Send a UID FETCH now; several may be under way. ``uids`` may be a set like ``1:*``.

        ``size_hint``: octets expected in all; they, or the number of UIDs, extend the deadline.
        """
        asked = UidSet.parse(uids) if isinstance(uids, str) else UidSet.of(uids)
        timeouts = self._timeouts
        octets = size_hint + len(asked) * _OCTETS_PER_UID
        command = FetchCommand(
            self._protocol.new_tag(),
            asked if isinstance(uids, str) else frozenset(uids),
            asked.text,
            items,
            limit=min(timeouts.command + octets / timeouts.slowest, _LONGEST_FETCH),
            patience=timeouts.command,
        )
        self._protocol.submit(command)
        return Pending(self._protocol, command)

    async def fetch(
        self, uids: Collection[int] | str, items: str, size_hint: int = 0
    ) -> list[Fetched]:
        """UID FETCH, from request to result."""
        return await self.start_fetch(uids, items, size_hint).result()

    async def append(
        self,
        wire_name: str,
        rfc822: bytes,
        flags: Iterable[str] = (),
        date: datetime | None = None,
    ) -> int | None:
        """APPEND; the new UID where the server tells it (RFC 4315)."""
        size = len(rfc822)
        at_once = "LITERAL+" in self.capabilities or (
            "LITERAL-" in self.capabilities and size <= 4096  # noqa: PLR2004 - RFC 7888
        )
        words = [quote(wire_name), f"({' '.join(flags)})"]
        if date is not None:
            words.append(time2internaldate(date))
        literal = rfc822 + b"\r\n"
        literals = iter([literal])
        command = self._command(
            "APPEND",
            *words,
            f"{{{size}+}}" if at_once else f"{{{size}}}",
            answer=None if at_once else lambda _: next(literals, None),
        )
        command.limit = self._timeouts.command + size / self._timeouts.slowest
        async with self._protocol.turn(command, alone=True):
            self._protocol.submit(command, literal if at_once else None)
            done = await self._protocol.completion(command)
        if not done.ok:
            raise refusal.of_append(done)
        uid = done.argument.rpartition(" ")[2] if done.code == "APPENDUID" else ""
        return int(uid) if uid.isdecimal() else None

    async def delete(self, uids: Collection[int]) -> None:
        """Mark copies as deleted and expunge them alone, where the server can (UIDPLUS)."""
        mark = (UidSet.of(uids).text, "+FLAGS.SILENT", "(\\Deleted)")
        await self._run(self._command("STORE", *mark, prefix="UID"))
        if "UIDPLUS" in self.capabilities:
            await self._run(self._command("EXPUNGE", mark[0], prefix="UID"), alone=True)

    # --- waiting

    async def idle(self, seconds: float) -> bool:
        """IDLE until something came or the time is over; True if something came."""
        timeouts = self._timeouts
        return await idle(
            self._protocol, seconds, begin_limit=timeouts.command, end_limit=timeouts.idle_done
        )

    def wake(self) -> None:
        """End an `idle` that is under way, or the next one; for another task of the same loop."""
        self._protocol.notices.tell()

    async def noop(self) -> None:
        """NOOP: the server tells its news, and shows that it is there."""
        await self._ask("NOOP")

    async def notify(self) -> None:
        """NOTIFY (RFC 5465): news of the selected folder and of all one's own, unasked."""
        events = "(MessageNew MessageExpunge)"
        await self._ask("NOTIFY", f"SET (SELECTED {events}) (PERSONAL {events})")

    def take_news(self) -> News:
        """What came unasked since the last time."""
        return self._protocol.notices.take()

    # --- the end

    async def logout(self) -> None:
        """LOGOUT, briefly; the connection is closed whatever comes of it, and nothing is raised."""
        with suppress(DriverError, TimeoutError):
            async with asyncio.timeout(self._timeouts.logout):
                await self._ask("LOGOUT")
        self.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._protocol.closed.wait(), self._timeouts.logout)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._protocol.fail(Transient("the connection was closed by eisd", code="closed"))

    # --- one command

    def _command(
        self,
        name: str,
        *args: str,
        wants: Collection[str] = (),
        answer: Answer | None = None,
        then: Callable[[Completion], None] | None = None,
        prefix: str = "",
    ) -> WireCommand:
        tag, limit = self._protocol.new_tag(), self._timeouts.command
        return WireCommand(
            name, tag, *args, limit=limit, wants=wants, answer=answer, then=then, prefix=prefix
        )

    async def _run(self, command: WireCommand, *, alone: bool = False) -> list[list[bytes]]:
        done = await self._protocol.execute(command, alone=alone)
        if not done.ok:
            raise refusal.of_command(done, command.name)
        return command.responses

    async def _ask(self, name: str, *args: str, wants: Collection[str] = ()) -> list[list[bytes]]:
        return await self._run(self._command(name, *args, wants=wants))

    async def _ask_much(
        self, name: str, *args: str, wants: Collection[str] = ()
    ) -> list[list[bytes]]:
        """A command whose answer may be long: it is silence that is limited, not work."""
        command = self._command(name, *args, wants=wants)
        command.limit, command.patience = self._timeouts.search, self._timeouts.command
        return await self._run(command)
