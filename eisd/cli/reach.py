"""How a command gets its answer: from the daemon, or from the database when none runs.

`read` asks the daemon and else reads the database itself, and says so. `act` asks the daemon and
else takes the database's lock and does the work by the very code the daemon would use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import cache
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from eisd.cli import output
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.errors import EisdError

if TYPE_CHECKING:  # slow to import, and not needed while the daemon answers
    from eisd.config.paths import Paths
    from eisd.daemon.core import Core
    from eisd.store.sql import Connection

T = TypeVar("T")


def path(*parts: str | int) -> str:
    """A resource's path below ``/v1``, each part quoted."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def read(
    context: Context,
    resource: str,
    answer: Callable[[Connection], Any],
    params: Mapping[str, str | int | None] | None = None,
) -> Any:
    """GET a resource, or make the ``answer`` from the database."""
    given = {key: value for key, value in (params or {}).items() if value is not None}
    try:
        return context.client().get(resource, **given)
    except Unavailable as error:
        if not error.absent:
            raise
        _say_absent()
        return read_database(context, answer)


@cache
def _say_absent() -> None:
    """Say it once, however many pages are read."""
    output.say("eisd: the daemon is not running; this is what the database says")


def act(
    context: Context,
    resource: str,
    work: Callable[[Core], Awaitable[T]] | None,
    body: Mapping[str, Any] | None = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    file: IO[bytes] | None = None,
    timeout: float = 60.0,
) -> Any:
    """POST to a resource (or DELETE it), or do the ``work`` without a daemon; None: it needs one.

    ``body`` are the parameters of a DELETE, or of a POST with a ``file``.
    Without a daemon the work has the database to itself.
    """
    client = context.client(timeout=timeout)
    client.headers.update(headers or {})
    try:
        if file is not None:
            return client.upload(resource, _pieces(file), **_given(body))
        if method == "DELETE":
            return client.delete(resource, **_given(body))
        return client.post(resource, body)
    except Unavailable as error:
        if not error.absent or work is None:
            raise
    return alone(context, work)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (params or {}).items() if value is not None}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(1 << 20):
        yield piece


def read_database(context: Context, answer: Callable[[Connection], T]) -> T:
    """Read the database itself, made or migrated first where that is possible."""
    from eisd.store.database import connect  # noqa: PLC0415 - see above

    paths = context.loaded.settings.paths
    _prepare(paths)
    with closing(connect(paths.database, readonly=True)) as db:
        return answer(db)


def _prepare(paths: Paths) -> None:
    """Make or migrate the database; one that may not be written is read as it is."""
    from eisd.store.database import create, exclusive  # noqa: PLC0415

    errors = (EisdError, OSError) if paths.database.exists() else ()
    with suppress(*errors), exclusive(paths.database):
        create(paths.database)


def alone(context: Context, work: Callable[[Core], Awaitable[T]]) -> T:
    """Do the work with a core of our own, under the database's lock; nothing in it connects.

    Raises:
        UserError: (75) another process has the database.
    """
    import asyncio  # noqa: PLC0415

    from eisd.config.load import load  # noqa: PLC0415
    from eisd.daemon.core import Core  # noqa: PLC0415
    from eisd.driver.registry import discover  # noqa: PLC0415
    from eisd.store.database import exclusive  # noqa: PLC0415

    registry = discover()
    loaded = load(context.config_path, check_driver=registry.check)

    async def main() -> T:
        core = await Core.open(loaded, registry)
        try:
            return await work(core)
        finally:
            await core.close()

    with exclusive(loaded.settings.paths.database):
        return asyncio.run(main())


def reload_if_running(context: Context) -> bool:
    """Let a running daemon take the changed configuration up; False when none runs."""
    try:
        context.client(timeout=120.0).post("/reload")
    except Unavailable as error:
        if not error.absent:
            raise
        return False
    return True
