"""The tasks that send and file, a pair for each mailbox that has work.

A mailbox that has nothing to send costs nothing: its tasks are made when there is something, and
end when there is nothing left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

from eisd import events
from eisd.logs import bind, emit
from eisd.outbox.filing import Filer
from eisd.outbox.loop import Outbox
from eisd.outbox.pace import Limit, Pace, backlog
from eisd.outbox.results import Result
from eisd.outbox.station import Services, Station
from eisd.store import outbox
from eisd.store.sql import now_ms

RESTART = 10.0
KEPT_MS = 30 * 86_400_000
"""So long a message that failed is kept, to be tried again by a person."""
STOP = 8.0
"""Seconds a station has to end before it is let go."""


class _Keeper:
    """Keeps one half of a station at work for as long as it has work."""

    def __init__(self, mailbox: str, work: Outbox | Filer) -> None:
        self.work = work
        self.task: asyncio.Task[None] | None = None
        self._mailbox = mailbox
        self._asked = 0

    def wake(self) -> None:
        """There may be something to do."""
        self._asked += 1
        self.work.bell.ring()
        if self.task is None or self.task.done():
            name = f"{type(self.work).__name__.lower()} {self._mailbox}"
            self.task = asyncio.create_task(self._keep(), name=name)

    async def _keep(self) -> None:
        bind(mailbox=self._mailbox)
        while True:
            begun = self._asked
            try:
                await self.work.run()
            except Exception as exc:  # noqa: BLE001  our mistake: this station starts anew, alone
                emit(events.TASK_CRASHED, task=self._mailbox, restart_in_s=RESTART, error=exc)
                await asyncio.sleep(RESTART)
                continue
            if begun == self._asked:
                return


class _Post:
    """One station, sending and filing."""

    def __init__(self, station: Station, services: Services, posts: Posts) -> None:
        self.outbox = Outbox(station, services, lambda: posts.paces(station))
        self.filer = Filer(station, services, lambda: self.outbox.is_busy)
        self._halves = (_Keeper(station.name, self.outbox), _Keeper(station.name, self.filer))
        self.outbox.on_sent = lambda: posts.file(station.name)

    def wake(self) -> None:
        for half in self._halves:
            half.wake()

    def file(self) -> None:
        self._halves[1].wake()

    async def stop(self) -> None:
        tasks = [half.task for half in self._halves if half.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP)


class Posts:
    """All stations."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self.stations: dict[str, Station] = {}
        self._paused: set[str] = set()
        self._posts: dict[str, _Post] = {}
        self._hosts: dict[str, Pace] = {}
        self._working = False

    async def start(self) -> None:
        """Begin to send."""
        self._working = True
        await self._store.write(lambda tx: outbox.drop_failed(tx.db, now_ms() - KEPT_MS))
        at_work = set(await self._store.read(outbox.mailboxes_at_work))
        for name, station in self.stations.items():
            if station.id in at_work:
                self.wake(name)

    async def apply(self, stations: Mapping[str, Station], paused: Collection[str]) -> None:
        """Make what runs be what is configured; a station that did not change is not touched."""
        before, self.stations = self.stations, dict(stations)
        self._paused = set(paused)
        gone = [
            name
            for name in self._posts
            if name in paused
            or name not in stations
            or stations[name].fingerprint != before[name].fingerprint
        ]
        self._hosts.clear()
        await self._stop(gone)
        if self._working:
            await self.start()

    async def pause(self, name: str, *, paused: bool) -> None:
        """A mailbox that is paused sends nothing."""
        if paused:
            self._paused.add(name)
            await self._stop([name])
        else:
            self._paused.discard(name)
            self.wake(name)

    async def close(self) -> None:
        """Stop; a message under way is given a moment to be answered."""
        self._working = False
        await self._stop(list(self._posts))

    async def _stop(self, names: Iterable[str]) -> None:
        posts = [self._posts.pop(name) for name in names if name in self._posts]
        await asyncio.gather(*(post.stop() for post in posts))

    def wake(self, name: str) -> None:
        """A mailbox may have something to do."""
        if self._working and name in self.stations and name not in self._paused:
            self._post(name).wake()

    def file(self, name: str) -> None:
        """A mailbox may have a copy to file, or a doubt to settle."""
        if self._working and name in self._posts:
            self._posts[name].file()

    def _post(self, name: str) -> _Post:
        if name not in self._posts:
            self._posts[name] = _Post(self.stations[name], self._services, self)
        return self._posts[name]

    def troubles(self) -> dict[str, Result]:
        """What keeps mailboxes from sending, by name."""
        found = {name: post.outbox.result for name, post in self._posts.items()}
        return {name: result for name, result in found.items() if result is not None}

    async def drain(self) -> dict[str, Exception | None]:
        """Send, file and look for what is due, once; return what went wrong, by mailbox."""
        at_work = set(await self._store.read(outbox.mailboxes_at_work))
        names = [
            name
            for name, station in self.stations.items()
            if station.id in at_work and name not in self._paused
        ]
        results = await asyncio.gather(*(self._once(name) for name in names))
        return dict(zip(names, results, strict=True))

    async def _once(self, name: str) -> Exception | None:
        bind(mailbox=name)
        post = self._post(name)
        try:
            await post.outbox.run(once=True)
            await post.filer.run(once=True)
        except Exception as exc:  # noqa: BLE001  told by name; the others go on
            return exc
        return None

    async def paces(self, station: Station) -> list[Pace]:
        """What a station must keep to: its own limits, and those of all who share its host."""
        own = await self._pace(station.limits, [station])
        if not station.host_limits:
            return [own]
        host = station.outlet.host
        if host not in self._hosts:
            sharing = [one for one in self.stations.values() if one.outlet.host == host]
            pace = await self._pace(station.host_limits, sharing)
            self._hosts.setdefault(host, pace)
        return [own, self._hosts[host]]

    async def _pace(self, limits: Iterable[Limit], stations: Iterable[Station]) -> Pace:
        """Limits, and what was sent of late that counts towards them."""
        listed, ids = list(limits), [one.id for one in stations]
        seconds, count = backlog(listed)
        since = now_ms() - round(seconds * 1000)
        sent = await self._store.read(lambda db: outbox.recent(db, ids, since, count))
        return Pace(listed, [(at / 1000, recipients) for at, recipients in sent])
