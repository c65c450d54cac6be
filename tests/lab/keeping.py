"""A keeper of tokens with a store of its own, as a daemon or a command has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from eisd.auth.keeper import Holder, Keeper
from eisd.model.grant import Grant, Identity, Tokens
from eisd.store.grants import Grants
from eisd.store.secrets import Secrets
from eisd.wire.oauth import App
from eisd.wire.oauth_providers import PROVIDERS
from lab.idp import Idp

SECRET = "s3cret"
ANNA = Holder("anna", "app", "anna@lab.test")


def app_of(table: dict[str, Any], name: str = "app") -> App:
    """An application from its table of the configuration."""
    return App(name=name, **{**table, "provider": PROVIDERS[table["provider"]]})


@asynccontextmanager
async def keeping(
    folder: Path, app: App, *, secret: str = SECRET, clock: Callable[[], float] = time.time
) -> AsyncIterator[Keeper]:
    """A keeper that knows one application."""
    secrets = await asyncio.to_thread(Secrets, folder / "secrets.db", environ={})
    keeper = Keeper(Grants(secrets), clock=clock)
    keeper.configure({app.name: app}, lambda _: secret)
    try:
        yield keeper
    finally:
        await keeper.aclose()


async def signed_in(keeper: Keeper, idp: Idp, holder: Holder = ANNA, *, age: float = 0.0) -> Grant:
    """A sign-in as old as this, in seconds, stored."""
    app = keeper.apps[holder.app]
    answer = idp.grant(holder.address, app.client_id, " ".join(app.mail_scopes))
    tokens = Tokens(
        answer["access_token"], answer["expires_in"], answer["refresh_token"], app.mail_scopes
    )
    now = keeper.clock() - age
    who = Identity((holder.address,))
    grant = Grant.of(tokens, app=app.name, client_id=app.client_id, now=now, identity=who)
    await keeper.keep(holder, grant)
    return grant


def refresh_elsewhere(folder: str, table: dict[str, Any], start: float) -> None:
    """What another process does at a moment: ask for a token of the same mailbox."""

    async def work() -> None:
        async with keeping(Path(folder), app_of(table)) as keeper:
            await asyncio.sleep(max(0.0, start - time.time()))
            await keeper.grant(ANNA)

    asyncio.run(work())


async def until(seen: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(seconds):
        while not seen():  # noqa: ASYNC110 - what is watched tells nobody
            await asyncio.sleep(0.01)
