"""The daemon at work: Core -> API -> mailboxes -> READY -> a signal, and the same way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, Final

from eisd import __version__, events, logs
from eisd.api.app import create
from eisd.api.server import Listeners
from eisd.config.load import Loaded
from eisd.config.schema import Settings
from eisd.daemon import health, metrics
from eisd.daemon.collector import spare_the_collector
from eisd.daemon.core import Core
from eisd.daemon.lookout import Lookout, measure_lag
from eisd.daemon.notify import Notifier
from eisd.daemon.signals import Stop, handled
from eisd.daemon.source import Source
from eisd.daemon.spares import Spares
from eisd.daemon.upkeep import Upkeep
from eisd.driver.registry import Registry
from eisd.errors import EisdError, ExitCode
from eisd.logs import emit

STOP_SECONDS: Final = 9.0
EXTEND_EVERY: Final = 20.0
"""Seconds between two requests to systemd for more time to start."""


async def serve(loaded: Loaded, registry: Registry, spares: Spares, began: float) -> ExitCode:
    """Keep every mailbox in step and answer the API, until told to end.

    ``began`` is the monotonic time at which the process did. Raises UserError (73): a socket
    cannot be made; StoreError (74): the database cannot be used.
    """
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
        log = settings.log
        if log != self._core.settings.log:
            window = log.repeat_window
            await asyncio.to_thread(
                logs.configure, log.level, log.format, repeat_window=window, levels=log.levels
            )
