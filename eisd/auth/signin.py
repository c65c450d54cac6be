"""Signing in: begin, finish, and nothing remembered between.

What must survive from one step to the next travels as a ticket, sealed with the installation's
key, through whoever does the steps: a command, or a web page. So a sign-in outlives a restart of
the daemon, and nobody but the daemon can read or change what is in it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from eisd.auth.keeper import Holder, Keeper
from eisd.errors import ExitCode, UserError
from eisd.model.grant import Grant, Identity, Tokens
from eisd.store.grants import packed, unpacked
from eisd.store.secrets import Secrets
from eisd.wire import oauth_signin as protocol
from eisd.wire.oauth import App, Refused
from eisd.wire.oauth_signin import Asked

VALID: Final = 900
"""Seconds a ticket is good for."""
MAX_TICKET: Final = 65_536
_PENDING: Final = ("authorization_pending", "slow_down")


@dataclass(frozen=True, slots=True)
class Who:
    """A mailbox to sign in to, and who may."""

    holder: Holder
    aliases: tuple[str, ...] = ()
    accepted: str = ""
    """Somebody else who may sign in for it: the delegate of a shared mailbox."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What came of a sign-in."""

    identity: Identity
    stored: bool
    scope: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Scopes that are only needed for sending and were not granted."""
    ticket: str = ""
    """Where somebody else than expected signed in: what `confirm` stores it with."""


class SignIn:
    """The steps of every flow, over the keeper that stores the result."""

    def __init__(self, keeper: Keeper, secrets: Secrets) -> None:
        self._keeper = keeper
        self._secrets = secrets

    def begin(self, who: Who, redirect_uri: str) -> tuple[str, str]:
        """The address for the browser, and the ticket for `finish`. Blocks for a moment.

        Raises:
            UserError: nobody signs in to this application, or something is missing.
        """
        app = self._user_app(who)
        if app.provider.wants_secret and not self._keeper.secret_now(app):
            raise UserError(
                f"[oauth.{app.name}] has no client_secret, and {app.provider.title} wants one",
                hint="it stands beside the client id; write client_secret = { file = ... }",
                code=ExitCode.CONFIG,
            )
        url, asked = protocol.ask(app, redirect_uri, who.holder.address)
        return url, self._ticket("code", who, asdict(asked))

    async def finish(self, who: Who, ticket: str, answer: str) -> Signed:
        """Exchange the code of a redirect, look at who signed in, and store it.

        Raises:
            UserError: the redirect is none, or not ours; the user said no; a scope is missing.
            DriverError: the provider refuses, or cannot be reached.
        """
        app = self._user_app(who)
        asked = Asked(**self._open("code", who, ticket))
        code = protocol.code_of(app, asked, answer, who.holder.name)
        secret = await self._keeper.secret(app)
        exchange = self._keeper.oauth.exchange(
            app, secret, code=code, verifier=asked.verifier, redirect_uri=asked.redirect_uri
        )
        try:
            tokens = await exchange
        except Refused as refused:
            raise self._told(app, who, refused) from refused
        return await self._take(app, who, tokens, asked.nonce)

    async def device(self, who: Who) -> tuple[Mapping[str, Any], str]:
        """What the person types where, and the ticket for `poll`.

        Raises:
            UserError: this provider gives no mail to devices, with the reason.
        """
        app = self._user_app(who)
        if app.provider.device_refusal:
            raise UserError(app.provider.device_refusal)
        try:
            device = await self._keeper.oauth.device_begin(app)
        except Refused as refused:
            raise self._told(app, who, refused) from refused
        shown = asdict(device)
        ticket = self._ticket("device", who, {"device_code": shown.pop("device_code")})
        return shown, ticket

    async def poll(self, who: Who, ticket: str) -> Signed | None:
        """What came of it; None while the person has not agreed yet."""
        app = self._user_app(who)
        device_code = self._open("device", who, ticket)["device_code"]
        secret = await self._keeper.secret(app)
        try:
            tokens = await self._keeper.oauth.device_poll(app, secret, device_code)
        except Refused as refused:
            if refused.refusal.error in _PENDING:
                return None
            raise self._told(app, who, refused) from refused
        return await self._take(app, who, tokens, "")

    async def confirm(self, who: Who, ticket: str) -> Signed:
        """Store a sign-in of somebody else than expected, after all."""
        fields = self._open("grant", who, ticket)
        grant = unpacked(who.holder.name, fields["grant"].encode())
        await self._keeper.keep(who.holder, grant)
        return Signed(grant.identity, stored=True, scope=grant.scope)

    async def own(self, who: Who) -> Signed:
        """Try the application's own right, or its service account's: nobody signs in."""
        app = self._keeper.app(who.holder.app)
        if app.flow == "user":
            raise UserError(f'[oauth.{app.name}] has flow = "user": a person signs in')
        await self._keeper.grants.delete(who.holder.name)
        self._keeper.forgive(app.name)
        grant = await self._keeper.grant(who.holder)
        return Signed(grant.identity, stored=True, scope=grant.scope or app.asked_scopes)

    # Inside

    def _user_app(self, who: Who) -> App:
        app = self._keeper.app(who.holder.app)
        if app.flow != "user":
            raise UserError(
                f"nobody signs in to [oauth.{app.name}]: its flow is {app.flow}",
                hint=f"try its own right: eisd auth login {who.holder.name}",
            )
        return app

    async def _take(self, app: App, who: Who, tokens: Tokens, nonce: str) -> Signed:
        """Look at scopes and identity; store what is as it should be."""
        now = self._keeper.clock()
        identity = protocol.identity_of(app, tokens.id_token, nonce=nonce, now=now)
        missing = app.missing(tokens.scope)
        if missing and missing[0] == app.mail_scopes[0]:
            raise _unticked(app, who, missing)
        if not tokens.refresh_token:
            raise UserError(
                f"{app.provider.title} gave no lasting permission (no refresh token)",
                hint=f"take the old permission back at {app.provider.revoke_page}, then sign in"
                f" again: eisd auth login {who.holder.name}",
                code=ExitCode.AUTH,
            )
        grant = Grant.of(
            replace(tokens, id_token=""),
            app=app.name,
            client_id=app.client_id,
            now=now,
            identity=identity,
        )
        if await self._is_expected(who, identity):
            await self._keeper.keep(who.holder, grant)
            return Signed(identity, stored=True, scope=tokens.scope, missing=missing)
        ticket = self._ticket("grant", who, {"grant": packed(grant).decode()})
        return Signed(identity, stored=False, scope=tokens.scope, missing=missing, ticket=ticket)

    async def _is_expected(self, who: Who, identity: Identity) -> bool:
        """Whether it is the mailbox's own user, somebody accepted, or whoever it was before."""
        if not identity.names:
            return True
        mine = {one.casefold() for one in (who.holder.address, *who.aliases, who.accepted) if one}
        if mine & {name.casefold() for name in identity.names}:
            return True
        before = await self._keeper.grants.load(who.holder.name)
        return bool(before and before.identity.subject and before.identity == identity)

    def _told(self, app: App, who: Who, refused: Refused) -> Exception:
        return refused.refusal.as_error(
            provider=app.provider.title, mailbox=who.holder.name, app=app.name
        )

    def _ticket(self, kind: str, who: Who, fields: Mapping[str, Any]) -> str:
        ends = self._keeper.clock() + VALID
        value = {**fields, "mailbox": who.holder.name, "app": who.holder.app, "ends": ends}
        sealed = self._secrets.seal(f"ticket.{kind}", json.dumps(value).encode())
        return urlsafe_b64encode(sealed).decode("ascii")

    def _open(self, kind: str, who: Who, ticket: str) -> dict[str, Any]:
        """What a ticket holds. Raises `UserError` (65) when it is not ours, or too old."""
        try:
            sealed = urlsafe_b64decode(ticket.encode()) if len(ticket) <= MAX_TICKET else b""
        except ValueError:
            sealed = b""
        value = self._secrets.unseal(f"ticket.{kind}", sealed)
        fields: dict[str, Any] = json.loads(value) if value else {}
        mine = (who.holder.name, who.holder.app)
        if (fields.pop("mailbox", None), fields.pop("app", None)) != mine:
            raise UserError("that ticket is not of this sign-in", code=ExitCode.DATA)
        if fields.pop("ends") < self._keeper.clock():
            raise UserError(
                "that took too long; the sign-in has to begin again",
                hint=f"eisd auth login {who.holder.name}",
                code=ExitCode.DATA,
            )
        return fields


def _unticked(app: App, who: Who, missing: tuple[str, ...]) -> UserError:
    return UserError(
        f"the permission to read mail was not given: {app.provider.title} left out"
        f" {', '.join(missing)}",
        hint="sign in again and leave every box of the consent page ticked:"
        f" eisd auth login {who.holder.name}",
        code=ExitCode.AUTH,
    )
