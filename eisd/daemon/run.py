"""`eisd run`: one process from its configuration to its last line.

    configuration -> log -> database's lock -> Core -> API -> mailboxes -> READY -> a signal

What was started is ended in the opposite order, within ten seconds.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from eisd import __version__, events, logs
from eisd.config.load import Loaded, load
from eisd.config.schema import Settings
from eisd.daemon import health
from eisd.daemon.core import Core
from eisd.daemon.lookout import Lookout, measure_lag
from eisd.daemon.notify import Notifier
from eisd.daemon.signals import Stop, handled
from eisd.daemon.source import Source
from eisd.daemon.spares import Spares
from eisd.daemon.upkeep import Upkeep
from eisd.driver.registry import Registry, discover
from eisd.errors import EisdError, ExitCode
from eisd.logs import emit
from eisd.store.database import exclusive

if TYPE_CHECKING:
    from eisd.api.server import Listeners

UMASK: Final = 0o077
STOP_SECONDS: Final = 9.0
EXTEND_EVERY: Final = 20.0
"""Seconds between two requests to systemd for more time to start."""
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
            work = _once if once else partial(_serve, began=began)
            return asyncio.run(work(loaded, registry, spares))
    finally:
        logs.shutdown()


def _tell_drivers(registry: Registry) -> None:
    for found in registry.found.values():
        if found.driver is None:
            emit(events.DRIVER_REFUSED, driver=found.name, problem=found.problem)


# The daemon


async def _serve(loaded: Loaded, registry: Registry, spares: Spares, began: float) -> ExitCode:
    from eisd.api.app import create  # noqa: PLC0415 - FastAPI is slow, and --once needs none
    from eisd.api.server import Listeners  # noqa: PLC0415
    from eisd.daemon import metrics  # noqa: PLC0415 - prometheus-client

    notifier, stop = Notifier(), Stop()
    core = await _open(loaded, registry, notifier)
    await spares.lend(core.parser, core.headers)
    untap = logs.tap(core.stream.put)
    listeners = Listeners(create(core))
    shown = Listeners(metrics.create(core), tcp=True)
    reloads = _Reloads(core, listeners, notifier, partial(metrics.listen, shown))
    tasks: set[asyncio.Task[None]] = set()

    def keep(work: Coroutine[Any, Any, None], name: str) -> None:
        tasks.add(asyncio.create_task(work, name=name))

    try:
        with handled(stop, reloads.ask):
            await listeners.apply(core.settings.listen)
            await metrics.listen(shown, core.settings)
            source = Source(core)
            await source.take()
            await core.start()
            spare_the_collector()
            core.condition.ready = True
            keep(health.watch(core, notifier), "health")
            keep(Lookout(core).watch(), "lookout")
            keep(measure_lag(), "lag")
            keep(source.watch(), "source")
            keep(Upkeep(core).watch(), "upkeep")
            keep(core.retro.run(), "retro")
            keep(reloads.serve(), "reloads")
            notifier.ready(health.status_line(core))
            emit(
                events.DAEMON_READY,
                version=__version__,
                mailboxes=len(core.mailboxes),
                start_ms=round((monotonic() - began) * 1000),
                listen=", ".join(map(str, core.settings.listen)),
            )
            await _until(stop, tasks)
            emit(events.DAEMON_STOPPING, reason=stop.reason)
            notifier.stopping(stop.reason)
            core.condition.ready = False
            await _end(core, [listeners, shown], tasks)
    except BaseException:
        await _end(core, [listeners, shown], tasks)
        raise
    finally:
        untap()
    emit(events.DAEMON_STOPPED, up_s=round(monotonic() - began))
    notifier.close()
    return stop.code


async def _open(loaded: Loaded, registry: Registry, notifier: Notifier) -> Core:
    """Open what lies on disk; systemd gives it time, for a large database may have to migrate."""
    opening = asyncio.create_task(Core.open(loaded, registry), name="open")
    while not (await asyncio.wait({opening}, timeout=EXTEND_EVERY))[0]:
        notifier.extend(3 * EXTEND_EVERY)
    return opening.result()


def spare_the_collector() -> None:
    """Do not look through what stays for ever each time that a batch has made some objects.

    Of a first sync's CPU the collector took a quarter, and found next to nothing: batches are
    tuples and bytes, and end by their reference counts. Nor is it asked before the freeze: it
    would find some hundred objects among a hundred thousand, and take 60 ms of the start.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    gc.enable()


async def _until(stop: Stop, tasks: set[asyncio.Task[None]]) -> None:
    """Return when the daemon is to end; a task of its own that ends is a reason."""
    asked = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in done - {asked}:
        error = None if task.cancelled() else task.exception()
        emit(events.TASK_CRASHED, task=task.get_name(), restart_in_s=0, error=error)
        stop.ask(f"task {task.get_name()} ended", ExitCode.BUG)


async def _end(core: Core, listeners: Sequence[Listeners], tasks: set[asyncio.Task[None]]) -> None:
    """Stop everything, for at most ten seconds."""
    core.stream.close()
    for task in tasks:
        task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(one.close() for one in listeners), core.supervisor.close())
            await core.close()


class _Reloads:
    """Reloads asked for by SIGHUP, and what a reload changes at the daemon's edges."""

    def __init__(
        self,
        core: Core,
        listeners: Listeners,
        notifier: Notifier,
        show_metrics: Callable[[Settings], Awaitable[None]],
    ) -> None:
        self._core = core
        self._listeners = listeners
        self._show_metrics = show_metrics
        self._notifier = notifier
        self._asked = asyncio.Event()
        core.before_reload = self._before

    def ask(self) -> None:
        """Reload soon."""
        self._asked.set()

    async def serve(self) -> None:
        """Reload whenever asked, until cancelled. The log and the status line have the result."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._notifier.reloading()
            with suppress(EisdError):
                await self._core.reload()
            self._notifier.ready(health.status_line(self._core))

    async def _before(self, settings: Settings) -> None:
        await self._listeners.apply(settings.listen)
        await self._show_metrics(settings)
        logs.set_level(settings.log.level)
        logs.set_library_levels(settings.log.levels)


# Once


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
