"""What a server tells unasked, kept as facts: a flood of notices costs no memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from eisd.wire.imap_responses import Status

_MAX_STATUSES = 20_000


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last time it was taken."""

    exists: int | None = None
    """The selected folder now holds so many messages."""
    expunged: bool = False
    flags: bool = False
    folders: bool = False
    """A folder was made, renamed or deleted (NOTIFY), or more changed than was kept."""
    statuses: Mapping[str, Status] = field(default_factory=dict)
    """By wire name (NOTIFY)."""

    def __bool__(self) -> bool:
        told = self.expunged or self.flags or self.folders or bool(self.statuses)
        return told or self.exists is not None


class Notices:
    """Gathers news for one connection."""

    def __init__(self) -> None:
        self.any = False
        """Something came; RECENT counts, though it is no fact of its own."""
        self._exists: int | None = None
        self._expunged = False
        self._flags = False
        self._folders = False
        self._statuses: dict[str, Status] = {}
        self._waiting: asyncio.Future[None] | None = None

    def arrival(self) -> asyncio.Future[None]:
        """Done as soon as there is anything."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self.any:
            self._waiting.set_result(None)
        return self._waiting

    def take(self) -> News:
        """The news so far; begins anew."""
        news = News(self._exists, self._expunged, self._flags, self._folders, self._statuses)
        self._statuses = {}
        self._folders = False
        self.left_folder()
        return news

    def left_folder(self) -> None:
        """Another folder is selected: what is known of the old one means nothing any more."""
        self._exists = None
        self._expunged = False
        self._flags = False
        self.any = self._folders or bool(self._statuses)

    def exists(self, count: int) -> None:
        """EXISTS."""
        self._exists = count
        self.tell()

    def expunged(self) -> None:
        """EXPUNGE or VANISHED."""
        self._expunged = True
        self.tell()

    def flags(self) -> None:
        """A FETCH nobody asked for."""
        self._flags = True
        self.tell()

    def folders(self) -> None:
        """LIST unasked (NOTIFY)."""
        self._folders = True
        self.tell()

    def status(self, wire: str, status: Status) -> None:
        """STATUS unasked (NOTIFY)."""
        if wire in self._statuses or len(self._statuses) < _MAX_STATUSES:
            self._statuses[wire] = status
        else:
            self._folders = True
        self.tell()

    def tell(self) -> None:
        """Something came."""
        self.any = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
