"""From an endpoint to a session, and step by step for `mailbox test`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from eisd import __version__
from eisd.driver.imap.dialect import PLAIN, Dialect, reworded
from eisd.driver.imap.login import Authenticate
from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import AskAliases, ImapSession
from eisd.driver.interface import Step
from eisd.errors import DriverError, Rejected
from eisd.model.folder import Folder, FolderRole
from eisd.wire.imap import Client, Endpoint, Timeouts

_ORDER = {
    "none": ("dns", "tcp", "greeting"),
    "implicit": ("dns", "tcp", "tls", "greeting"),
    "starttls": ("dns", "tcp", "greeting", "tls"),
}
_COUNTED = (FolderRole.SENT, FolderRole.DRAFTS, FolderRole.TRASH)
_SHOWN = ("IDLE", "NOTIFY", "CONDSTORE", "QRESYNC", "UIDPLUS", "SPECIAL-USE")


@dataclass(frozen=True, slots=True)
class Way:
    """The way into one mailbox: where, as whom, and in which dialect."""

    endpoint: Endpoint
    authenticate: Authenticate
    dialect: Dialect = PLAIN
    advice: str = ""
    """What to do about a refused password, where the provider is known."""
    aliases: AskAliases | None = None
    """How to ask for the mailbox's other addresses, where the provider tells them."""

    async def log_in(self, client: Client) -> None:
        """Log in, and have the server show that the mailbox is behind it."""
        with self._explained():
            await self.authenticate(client)
            await _introduce(client)
            if self.dialect.proves:
                await _prove(client)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """A refusal says what this provider means by it."""
        try:
            yield
        except DriverError as error:
            raise reworded(error, self.dialect.sayings, self.advice) from error


@asynccontextmanager
async def session(
    way: Way, *, timeouts: Timeouts | None = None, sizes: Sizes | None = None
) -> AsyncIterator[ImapSession]:
    """A logged-in session. Leaving says goodbye where all went well, and closes in any case."""
    client = await Client.connect(way.endpoint, timeouts or Timeouts())
    try:
        await way.log_in(client)
        yield ImapSession(client, way.endpoint.host, sizes, way.dialect, way.aliases)
        await client.logout()
    finally:
        client.abort()


async def bare(way: Way, timeouts: Timeouts | None = None) -> tuple[Client, Sequence[Folder]]:
    """A logged-in connection that is no session, and the folders: for filing copies."""
    client = await Client.connect(way.endpoint, timeouts or Timeouts())
    try:
        await way.log_in(client)
        session = ImapSession(client, way.endpoint.host, dialect=way.dialect)
        return client, await session.folders()
    except BaseException:
        client.abort()
        raise


async def _prove(client: Client) -> None:
    """Ask something that only a mailbox can answer."""
    if "NAMESPACE" in client.capabilities:
        await client.namespace()
    else:
        await client.status("INBOX")


async def _introduce(client: Client) -> None:
    """Say who we are (RFC 2971): some providers open no folder to a stranger."""
    if "ID" in client.capabilities:
        with suppress(Rejected):
            await client.id({"name": "eisd", "version": __version__})


async def probe(way: Way, user: str) -> AsyncIterator[Step]:
    """Connect step by step; the first step that fails is the last."""
    endpoint = way.endpoint
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
        async for step in _probe_session(client, way, user):
            yield step
    finally:
        client.abort()


def _next_step(endpoint: Endpoint, steps: list[Step]) -> str:
    done = {s.name for s in steps}
    return next((name for name in _ORDER[endpoint.tls] if name not in done), "caps")


async def _probe_session(client: Client, way: Way, user: str) -> AsyncIterator[Step]:
    """What comes after connecting: login, capabilities, folders."""
    name, began = "auth", time.monotonic()
    try:
        await way.log_in(client)
        yield Step(name, f"login ok as {user}", _ms(began))
        yield Step("caps", _capabilities(client.capabilities), 0.0)
        name, began = "folders", time.monotonic()
        session = ImapSession(client, way.endpoint.host, dialect=way.dialect)
        folders = await session.folders()
        yield Step(name, _count(folders), _ms(began))
        for note in session.capabilities.notes:
            yield Step("note", note, 0.0)
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
