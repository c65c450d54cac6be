"""`eisd run`: one process from its configuration to its last line.

    configuration -> log -> database's lock -> Core -> API -> mailboxes -> READY -> a signal

What was started is ended in the opposite order, within ten seconds.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from eisd import __version__, events, logs
from eisd.config.load import Loaded, load
from eisd.daemon.collector import spare_the_collector
from eisd.daemon.core import Core
from eisd.daemon.signals import Stop, handled
from eisd.daemon.source import Source
from eisd.daemon.spares import Spares
from eisd.driver.registry import Registry, discover
from eisd.errors import EisdError, ExitCode
from eisd.logs import emit
from eisd.store.database import exclusive

UMASK: Final = 0o077
NO_SPARES: Final = Spares()


def run(config: Path, *, once: bool = False, spares: Spares = NO_SPARES) -> ExitCode:
    """Run the daemon in this process until it is told to end; with ``once``, until caught up.

    ``spares`` are workers that run already.

    Raises:
        ConfigError: (78) the configuration is refused.
        UserError: (75) another process has the database; (73) a socket cannot be made.
        StoreError: (74) the database cannot be used.
    """
    os.umask(UMASK)
    began = monotonic()
    if sys.stderr is not None:
        faulthandler.enable()  # the watchdog's SIGABRT leaves a traceback (python -I: no variable)
    registry = discover()
    loaded = load(config, check_driver=registry.check)
    settings = loaded.settings
    logs.configure(
        settings.log.level,
        settings.log.format,
        repeat_window=settings.log.repeat_window,
        levels=settings.log.levels,
    )
    try:
        with exclusive(settings.paths.database):
            emit(events.DAEMON_STARTED, version=__version__, config=str(config), pid=os.getpid())
            _tell_drivers(registry)
            if once:
                return asyncio.run(_once(loaded, registry, spares))
            from eisd.daemon.serve import serve  # noqa: PLC0415 - once needs no API: FastAPI is slow

            return asyncio.run(serve(loaded, registry, spares, began))
    finally:
        logs.shutdown()


def _tell_drivers(registry: Registry) -> None:
    for found in registry.found.values():
        if found.driver is None:
            emit(events.DRIVER_REFUSED, driver=found.name, problem=found.problem)


async def _once(loaded: Loaded, registry: Registry, spares: Spares) -> ExitCode:
    """Bring every mailbox up to date; a line for each on stderr."""
    stop = Stop()
    core = await Core.open(loaded, registry)
    await spares.lend(core.parser, core.headers)
    spare_the_collector()
    try:
        with handled(stop, lambda: None):
            work = asyncio.create_task(_bring_up_to_date(core), name="once")
            asked = asyncio.create_task(stop.wait(), name="stop")
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if work.done():
                return work.result()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            return stop.code or ExitCode.INTERRUPTED
    finally:
        await core.close()


async def _bring_up_to_date(core: Core) -> ExitCode:
    took_contacts = await Source(core).take()
    await core.retro.drain()
    counted: dict[str, int] = {}
    forget = core.listen(
        lambda name, ids: counted.__setitem__(name, counted.get(name, 0) + len(ids))
    )
    try:
        results = await core.once()
        if (await core.retro.drain()).pending:  # of contacts that were made of what came
            results |= await core.once()
    finally:
        forget()
    for name, error in results.items():
        _say(f"{name}: {_result(error, counted.get(name, 0))}")
    if not core.settings.mailboxes:
        _say("no mailbox is configured; add one with: eisd mailbox add you@example.org")
    if not took_contacts:
        _say(core.condition.source_refused)
    failed = any(error is not None for error in results.values())
    return ExitCode.NO if failed or not took_contacts else ExitCode.OK


def _result(error: Exception | None, activities: int) -> str:
    if error is None:
        noun = "activity" if activities == 1 else "activities"
        return f"up to date, {activities} new {noun}"
    hint = getattr(error, "hint", "")
    if isinstance(error, EisdError):
        return f"failed: {error}" + (f" ({hint})" if hint else "")
    return f"failed: {type(error).__name__}: {error}"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
