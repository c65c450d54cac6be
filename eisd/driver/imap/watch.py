"""Knowing that something happened: IDLE, NOTIFY, or a look now and then.

IDLE (RFC 2177) is a hint: networks forget quiet connections within minutes and some servers never
tell, so it is issued anew by a table of providers, and whoever waits looks again anyway. NOTIFY
(RFC 5465) tells of every folder on the one connection; what it told is kept, so that a wake-up
does not cost a STATUS of each folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from eisd.errors import Rejected
from eisd.wire.imap import Client
from eisd.wire.imap_news import News
from eisd.wire.imap_responses import Status

IDLE_SECONDS = 300.0
"""How long one IDLE lasts, where nothing else is known."""

IDLE_SECONDS_OF: Mapping[str, float] = {
    "163.com": 55.0,  # these close or forget an IDLE after a minute
    "126.com": 55.0,
    "yeah.net": 55.0,
    "188.com": 55.0,
    "netease.com": 55.0,
    "qiye.163.com": 55.0,
    "qq.com": 120.0,
    "mail.ru": 120.0,
    "yandex.com": 120.0,
    "yandex.ru": 120.0,
}
"""By the domain a server's host lies in; the longest that fits counts."""

_QUIET_SECONDS = 240.0  # without IDLE: a NOOP so often keeps the connection known to the network
_TRUSTED = 300.0  # how long NOTIFY is believed before every folder is asked again


def idle_seconds(host: str) -> float:
    """How long one IDLE should last on a server."""
    labels = host.lower().rstrip(".").split(".")
    domains = (".".join(labels[i:]) for i in range(len(labels)))
    return next((IDLE_SECONDS_OF[d] for d in domains if d in IDLE_SECONDS_OF), IDLE_SECONDS)


class Watch:
    """What the server told unasked, and the ways to wait for more."""

    def __init__(self, client: Client, host: str) -> None:
        self._client = client
        self._idle_seconds = idle_seconds(host)
        self.push = "IDLE" in client.capabilities
        self.push_all = self.push and "NOTIFY" in client.capabilities
        self._notified = False
        self._stirred = False
        self.statuses: dict[str, Status] = {}
        self._left: set[str] = set()
        self._asked_at: float | None = None
        self._waiting = False
        self._nudged = asyncio.Event()

    # News

    def take(self) -> News:
        """The news of the open folder; what came of others is kept here."""
        news = self._client.take_news()
        for wire, status in news.statuses.items():
            self.statuses[wire] = _newer(self.statuses.get(wire), status)
        if news.statuses or news.folders:
            self._stirred = True
        if news.folders:
            self._asked_at = None
        return news

    def left(self, wire: str) -> None:
        """A folder was closed: what came to it while it was open nobody told as a STATUS."""
        self._left.add(wire)

    def stale(self, wires: Sequence[str]) -> Sequence[str]:
        """Those of the folders whose STATUS has to be asked for now."""
        self.take()
        self._stirred = False
        now = asyncio.get_running_loop().time()
        if self._notified and self._asked_at is not None and now < self._asked_at + _TRUSTED:
            return [w for w in wires if w in self._left or w not in self.statuses]
        self.statuses.clear()
        self._asked_at = now
        return wires

    def keep(self, asked: Iterable[str], statuses: Mapping[str, Status]) -> None:
        """These folders were asked just now; those without an answer were refused."""
        for wire in asked:
            self._left.discard(wire)
            self.statuses.pop(wire, None)
            if wire in statuses:
                self.statuses[wire] = statuses[wire]

    # Waiting

    def nudge(self) -> None:
        """End the wait that is under way; none is, and nothing happens."""
        if self._waiting:
            self._nudged.set()
            self._client.wake()

    def begin(self) -> None:
        """From here on a nudge counts, though there is something to do before `wait`."""
        self._nudged.clear()
        self._waiting = True

    async def wait(self, seconds: float) -> None:
        """Return when there are news, or after so many seconds. A folder is open; `begin` first."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            await self._subscribe()
            while not self._stirring() and (left := end - loop.time()) > 0:
                await self._once(left)
        finally:
            self._waiting = False
        self._stirred = False

    def _stirring(self) -> bool:
        news = self.take()
        told = news.exists is not None or news.expunged
        return told or self._stirred or self._nudged.is_set()

    async def _once(self, seconds: float) -> None:
        if not self.push:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), min(seconds, _QUIET_SECONDS))
            await self._client.noop()
            return
        try:
            await self._client.idle(min(seconds, self._idle_seconds))
        except Rejected:  # it says IDLE and does not have it: poll from now on
            self.push = self.push_all = False

    async def _subscribe(self) -> None:
        """Ask once to be told of every folder."""
        if not self.push_all or self._notified:
            return
        try:
            await self._client.notify()
        except Rejected:
            self.push_all = False
        else:
            self._notified = True
            self._asked_at = None


def _newer(old: Status | None, new: Status) -> Status:
    """NOTIFY sends what changed; the rest stays as it was."""
    if old is None:
        return new
    return replace(
        old,
        uidnext=old.uidnext if new.uidnext is None else new.uidnext,
        uidvalidity=old.uidvalidity if new.uidvalidity is None else new.uidvalidity,
        messages=old.messages if new.messages is None else new.messages,
    )
