"""One mailbox at work: what its tasks share, and the one place where its state changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from eisd import events, metrics
from eisd.bell import Bell
from eisd.driver.interface import Capabilities, Driver, Login, Session
from eisd.errors import StoreError
from eisd.logs import emit
from eisd.model.folder import Window
from eisd.model.mail import Parsed, RawMessage
from eisd.model.mailbox import MailboxState, SyncMode
from eisd.store import mailboxes
from eisd.store.activities import Fresh
from eisd.store.database import Database
from eisd.store.sql import now_ms
from eisd.sync import metered
from eisd.sync.headers import HeaderReader
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled
from eisd.sync.state import Event, step


class Parser(Protocol):
    """Whoever parses messages without ever being stopped by one."""

    async def parse(
        self, messages: Sequence[RawMessage], *, html: bool = False
    ) -> list[Parsed]: ...


async def _nobody_asks(_mailbox: int, _aliases: Sequence[str]) -> None:
    """Do nothing with aliases."""


@dataclass(slots=True)
class Services:
    """What every mailbox of the daemon uses."""

    store: Database
    parser: Parser
    headers: HeaderReader
    threads: Executor
    """For pure work that would hold up the loop."""
    rules: Callable[[], Rules]
    logins: asyncio.Semaphore
    """How many mailboxes may be connecting at once."""
    on_activity: Callable[[str, Sequence[int]], None] = lambda _mailbox, _ids: None
    """Told of new activities, after they are durable."""
    on_aliases: Callable[[int, Sequence[str]], Awaitable[None]] = _nobody_asks
    """Told of a mailbox's other addresses, as its provider has them."""
    on_settled: Callable[[Settled], None] = lambda _settled: None
    """Told of what was settled if others have to do with it: jobs on the past, copies to fetch."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one mailbox is to be synced; a reload that changes more than its interval restarts it."""

    name: str
    driver: Driver
    options: Any
    login: Login
    window_days: int | None
    """None: everything; 0: nothing of the past."""
    interval: float
    max_message_size: int
    mode: SyncMode = SyncMode.TWO_WAY
    chosen: tuple[str, ...] | None = None
    push: bool = True
    over: str = ""
    """Why its owner's plan does not cover it, as a sentence: then it is paused (L1)."""
    fingerprint: str = ""
    """Changes with anything but the interval, the connection's secret included."""


@dataclass(slots=True)
class Mailbox:
    """A mailbox's shared state, owned by its own task; others ring its bells."""

    id: int
    plan: Plan
    services: Services
    bell: Bell = field(default_factory=Bell)
    """Rung to end a wait: sync now, pause, resume, reconnect."""
    lane_bell: Bell = field(default_factory=Bell)
    """Rung when something is to be fetched."""
    state: MailboxState = MailboxState.STARTING
    reason: str = ""
    detail: str = ""
    retry_at: float | None = None
    """On the monotonic clock: when the next try is due."""
    begin_at: int | None = None
    """Where the window begins, in milliseconds; None: no limit, or not connected yet."""
    paused: bool = False
    asked: bool = False
    """A full pass was asked for."""
    reconnect: bool = False
    passes: int = 0
    """Full passes that ended well."""
    in_hand: set[int] = field(default_factory=set)
    """Copies that one of the tasks is fetching."""
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing is being fetched."""
    connected_since: float | None = None
    """On the monotonic clock; None: not connected."""
    tries: int = 0
    """Tries to connect since the last one that succeeded."""
    capabilities: Capabilities | None = None
    """Of the last session."""
    lane_blocked: bool = False
    """The server refuses a second connection: the first one fetches too."""
    listed: int = 0
    listing: bool = False
    """Much more of a folder's past is about to be recorded."""
    activities: int = 0
    synced_at: float | None = None
    """When a full pass last ended well, in seconds since 1970; None: never."""
    beat: float = field(default_factory=monotonic)
    unstored: str = ""
    """Why the database refused what was found; empty once a full pass ended well."""
    _told: tuple[MailboxState, str] | None = None
    """What the log last said of the state and its reason; connecting is not counted."""
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)
    _due: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The configuration's name for it, in every log line."""
        return self.plan.name

    @property
    def at_rest(self) -> bool:
        """Whether it is paused, by a person or by its owner's plan."""
        return self.paused or bool(self.plan.over)

    def session(self) -> AbstractAsyncContextManager[Session]:
        """A new connection of this mailbox."""
        return metered.session(self.plan.driver, self.plan.options, self.plan.login)

    def window(self) -> Window:
        """Where a folder's first scan begins."""
        if self.plan.window_days == 0:
            return Window(backfill=False)
        begin = self.counts_from
        return (
            Window() if begin is None else Window(since=datetime.fromtimestamp(begin / 1000, UTC))
        )

    @property
    def counts_from(self) -> int | None:
        """From when on its mail counts (ms): its window, or what is kept if that is less."""
        kept = self.services.rules().kept_from(now_ms())
        if self.begin_at is None or kept is None:
            return kept if self.begin_at is None else self.begin_at
        return max(self.begin_at, kept)

    async def event(self, event: Event, *, reason: str = "", detail: str = "", **log: Any) -> None:
        """Let something happen to the mailbox: state, database and log in one place.

        A repetition of the same state for the same reason is no news and makes no noise.
        """
        before = self.state
        self.state = step(before, event)
        self.beat = monotonic()
        if (self.state, reason, detail) == (before, self.reason, self.detail):
            return
        changed = (self.state, reason) != (before, self.reason)
        self.reason, self.detail = reason, detail
        await self._store_state()
        if changed and self.state is not before:
            refused = event is Event.REFUSED
            level = events.Level.ERROR if refused else None
            emit(
                events.MAILBOX_STATE_CHANGED,
                level=level if self._is_news() else events.Level.DEBUG,
                from_=before.value,
                to=self.state.value,
                reason=reason or None,
                detail=detail if refused else None,
                **log,
            )

    def _is_news(self) -> bool:
        """Whether a person wants to read of the state just entered.

        Trouble and its end are news, each try in between is none; nor is being on the way.
        """
        if self.state is MailboxState.CONNECTING:
            return self._told is None
        now = (self.state, self.reason)
        is_news, self._told = now != self._told, now
        return is_news

    def tell(self, fresh: Sequence[Fresh], *, live: bool) -> None:
        """New activities are durable: let listeners and, of live mail, the log know."""
        if not fresh:
            return
        self.activities += len(fresh)
        self.services.on_activity(self.name, [one.id for one in fresh])
        for one in fresh:
            metrics.ACTIVITIES.inc(self.name, one.direction)
        tell_log(fresh, live=live)

    def heed(self, settled: Settled) -> None:
        """What was settled is durable: tell of contacts made, and wake who goes on with it."""
        tell_created(settled)
        if settled.looks_back or settled.pending:
            self.services.on_settled(settled)

    async def _store_state(self) -> None:
        state, reason, detail = self.state, self.reason, self.detail
        try:
            await self.services.store.write(
                lambda tx: mailboxes.set_state(tx.db, self.id, state, reason, detail)
            )
        except StoreError as exc:
            emit(events.DB_WRITE_FAILED, reason=str(exc), error=exc)

    async def caught_up(self, timeout: float | None) -> bool:  # noqa: ASYNC109
        """Ask for a full pass and wait until it and what it found to fetch is done."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        self.asked = True
        self.bell.ring()
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            for queue in (self._waiters, self._due):
                if future in queue:
                    queue.remove(future)
        return True

    def is_interrupted(self) -> bool:
        """Whether this connection is to be given up."""
        return self.at_rest or self.reconnect

    @property
    def has_due(self) -> bool:
        """Whether somebody waits for the pass under way."""
        return bool(self._due)

    def pass_begins(self) -> None:
        """Whoever asked before now is answered by the pass that begins."""
        self.asked = False
        self._due += self._waiters
        self._waiters.clear()

    def tell_waiters(self) -> None:
        """The pass they asked for is done, and nothing is left to fetch."""
        for future in self._due:
            if not future.done():
                future.set_result(None)
        self._due.clear()

    def fail_waiters(self, error: BaseException) -> None:
        """The pass they wait for cannot be had now."""
        for future in (*self._due, *self._waiters):
            if not future.done():
                future.set_exception(error)
        self._due.clear()
        self._waiters.clear()


def tell_created(settled: Settled) -> None:
    """Let the log know of contacts that were made."""
    for workspace, contact_id in settled.created:
        emit(events.MATCH_CONTACT_CREATED, contact_id=contact_id, workspace=workspace)


def tell_log(fresh: Sequence[Fresh], *, live: bool) -> None:
    """Let the log know of new activities; of those that are no live mail at level debug."""
    for one in fresh:
        emit(
            events.MATCH_ACTIVITY_CREATED,
            level=None if live else events.Level.DEBUG,
            contact_id=one.contact_id,
            activity_id=one.id,
            rule=one.via,
            direction=one.direction,
            workspace=one.workspace,
        )
