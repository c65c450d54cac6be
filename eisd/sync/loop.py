"""A mailbox's life: connect, bring it up to date, wait, again; and what to do when that fails.

One task for each mailbox runs `live`. It never ends by itself and lets no error out: each class of
error has its own patience (`eisd.sync.backoff`), and what only a person can mend is said once.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from time import monotonic

from eisd import events, metrics
from eisd.driver.interface import KnowsAliases, Session
from eisd.errors import (
    AuthRejected,
    DriverError,
    Misconfigured,
    StoreError,
    Transient,
    UserError,
)
from eisd.logs import emit
from eisd.model.folder import Folder
from eisd.model.mailbox import MailboxState, Reason
from eisd.store import mailboxes, retro
from eisd.store.database import Tx
from eisd.store.sql import now_ms
from eisd.sync.backoff import LASTING, Backoffs, fresh
from eisd.sync.engine import Engine
from eisd.sync.lane import Lane
from eisd.sync.mailbox import Mailbox
from eisd.sync.metered import code_of
from eisd.sync.record import forget_people
from eisd.sync.renewal import Opened, Renewal
from eisd.sync.settle import Settled
from eisd.sync.state import Event

WATCH = 300.0
"""At most so long between two looks, whatever the server promises to tell (RF30)."""
DISCOVER = 3600.0
"""How often the list of folders is asked for again."""
DAY_MS = 86_400_000
SKEW_MS = 300_000
"""The provider's clock may be so far behind ours, and what it receives now is no past."""
FRESH_LOGIN = 120.0
"""The first refusal is checked once more after so many seconds: providers err, too."""

SHOWN = 5
"""So many folders that cannot be read are named."""
PATIENCE = 2
"""So many tries more before trouble that should pass is laid before a person."""


class Life:
    """One mailbox's coroutine and its memories."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._backoffs: Backoffs = fresh()
        self._lane = Lane(mailbox)
        self._renewal = Renewal(mailbox)
        self._connected_at: float | None = None
        self._aliases_at = float("-inf")

    async def live(self) -> None:
        """Keep the mailbox in step until cancelled."""
        while True:
            if self._mailbox.at_rest:
                await self._pause()
                continue
            pause = await self._attempt()
            await self._rest(pause)

    async def once(self) -> None:
        """Bring the mailbox up to date over one connection, then stop.

        Raises:
            DriverError: it could not be done.
        """
        mailbox = self._mailbox
        await mailbox.event(Event.CONNECT)
        try:
            async with mailbox.session() as session:
                await self._logged_in(session)
                engine = Engine(mailbox, session, lambda: self._lane.live(session))
                await engine.discover()
                if engine.behind:
                    await mailbox.event(Event.BEHIND)
                await self._lane.retry()
                self._lane.blame_at_once()
                lane = asyncio.ensure_future(self._lane.run())
                try:
                    await engine.full(reconcile_all=True)
                    await self._finish_lane(session, patiently=True)
                finally:
                    lane.cancel()
                    with suppress(asyncio.CancelledError):
                        await lane
                await self._caught_up(session, engine)
        except (DriverError, UserError) as exc:
            await self._failed(exc)
            raise

    async def _attempt(self) -> float:
        """One connection, from its making to its end; returns the pause before the next."""
        mailbox = self._mailbox
        began = monotonic()
        try:
            await self._serve_all(await self._renewal.open(self._connecting))
        except (DriverError, StoreError, UserError) as exc:
            return await self._failed(exc)
        except Exception as exc:  # noqa: BLE001  our mistake: this mailbox starts anew, alone
            pause = self._backoffs.connect.next(random.random(), floor=5.0)  # noqa: S311
            emit(events.TASK_CRASHED, task=mailbox.name, restart_in_s=round(pause), error=exc)
            await mailbox.event(Event.LOST, detail="an internal error; see the log")
            mailbox.fail_waiters(exc)
            return pause
        finally:
            self._forgive(monotonic() - began)
        return 0.0

    async def _connecting(self) -> None:
        """It is this mailbox's turn; a probe of one that waits for a person is no news."""
        if self._mailbox.state is not MailboxState.PROBLEMATIC:
            await self._mailbox.event(Event.CONNECT)

    async def _serve_all(self, opened: Opened | None) -> None:
        """Work on a session, and on those that take over from it."""
        try:
            while opened is not None:
                old, opened = opened, await self._serve(opened.session)
                await old.close()
        finally:
            if opened is not None:
                await opened.close()

    async def _serve(self, session: Session) -> Opened | None:
        """Work on a live session until it fails, or another takes over, which is returned."""
        mailbox = self._mailbox
        await self._logged_in(session)
        engine = Engine(mailbox, session, lambda: self._lane.live(session))
        lane = asyncio.ensure_future(self._lane.run())
        try:
            discovered = float("-inf")
            while not mailbox.is_interrupted():
                if following := await self._renewal.successor():
                    return following
                if monotonic() - discovered > DISCOVER or mailbox.asked or engine.refused:
                    await engine.discover()
                    await self._ask_aliases(session)
                    discovered = monotonic()
                asked = mailbox.asked
                mailbox.pass_begins()
                if asked:
                    await self._lane.retry()
                if engine.behind:
                    await mailbox.event(Event.BEHIND)
                await engine.full(reconcile_all=asked)
                if mailbox.is_interrupted():
                    break
                await self._caught_up(session, engine)
                if asked or mailbox.lane_blocked:
                    await self._finish_lane(session)
                mailbox.tell_waiters()
                await self._watch(engine, session)
            mailbox.reconnect = False
            return None
        finally:
            lane.cancel()
            with suppress(asyncio.CancelledError):
                await lane

    async def _finish_lane(self, session: Session, *, patiently: bool = False) -> None:
        """Fetch what may be fetched now; wait for what the lane has in hand if anybody does."""
        mailbox = self._mailbox
        await self._lane.drain(session)
        while (patiently or mailbox.has_due) and mailbox.in_hand:
            await mailbox.quiet.wait()
            await self._lane.drain(session)

    async def _watch(self, engine: Engine, session: Session) -> None:
        """Wait for mail until the next full pass is due."""
        mailbox = self._mailbox
        end = monotonic() + min(mailbox.plan.interval, self._renewal.left)
        while (left := end - monotonic()) > 0:
            folder = engine.watched()
            if folder is None or not mailbox.plan.push:
                await mailbox.bell.wait(left)
                return
            if await self._wait(session, folder, min(left, WATCH)):
                return
            mailbox.beat = monotonic()
            await engine.newest(folder)
            rest = engine.folders if session.capabilities.push_all else engine.folders[:2]
            await engine.live([f for f in rest if f is not folder])
            if mailbox.lane_blocked:
                await self._lane.drain(session)

    async def _wait(self, session: Session, folder: Folder, seconds: float) -> bool:
        """Wait for the server or the bell; True if it was the bell."""
        mailbox = self._mailbox
        waiting = asyncio.ensure_future(session.wait(folder, seconds))
        ringing = asyncio.ensure_future(mailbox.bell.wait())
        try:
            await asyncio.wait({waiting, ringing}, return_when=asyncio.FIRST_COMPLETED)
            rung = ringing.done()
            if rung and not waiting.done():
                session.nudge()
            await waiting
            return rung
        finally:
            for task in (ringing, waiting):
                if not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError, DriverError):
                        await task

    async def _logged_in(self, session: Session) -> None:
        """A login succeeded: take the window's begin the first time, and say so."""
        mailbox = self._mailbox
        if mailbox.state is MailboxState.PROBLEMATIC:
            await mailbox.event(Event.CONNECT)
        self._connected_at = mailbox.connected_since = monotonic()
        mailbox.capabilities, mailbox.tries = session.capabilities, 0
        metrics.MAILBOX_CONNECTIONS.inc(mailbox.name, "ok")
        self._backoffs.connect.reset()
        self._backoffs.auth.reset()
        self._backoffs.config.reset()
        mailbox.retry_at = None
        days = mailbox.plan.window_days
        begin = None if days is None else now_ms() - max(days * DAY_MS, SKEW_MS)

        def connected(tx: Tx) -> tuple[int | None, bool]:
            mailboxes.connected(tx.db, mailbox.id, begin)
            forget_people(tx)
            return mailboxes.by_id(tx.db, mailbox.id).begin_at, retro.waiting(tx.db) > 0

        mailbox.begin_at, looks_back = await mailbox.services.store.write(connected)
        mailbox.heed(Settled(looks_back=looks_back))
        self._aliases_at = float("-inf")
        await self._ask_aliases(session)
        emit(events.IMAP_CONNECTED, level=events.Level.DEBUG, host=session.capabilities.host)

    async def _ask_aliases(self, session: Session) -> None:
        """Ask for the mailbox's other addresses, after each login and daily (S1)."""
        mailbox = self._mailbox
        if isinstance(session, KnowsAliases) and monotonic() - self._aliases_at > DAY_MS / 1000:
            await mailbox.services.on_aliases(mailbox.id, await session.aliases())
            self._aliases_at = monotonic()

    async def _caught_up(self, session: Session, engine: Engine) -> None:
        push = self._mailbox.plan.push and session.capabilities.push
        event = Event.CAUGHT_UP_PUSH if push else Event.CAUGHT_UP_POLL
        notes = list(session.capabilities.notes)
        if engine.refused:
            notes.append(f"the server refuses to show {', '.join(sorted(engine.refused)[:SHOWN])}")
        await self._mailbox.event(event, detail="; ".join(notes))

    async def _failed(self, error: DriverError | StoreError | UserError) -> float:
        """Say what went wrong in the mailbox's state; return how long to leave it alone."""
        mailbox, dice = self._mailbox, random.random()  # noqa: S311
        mailbox.fail_waiters(error)
        mailbox.tries += 1
        if self._connected_at is None:
            metrics.MAILBOX_CONNECTIONS.inc(mailbox.name, type(error).__name__.lower())
        else:
            metrics.MAILBOX_DISCONNECTS.inc(mailbox.name, code_of(error))
        if isinstance(error, AuthRejected):
            first = self._backoffs.auth.tries == 0
            pause = FRESH_LOGIN if first else 0.0
            pause = max(pause, self._backoffs.auth.next(dice) if not first else 0.0)
            if first:
                self._backoffs.auth.tries = 1
            await self._needs_person(Reason.AUTH, error)
            return pause
        if isinstance(error, Misconfigured | UserError):
            reason = Reason.CONFIG
            if isinstance(error, Misconfigured) and error.code in set(Reason):
                reason = Reason(error.code)
            await self._needs_person(reason, error)
            return self._backoffs.config.next(max(dice, 0.5))
        if isinstance(error, Transient) and self._lasts(error):
            await self._needs_person(Reason(error.if_lasting), error)
            return self._backoffs.config.next(max(dice, 0.5))
        floor = (error.retry_after or 0.0) if isinstance(error, Transient) else 0.0
        brief = self._backoffs.brief.next(dice) if self._connected_at is not None else 0.0
        pause = max(brief, self._backoffs.connect.next(dice, floor=floor))
        await self._try_later(error, pause)
        return pause

    def _lasts(self, error: Transient) -> bool:
        """The third time in a row that it should have passed by itself."""
        return error.if_lasting in set(Reason) and self._backoffs.connect.tries >= PATIENCE

    async def _try_later(self, error: DriverError | StoreError, pause: float) -> None:
        """Say what will pass by itself; that a person is needed is not undone by it."""
        throttled = isinstance(error, Transient) and error.code == "throttled"
        if self._mailbox.state is not MailboxState.PROBLEMATIC:
            await self._mailbox.event(
                Event.THROTTLED if throttled else Event.LOST,
                detail=f"{error}; next try in {pause:.0f} s",
            )
        if throttled:
            metrics.PROVIDER_THROTTLED.inc(self._mailbox.plan.driver.name, by=pause)
            emit(
                events.PROVIDER_THROTTLED,
                retry_after_s=round(pause, 1),
                scope="mailbox",
                error=error,
            )
            return
        if isinstance(error, StoreError):
            self._mailbox.unstored = str(error)
            emit(events.DB_WRITE_FAILED, reason=str(error), retry_in_s=round(pause, 1), error=error)
            return
        tries = self._backoffs.connect.tries
        is_news = tries & (tries - 1) == 0  # the 1st, 2nd, 4th, 8th: hours of trouble are few lines
        emit(
            events.IMAP_DISCONNECTED,
            level=None if is_news else events.Level.DEBUG,
            reason=str(error),
            attempt=tries,
            retry_in_s=round(pause, 1),
            error=error,
        )

    async def _needs_person(self, reason: Reason, error: DriverError | UserError) -> None:
        """Say once what a person has to do."""
        name = self._mailbox.name
        hint = getattr(error, "hint", "") or f"mend it, then: eisd mailbox reconnect {name}"
        is_news = (self._mailbox.state, self._mailbox.reason) != (MailboxState.PROBLEMATIC, reason)
        await self._mailbox.event(
            Event.REFUSED, reason=reason.value, detail=f"{str(error).rstrip('.')}; {hint}", fix=hint
        )
        if is_news and reason is Reason.AUTH:
            provider = self._mailbox.plan.driver.name
            emit(events.AUTH_REFUSED, provider=provider, fix=hint, error=error)

    async def _pause(self) -> None:
        """Rest until somebody resumes the mailbox; over quota, until a reload has a new plan."""
        mailbox, over = self._mailbox, self._mailbox.plan.over
        reason, why = (Reason.QUOTA.value, over) if over else ("", "paused by command")
        await mailbox.event(Event.PAUSE, reason=reason, detail=why)
        while mailbox.at_rest:
            hint = "" if over else f"eisd mailbox resume {mailbox.name}"
            told = f"{mailbox.name} is paused: {over}" if over else f"{mailbox.name} is paused"
            mailbox.fail_waiters(UserError(told, hint=hint))
            await mailbox.bell.wait()
        await mailbox.event(Event.RESUME)

    async def _rest(self, pause: float) -> None:
        """Leave the mailbox alone for a while, unless somebody rings."""
        mailbox = self._mailbox
        if pause <= 0:
            return
        mailbox.retry_at = monotonic() + pause
        await mailbox.bell.wait(pause)
        mailbox.reconnect = False

    def _forgive(self, lived: float) -> None:
        """A connection that lasted clears the memory of those that did not."""
        if lived >= LASTING:
            self._backoffs.brief.reset()
        self._connected_at = self._mailbox.connected_since = None
