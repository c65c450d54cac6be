"""The daemon's daily task: what is older than it is to be kept goes (`[retention]`)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from eisd import events
from eisd.api.pruning import cutoffs
from eisd.config.policy import RetentionSettings
from eisd.daemon.core import Core
from eisd.errors import StoreError
from eisd.logs import emit
from eisd.store import retention
from eisd.store.retention import Cutoffs
from eisd.store.sql import now_ms
from eisd.sync import pruning
from eisd.sync.rules import DAY_MS

LOOK: Final = 600.0
GRACE: Final = 3600.0
"""Seconds that a setting must have been in force, so that a slip of the pen can be taken back."""


class Upkeep:
    """Prunes once a day, over restarts. Nothing here is vital."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._settings: RetentionSettings | None = None
        self._since = 0.0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look(monotonic())
            except StoreError as error:
                emit(events.DB_WRITE_FAILED, reason=str(error), retry_in_s=LOOK, error=error)
            await asyncio.sleep(LOOK)

    async def look(self, now: float) -> bool:
        """Prune if it is time for it (``now`` is on the monotonic clock); True if it was.

        Raises:
            StoreError: the database cannot be read or written.
        """
        settings = self._core.settings.retention
        if settings != self._settings:
            self._settings, self._since = settings, now
        old = cutoffs(settings, now_ms())
        if old == Cutoffs() or now - self._since < GRACE:
            return False
        last = await self._core.store.read(retention.done_at)
        if last is not None and abs(now_ms() - last) < DAY_MS:
            return False
        await pruning.prune(self._core.store, old)
        return True
