"""The watched file of contacts (``[contacts] source``): imported at start and when it changes."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from eisd import events
from eisd.daemon.core import Core
from eisd.errors import EisdError
from eisd.logs import emit

LOOK = 2.0
"""Seconds between looks; a change is taken when the file has lain still for one of them."""

_Signature = tuple[int, int, int]


class Source:
    """Keeps the contacts in step with a file. A bad file changes nothing, and is told."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._taken: tuple[Path, _Signature | None] | None = None

    async def take(self) -> bool:
        """Import the file now, if one is configured; False when it was refused."""
        path = self._core.settings.contacts.source
        if path is None:
            self._core.condition.source_refused = ""
            self._taken = None
            return True
        self._taken = (path, await asyncio.to_thread(_signature, path))
        try:
            await _import(self._core, path)
        except EisdError as error:
            self._core.condition.source_refused = str(error)
            emit(events.CONTACTS_REFUSED, source=str(path), reason=_for_log(path, error))
            return False
        self._core.condition.source_refused = ""
        return True

    async def watch(self) -> None:
        """Look for changes until cancelled."""
        seen = self._taken
        while True:
            await asyncio.sleep(LOOK)
            path = self._core.settings.contacts.source
            now = None if path is None else (path, await asyncio.to_thread(_signature, path))
            if now == seen and now != self._taken:
                await self.take()
            seen = now


async def _import(core: Core, path: Path) -> None:
    from eisd.api.actions import import_rows  # noqa: PLC0415 - few have a file to watch
    from eisd.api.contact_files import format_of, read_file, refusal  # noqa: PLC0415

    rows = await asyncio.to_thread(read_file, path, format_of(path.name))
    with closing(rows):
        if rows.bad:
            raise refusal(str(path), rows.bad)
        await import_rows(core, rows, replace=False, source=str(path))


def _for_log(path: Path, error: EisdError) -> str:
    """Why, without what stands in the file: that may be anybody's address."""
    lines = str(error).splitlines()
    if len(lines) < 2:  # noqa: PLR2004 - a sentence of its own, about no row
        return str(error)
    place = lines[0].removeprefix(str(path)).split(":")[1]
    return f"{lines[-1]}; the first at line {place}"


def _signature(path: Path) -> _Signature | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
