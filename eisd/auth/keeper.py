"""The keeper of access tokens: one for the whole daemon, for every mailbox that signs in by OAuth.

Tokens lie sealed in the store and not in memory; what stays here for a mailbox is a few numbers
while something is wrong. One refresh at a time for each mailbox, a few for all; each runs to its
end even when whoever asked is gone, because a rotated refresh token must reach the store.

What a refusal leads to:

    network, 5xx            Transient; a token that is still good is used meanwhile
    429, Retry-After        Transient, and the whole application waits
    a first invalid_grant   Transient; asked once more after a minute, then believed
    the user, the admin     AuthRejected, Misconfigured: a person is told, once
    the registration        Misconfigured for all mailboxes of the application, one event
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import Final

from eisd import events
from eisd.errors import AuthRejected, DriverError, ExitCode, Transient, UserError
from eisd.logs import emit
from eisd.model.grant import Grant, Identity, Kind
from eisd.store.grants import Grants
from eisd.wire.oauth import App, OAuth, Refused
from eisd.wire.oauth_errors import Fault

AT_ONCE: Final = 4
"""So many token requests may be under way."""
PACE: Final = 0.05
"""Seconds of rest after each, so that a wave of them does not hold up the mail."""
LEAD: Final = 600.0
"""Seconds before its end that a token is replaced; a quarter of its life if that is less."""
LAST: Final = 30.0
"""Seconds that a token must have left to be worth using at all."""
RECHECK: Final = 60.0
"""After so many seconds a first invalid_grant is checked once more."""
QUIET: Final = 3600.0
"""An ended sign-in is asked for again after so many seconds, not at each connection."""
APP_QUIET: Final = 300.0
"""So is an application that the provider refuses."""
CLOSING: Final = 5.0

Secret = Callable[[App], str]
"""The client secret of an application; empty if it has none. Blocks."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A mailbox as the keeper knows it."""

    name: str
    app: str
    address: str


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A refresh token that was refused: which, since when, and how once it is believed."""

    digest: bytes
    since: float
    error: DriverError | None = None


class Keeper:
    """Gives access tokens to mailboxes. `configure` it first, `aclose` it at the end."""

    def __init__(
        self, grants: Grants, oauth: OAuth | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.grants = grants
        self.oauth = oauth or OAuth(clock=clock)
        self.clock = clock
        self.apps: Mapping[str, App] = {}
        self._secret: Secret = lambda _: ""
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, asyncio.Task[Grant]] = {}
        self._doubts: dict[str, _Doubt] = {}
        self._pauses: dict[str, float] = {}
        self._apps_refused: dict[str, tuple[float, Refused]] = {}
        self.ending: dict[str, float] = {}
        """When sign-ins end whatever happens, as far as that is known: seconds since 1970."""
        self.expiring: dict[str, float] = {}
        """When the access tokens given out last end: seconds since 1970."""

    def configure(self, apps: Mapping[str, App], secret: Secret) -> None:
        """Take the applications of the configuration; what was refused before may be right now."""
        self.apps = apps
        self._secret = secret
        self._apps_refused.clear()

    def app(self, name: str) -> App:
        """An application. Raises `UserError` (78) when there is none of that name."""
        if name not in self.apps:
            raise UserError(f"there is no [oauth.{name}]", code=ExitCode.CONFIG)
        return self.apps[name]

    def secret_now(self, app: App) -> str:
        """An application's client secret; empty if it has none. Blocks."""
        return self._secret(app)

    async def secret(self, app: App) -> str:
        """`secret_now`, off the event loop."""
        return await asyncio.to_thread(self._secret, app)

    async def grant(self, holder: Holder, *, refused: str = "") -> Grant:
        """A grant whose access token can be used now.

        Args:
            holder: the mailbox.
            refused: a token that the server would not take: another one is obtained.

        Raises:
            Transient: no token for now, and nobody needs to do anything.
            AuthRejected: the user has to sign in.
            Misconfigured: the user's administrator, or the operator, has to act.
        """
        app = self.app(holder.app)
        grant = await self.grants.load(holder.name)
        if grant is not None and self._is_fresh(app, grant, refused):
            self._mark(holder.name, grant)
            return grant
        running = self._running.get(holder.name)
        if running is None:
            running = asyncio.create_task(self._renew(app, holder, refused))
            self._running[holder.name] = running
            running.add_done_callback(lambda done: self._done(holder.name, done))
        return await asyncio.shield(running)

    async def keep(self, holder: Holder, grant: Grant) -> None:
        """Store a new sign-in; what was wrong before is forgotten."""
        async with self.grants.alone(holder.name):
            await self.grants.save(holder.name, grant)
        self._mark(holder.name, grant)
        self._doubts.pop(holder.name, None)
        self.forgive(holder.app)
        kind = grant.identity.kind.value or None
        title = self.app(holder.app).provider.title
        emit(events.AUTH_GRANTED, mailbox=holder.name, provider=title, app=holder.app, kind=kind)

    def refused_apps(self) -> dict[str, tuple[str, str]]:
        """The applications that their provider refuses: why, and what to do."""
        told = {}
        for name, (_, refused) in self._apps_refused.items():
            error = _told(self.apps[name], Holder("NAME", name, ""), refused)
            told[name] = (str(error), error.hint)
        return told

    def forgive(self, app: str) -> None:
        """Ask the provider again, though it refused this application a moment ago."""
        self._apps_refused.pop(app, None)

    async def forget(self, name: str) -> bool:
        """Erase a mailbox's grant, revoking it where the provider can; True if it was revoked."""
        grant = await self.grants.load(name)
        revoked = False
        app = self.apps.get(grant.app) if grant is not None else None
        if grant is not None and app is not None:
            token = grant.refresh_token or grant.access_token
            with suppress(DriverError, UserError):  # erased in any case
                revoked = await self.oauth.revoke(app, await self.secret(app), token)
        async with self.grants.alone(name):
            await self.grants.delete(name)
        self.ending.pop(name, None)
        self.expiring.pop(name, None)
        provider = app.provider.title if app else None
        emit(events.AUTH_FORGOTTEN, mailbox=name, provider=provider, revoked=revoked)
        return revoked

    async def aclose(self) -> None:
        """Let refreshes under way reach the store, and close the connections."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=CLOSING)
        await self.oauth.aclose()
        await asyncio.to_thread(self.grants.close)

    def lead(self, grant: Grant) -> float:
        """How many seconds before its end this grant's access token is replaced."""
        return min(LEAD, grant.lifetime / 4)

    # Inside

    def _mark(self, name: str, grant: Grant) -> None:
        self.expiring[name] = grant.expires_at
        if grant.refresh_expires_at:
            self.ending[name] = grant.refresh_expires_at
        else:
            self.ending.pop(name, None)

    def _is_fresh(self, app: App, grant: Grant, refused: str) -> bool:
        if (grant.app, grant.client_id) != (app.name, app.client_id):
            return False
        left = grant.expires_at - self.clock()
        return grant.access_token != refused and left > self.lead(grant)

    def _done(self, name: str, task: asyncio.Task[Grant]) -> None:
        self._running.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever asked has it; nobody may be left to ask

    async def _renew(self, app: App, holder: Holder, refused: str) -> Grant:
        await self._slots.acquire()
        try:
            return await self._renew_alone(app, holder, refused)
        finally:
            asyncio.get_running_loop().call_later(PACE, self._slots.release)

    async def _renew_alone(self, app: App, holder: Holder, refused: str) -> Grant:
        async with self.grants.alone(holder.name):
            grant = await self.grants.load(holder.name)
            if grant is not None and self._is_fresh(app, grant, refused):
                return grant  # another process has done it
            try:
                self._check(app, holder, grant)
                fresh = await self._ask(app, holder, grant)
            except Transient:
                if grant is not None and self._will_do(app, grant, refused):
                    return grant
                raise
            await self.grants.save(holder.name, fresh)
        self._mark(holder.name, fresh)
        self._doubts.pop(holder.name, None)
        self._apps_refused.pop(app.name, None)
        emit(
            events.AUTH_REFRESHED,
            mailbox=holder.name,
            provider=app.provider.title,
            expires_in_s=round(fresh.lifetime),
        )
        return fresh

    def _will_do(self, app: App, grant: Grant, refused: str) -> bool:
        """Whether the old token serves while the new one cannot be had."""
        mine = (grant.app, grant.client_id) == (app.name, app.client_id)
        left = grant.expires_at - self.clock()
        return mine and grant.access_token != refused and left > min(LAST, grant.lifetime / 8)

    def _check(self, app: App, holder: Holder, grant: Grant | None) -> None:
        """Say what is known without asking the provider."""
        if (left := self._pauses.get(app.url("token"), 0.0) - monotonic()) > 0:
            text = f"{app.provider.title} asked for rest; {left:.0f} s are left"
            raise Transient(text, code="throttled", retry_after=left)
        if (known := self._apps_refused.get(app.name)) and monotonic() < known[0]:
            raise _told(app, holder, known[1])
        if app.flow != "user":
            return
        hint = f"eisd auth login {holder.name}"
        if grant is None or not grant.refresh_token:
            text = f"nobody has signed in to {app.provider.title} for this mailbox yet"
            raise AuthRejected(text, code="no_grant", hint=hint)
        if (grant.app, grant.client_id) != (app.name, app.client_id):
            text = "the sign-in was made with another application than [oauth." + app.name + "]"
            raise AuthRejected(text, code="other_app", hint=hint)
        doubt = self._doubts.get(holder.name)
        if doubt is None or doubt.error is None or doubt.digest != _digest(grant):
            return
        if monotonic() < doubt.since + QUIET:
            raise doubt.error

    async def _ask(self, app: App, holder: Holder, grant: Grant | None) -> Grant:
        secret = await self.secret(app)
        try:
            if app.flow == "user" and grant is not None:
                tokens = await self.oauth.refresh(app, secret, grant.refresh_token)
                return grant.refreshed(tokens, now=self.clock())
            tokens = await self.oauth.own(app, secret, holder.address)
            return Grant.of(
                tokens,
                app=app.name,
                client_id=app.client_id,
                now=self.clock(),
                identity=Identity((holder.address,), kind=Kind.WORK),
            )
        except Refused as refused:
            raise self._refused(app, holder, grant, refused) from refused
        finally:
            self._tell_skew(app)

    def _refused(
        self, app: App, holder: Holder, grant: Grant | None, refused: Refused
    ) -> DriverError:
        """Remember what a refusal means for others, and say it for this mailbox."""
        why = refused.refusal
        error = _told(app, holder, refused)
        if why.retry_after or why.fault is Fault.THROTTLED:
            self._pauses[app.url("token")] = monotonic() + (why.retry_after or 60.0)
        if why.fault is Fault.OPERATOR:
            self._app_refused(app, refused, error)
        elif why.fault is Fault.CLOCK and self.oauth.skew:
            error.args = (f"{error} (it is {self.oauth.skew:+.0f} s off)",)
        elif why.error == "invalid_grant" and why.fault is Fault.USER and grant is not None:
            return self._believed(app, holder, grant, error)
        return error

    def _believed(self, app: App, holder: Holder, grant: Grant, error: DriverError) -> DriverError:
        """The end of a sign-in, if it was said twice with a minute between; else a pause."""
        digest, now = _digest(grant), monotonic()
        doubt = self._doubts.get(holder.name)
        if doubt is None or doubt.digest != digest:
            doubt = self._doubts[holder.name] = _Doubt(digest, now)
            title = app.provider.title
            emit(
                events.AUTH_DOUBTED,
                mailbox=holder.name,
                provider=title,
                retry_in_s=RECHECK,
                error=error,
            )
        left = doubt.since + RECHECK - now
        if doubt.error is None and left > 0:
            return Transient(f"{error}; checked once more", code="recheck", retry_after=left)
        self._doubts[holder.name] = _Doubt(digest, now, error)
        return error

    def _app_refused(self, app: App, refused: Refused, error: DriverError) -> None:
        """Every mailbox of this application would be refused: say it once."""
        is_news = app.name not in self._apps_refused
        self._apps_refused[app.name] = (monotonic() + APP_QUIET, refused)
        if is_news:
            emit(
                events.AUTH_APP_REFUSED,
                provider=app.provider.title,
                app=app.name,
                reason=refused.refusal.what,
                fix=error.hint,
            )

    def _tell_skew(self, app: App) -> None:
        if self.oauth.skew:
            skew = round(self.oauth.skew)
            emit(events.CLOCK_SKEWED, provider=app.provider.title, skew_s=skew)


def _told(app: App, holder: Holder, refused: Refused) -> DriverError:
    return refused.refusal.as_error(provider=app.provider.title, mailbox=holder.name, app=app.name)


def _digest(grant: Grant) -> bytes:
    return sha256(grant.refresh_token.encode()).digest()[:8]
