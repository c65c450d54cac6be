"""From an endpoint to a session, and step by step for `mailbox test`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from eisd import __version__
from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import ImapSession
from eisd.driver.interface import Step
from eisd.errors import DriverError, Rejected
from eisd.model.folder import Folder, FolderRole
from eisd.wire.imap import Client, Endpoint, Timeouts

Authenticate = Callable[[Client], Awaitable[None]]
"""Logs a connection in; asks for the secret as late as that."""

_ORDER = {
    "none": ("dns", "tcp", "greeting"),
    "implicit": ("dns", "tcp", "tls", "greeting"),
    "starttls": ("dns", "tcp", "greeting", "tls"),
}
_COUNTED = (FolderRole.SENT, FolderRole.DRAFTS, FolderRole.TRASH)
_SHOWN = ("IDLE", "NOTIFY", "CONDSTORE", "QRESYNC", "UIDPLUS", "SPECIAL-USE")


@asynccontextmanager
async def session(
    endpoint: Endpoint,
    authenticate: Authenticate,
    *,
    timeouts: Timeouts | None = None,
    sizes: Sizes | None = None,
) -> AsyncIterator[ImapSession]:
    """A logged-in session. Leaving says goodbye where all went well, and closes in any case."""
    client = await Client.connect(endpoint, timeouts or Timeouts())
    try:
        await authenticate(client)
        await _introduce(client)
        yield ImapSession(client, endpoint.host, sizes)
        await client.logout()
    finally:
        client.abort()


async def _introduce(client: Client) -> None:
    """Say who we are (RFC 2971): some providers open no folder to a stranger."""
    if "ID" in client.capabilities:
        with suppress(Rejected):
            await client.id({"name": "eisd", "version": __version__})


async def probe(endpoint: Endpoint, authenticate: Authenticate, user: str) -> AsyncIterator[Step]:
    """Connect step by step; the first step that fails is the last."""
    steps: list[Step] = []
    began = time.monotonic()

    def note(name: str, detail: str, ms: float) -> None:
        steps.append(Step(name, detail, ms))

    client: Client | None = None
    try:
        client = await Client.connect(endpoint, on_step=note)
    except DriverError as error:
        steps.append(_failed(_next_step(endpoint, steps), error, began))
    for step in steps:
        yield step
    if client is None:
        return
    try:
        async for step in _probe_session(client, endpoint.host, authenticate, user):
            yield step
    finally:
        client.abort()


def _next_step(endpoint: Endpoint, steps: list[Step]) -> str:
    done = {s.name for s in steps}
    return next((name for name in _ORDER[endpoint.tls] if name not in done), "caps")


async def _probe_session(
    client: Client, host: str, authenticate: Authenticate, user: str
) -> AsyncIterator[Step]:
    """What comes after connecting: login, capabilities, folders."""
    name, began = "auth", time.monotonic()
    try:
        await authenticate(client)
        yield Step(name, f"login ok as {user}", _ms(began))
        yield Step("caps", _capabilities(client.capabilities), 0.0)
        name, began = "folders", time.monotonic()
        await _introduce(client)
        folders = await ImapSession(client, host).folders()
        yield Step(name, _count(folders), _ms(began))
    except DriverError as error:
        yield _failed(name, error, began)


def _failed(name: str, error: DriverError, began: float) -> Step:
    detail = f"{error} ({error.hint})" if error.hint else str(error)
    return Step(name, detail, _ms(began), ok=False, failure=type(error).__name__)


def _capabilities(names: frozenset[str]) -> str:
    return " · ".join(f"{name} {'yes' if name in names else 'no'}" for name in _SHOWN)


def _count(folders: Sequence[Folder]) -> str:
    found = [f"{r.value}: {f.name}" for r in _COUNTED for f in folders if f.role is r]
    return "; ".join([f"{len(folders)} folders", *found])


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
