"""Sessions that are measured: how often providers are asked for what, how it ends, how long.

Drivers know nothing of it, so that a stranger's driver is measured like ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from time import perf_counter
from typing import Final, TypeVar

from eisd import metrics
from eisd.driver.interface import Capabilities, Driver, KnowsAliases, Login, RemoteId, Session
from eisd.errors import DriverError
from eisd.model.folder import Batch, Cursor, Folder, Window
from eisd.model.mail import RawMessage

T = TypeVar("T")

CODES: Final = frozenset(
    {"bye", "cancelled", "closed", "config", "dns", "forbidden", "gone", "http", "limit", "lost"}
    | {"permission", "resync", "server", "silent", "throttled", "timeout", "tls", "unavailable"}
    | {"unreachable", "validity"}
)
"""Codes of errors that may be labels; a stranger's driver may have others, without an end."""


def code_of(error: BaseException) -> str:
    """A label for an error: its code where that is a known one, else its class."""
    code = getattr(error, "code", "")
    return code if code in CODES else type(error).__name__.lower()


class Metered:
    """A `Session` that measures another one."""

    def __init__(self, session: Session, provider: str) -> None:
        self._session = session
        self._provider = provider

    @property
    def capabilities(self) -> Capabilities:
        """As the session has them."""
        return self._session.capabilities

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        with asking(self._provider, operation):
            yield

    async def folders(self) -> Sequence[Folder]:
        """List the folders."""
        with self._asking("folders"):
            return await self._session.folders()

    async def aliases(self) -> Sequence[str]:
        """Ask for the mailbox's other addresses, where the session knows of any."""
        if not isinstance(self._session, KnowsAliases):
            return ()
        with self._asking("aliases"):
            return await self._session.aliases()

    async def changed(self, cursors: Mapping[Folder, Cursor]) -> Collection[Folder]:
        """Ask what changed."""
        with self._asking("changed"):
            return await self._session.changed(cursors)

    async def scan(
        self, folder: Folder, since: Cursor | Window, *, authentication: bool = True
    ) -> AsyncGenerator[Batch, None]:
        """List headers; each batch counts."""
        async with (
            aclosing(self._session.scan(folder, since, authentication=authentication)) as scanning,
            aclosing(self._each("scan", scanning)) as batches,
        ):
            async for batch in batches:
                yield batch

    async def fetch(
        self,
        folder: Folder,
        ids: Sequence[RemoteId],
        *,
        limit: int,
        validity: str = "",
        whole: bool = False,
    ) -> AsyncGenerator[RawMessage, None]:
        """Fetch messages; each counts."""
        fetched = self._session.fetch(folder, ids, limit=limit, validity=validity, whole=whole)
        async with (
            aclosing(fetched) as fetching,
            aclosing(self._each("fetch", fetching)) as messages,
        ):
            async for raw in messages:
                yield raw

    async def listing(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Sequence[RemoteId]]:
        """List ids; each chunk counts."""
        listed = self._session.listing(folder, cursor)
        async with aclosing(self._each("listing", listed)) as chunks:
            async for ids in chunks:
                yield ids

    async def wait(self, folder: Folder, seconds: float) -> None:
        """Wait; nothing is asked."""
        await self._session.wait(folder, seconds)

    def nudge(self) -> None:
        """End a wait."""
        self._session.nudge()

    async def _each(self, operation: str, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """The items, each measured from when it was asked for; the end counts for nothing."""
        while True:
            began = perf_counter()
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            except DriverError as error:
                _count(self._provider, operation, code_of(error), began)
                raise
            _count(self._provider, operation, "ok", began)
            yield item


@asynccontextmanager
async def session(driver: Driver, options: object, login: Login) -> AsyncIterator[Session]:
    """A new connection of a driver, measured; so is the way there."""
    async with AsyncExitStack() as stack:
        with asking(driver.name, "connect"):
            opened = await stack.enter_async_context(driver.session(options, login))
        yield Metered(opened, driver.name)


@contextmanager
def asking(provider: str, operation: str) -> Iterator[None]:
    """Measure one request."""
    began = perf_counter()
    try:
        yield
    except DriverError as error:
        _count(provider, operation, code_of(error), began)
        raise
    _count(provider, operation, "ok", began)


def _count(provider: str, operation: str, code: str, began: float) -> None:
    metrics.PROVIDER_REQUESTS.inc(provider, operation, code)
    metrics.PROVIDER_DURATION.observe(perf_counter() - began, provider, operation)
