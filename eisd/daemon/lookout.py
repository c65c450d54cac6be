"""The lookout: sees every ten seconds what needs a person, and says so when that changes.

What it sees it keeps, so that a scrape of the metrics asks neither the database nor the disk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic

from eisd import events
from eisd.api import issues, overview, signing
from eisd.api.answers import Answer, mailboxes_now
from eisd.api.core import Seen
from eisd.daemon.core import Core
from eisd.errors import StoreError
from eisd.logs import emit
from eisd.metrics import LOOP_LAG
from eisd.store import outbox_views

LOOK = 10.0
TICK = 1.0


class Lookout:
    """Looks, and tells issues that came and went. Nothing here is vital."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._open: dict[tuple[str, str], Answer] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                emit(events.DB_READ_FAILED, reason=str(error), error=error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """See how things are now, and tell what is new about it."""
        core, condition = self._core, self._core.condition
        listed = overview.with_live(core, await core.store.read(mailboxes_now))
        drifted = await asyncio.to_thread(core.changed_on_disk)
        files = await asyncio.to_thread(overview.database_files, core.settings.paths)
        waiting: Counter[str] = Counter()
        for states in (await core.store.read(outbox_views.counts)).values():
            waiting.update(states)
        up_s = monotonic() - condition.began
        found = issues.of_daemon(core, drifted=drifted)
        found += signing.with_apps(core, issues.of_mailboxes(listed, core.settings, up_s=up_s))
        condition.seen = Seen(
            backlog={one["name"]: one["backlog"] for one in listed},
            issues=tuple(found),
            db_bytes=files["bytes"],
            wal_bytes=files["wal_bytes"],
            outbox=waiting,
            oldest_due=await core.store.read(outbox_views.oldest),
            backup_at=files["backup_at"],
        )
        self._tell({(one["mailbox"], one["code"]): one for one in found})

    def _tell(self, now: dict[tuple[str, str], Answer]) -> None:
        for key in now.keys() - self._open.keys():
            mailbox, code = key
            emit(events.ISSUE_OPENED, mailbox=mailbox or None, issue=code, fix=now[key]["fix"])
        for mailbox, code in self._open.keys() - now.keys():
            emit(events.ISSUE_CLOSED, mailbox=mailbox or None, issue=code)
        self._open = now


async def measure_lag() -> None:
    """Measure, every second, how late the loop wakes a task. Runs until cancelled."""
    while True:
        due = monotonic() + TICK
        await asyncio.sleep(TICK)
        LOOP_LAG.observe(max(0.0, monotonic() - due))
