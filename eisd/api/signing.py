"""Signing in by OAuth, as JSON in and JSON out: what `eisd auth` and a connect page ask.

A mailbox that is not configured yet is named with its application and its address, so that it can
be signed in to before it is added.
"""

from __future__ import annotations

import asyncio
from typing import Any

from eisd.api.answers import Answer
from eisd.api.core import Core
from eisd.api.issues import issue
from eisd.auth import outlook
from eisd.auth.apps import secret_name
from eisd.auth.keeper import Holder
from eisd.auth.signin import Signed, SignIn, Who
from eisd.errors import ExitCode, StoreError, UserError
from eisd.model.grant import Kind
from eisd.store.sql import stamp


def who(core: Core, name: str, *, app: str = "", address: str = "", accept: str = "") -> Who:
    """The mailbox to sign in to.

    Raises:
        UserError: (67) it is not configured and not described; (78) it has no application.
    """
    box = core.settings.mailboxes.get(name)
    if box is None:
        if not app or not address:
            known = ", ".join(core.settings.mailboxes) or "none"
            raise UserError(
                f"no mailbox called {name!r} is configured",
                hint=f"configured: {known}",
                code=ExitCode.UNKNOWN,
            )
        return Who(Holder(name, app, address), accepted=accept)
    named = app or box.oauth_app
    if named is None:
        raise UserError(
            f"{name} signs in with a password, not by OAuth",
            hint='to change that: oauth = { app = "NAME" } in its table, and [oauth.NAME]',
            code=ExitCode.CONFIG,
        )
    return Who(Holder(name, named, box.address), tuple(box.aliases), accept)


async def begin(core: Core, person: Who, redirect_uri: str) -> Answer:
    """The address to open in a browser on this redirect, and the ticket for `finish`."""
    url, ticket = await asyncio.to_thread(_signin(core).begin, person, redirect_uri)
    return {"url": url, "ticket": ticket}


async def finish(core: Core, person: Who, ticket: str, redirect: str) -> Answer:
    """What came back on the redirect, taken."""
    return _done(core, person, await _signin(core).finish(person, ticket, redirect))


async def device(core: Core, person: Who) -> Answer:
    """A code to type on another device, and the ticket for `poll`."""
    shown, ticket = await _signin(core).device(person)
    return {**shown, "ticket": ticket}


async def poll(core: Core, person: Who, ticket: str) -> Answer:
    """What came of the code; ``pending`` while nobody has agreed."""
    signed = await _signin(core).poll(person, ticket)
    return {"pending": True} if signed is None else _done(core, person, signed)


async def confirm(core: Core, person: Who, ticket: str) -> Answer:
    """Store the sign-in of somebody else than expected."""
    return _done(core, person, await _signin(core).confirm(person, ticket))


async def own(core: Core, person: Who) -> Answer:
    """Try the application's own right."""
    return _done(core, person, await _signin(core).own(person))


async def logout(core: Core, name: str) -> Answer:
    """Erase a mailbox's tokens, and revoke them where the provider can.

    Raises:
        UserError: (1) there is nothing to erase.
    """
    if await core.keeper.grants.load(name) is None:
        raise UserError(f"nobody is signed in to {name}", code=ExitCode.NO)
    grant = await core.keeper.grants.load(name)
    app = core.keeper.apps.get(grant.app) if grant is not None else None
    revoked = await core.keeper.forget(name)
    _reconnect(core, name)
    return {
        "mailbox": name,
        "revoked": revoked,
        "revoke_page": app.provider.revoke_page if app is not None else "",
    }


async def keep_client_secret(core: Core, app: str, secret: str) -> Answer:
    """Seal the client secret of an application whose client_secret is { store = true }."""
    table = core.settings.oauth.get(core.keeper.app(app).name)
    if table is None or table.client_secret is None or not table.client_secret.store:
        raise UserError(
            f"oauth.{app}.client_secret does not lie in the store",
            hint="write client_secret = { store = true }",
            code=ExitCode.CONFIG,
        )
    await asyncio.to_thread(core.secrets.put, secret_name(app), secret.encode())
    core.keeper.forgive(app)
    return {"app": app}


async def status(core: Core, name: str | None = None) -> list[Answer]:
    """What each mailbox that signs in by OAuth holds, and what is ahead of it."""
    if name is not None:
        who(core, name)
    boxes = core.settings.mailboxes
    names = [one for one in boxes if boxes[one].oauth_app and name in (None, one)]
    return [await _status(core, one) for one in names]


async def _status(core: Core, name: str) -> Answer:
    box = core.settings.mailboxes[name]
    app = core.keeper.app(str(box.oauth_app))
    told: Answer = {
        "mailbox": name,
        "address": box.address,
        "app": app.name,
        "provider": app.provider.name,
        "flow": app.flow,
        "signed_in": False,
        "problem": "",
    }
    try:
        grant = await core.keeper.grants.load(name)
    except StoreError as error:
        return {**told, "problem": str(error)}
    if grant is None:
        asked = "" if app.flow != "user" else f"eisd auth login {name}"
        return {**told, "problem": f"nobody has signed in yet: {asked}" if asked else ""}
    if (grant.app, grant.client_id) != (app.name, app.client_id):
        told["problem"] = f"made with another application: eisd auth login {name}"
    now = core.keeper.clock()
    return {
        **told,
        "signed_in": True,
        "identity": grant.identity.shown,
        "kind": grant.identity.kind.value,
        "scopes": list(grant.scope),
        "granted_at": _time(grant.granted_at),
        "refreshed_at": _time(grant.refreshed_at),
        "access_expires_at": _time(grant.expires_at),
        "ends": [
            {"code": one.code, "at": _time(one.at), "text": one.text, "certain": one.certain}
            for one in outlook.cliffs(app, grant, now)
        ],
    }


def _signin(core: Core) -> SignIn:
    return SignIn(core.keeper, core.secrets)


def _done(core: Core, person: Who, signed: Signed) -> Answer:
    """What came of a sign-in; the mailbox connects anew with it, where the daemon runs."""
    name = person.holder.name
    if signed.stored:
        _reconnect(core, name)
    app = core.keeper.app(person.holder.app)
    answer: dict[str, Any] = {
        "pending": False,
        "mailbox": name,
        "address": person.holder.address,
        "stored": signed.stored,
        "identity": signed.identity.shown,
        "kind": signed.identity.kind.value,
        "scopes": list(signed.scope),
        "missing": list(signed.missing),
        "ticket": signed.ticket,
        "note": "",
    }
    if signed.identity.kind is Kind.PERSONAL:
        answer["note"] = app.provider.personal_note
    return answer


def _reconnect(core: Core, name: str) -> None:
    if name in core.mailboxes:
        core.reconnect(name)


def _time(seconds: float) -> str | None:
    return stamp(round(seconds * 1000)) if seconds else None


def with_apps(core: Core, found: list[Answer]) -> list[Answer]:
    """The issues of mailboxes, and of sign-ins; what an application is to blame for is told once.

    Beside them: sign-ins that end soon whatever happens.
    """
    keeper, boxes = core.keeper, core.settings.mailboxes
    refused = keeper.refused_apps()
    told = [
        issue("oauth_app", f"[oauth.{name}]: {what}", fix) for name, (what, fix) in refused.items()
    ]
    for one in found:
        box = boxes.get(one["mailbox"])
        if one["code"] != "mailbox_config" or box is None or box.oauth_app not in refused:
            told.append(one)
    for name, ends in sorted(keeper.ending.items()):
        if ends < keeper.clock() + outlook.SOON and name in boxes:
            text = f"the sign-in ends by itself at {_time(ends)}"
            told.append(issue("sign_in_ends", text, f"eisd auth login {name}", mailbox=name))
    return told
