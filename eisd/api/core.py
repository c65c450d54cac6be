"""What the API needs of the daemon, as a Protocol: `eisd.daemon.core.Core` is it.

The same object serves commands that find no daemon: then nothing in it runs, and what it does is
done by the command itself, under the database's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from eisd.api.stream import Stream
from eisd.auth.keeper import Keeper
from eisd.config.difference import Change
from eisd.config.load import Loaded
from eisd.config.schema import Settings
from eisd.matcher.keys import Hasher
from eisd.outbox.desk import Desk
from eisd.store.contact_import import Imported
from eisd.store.database import Database
from eisd.store.secrets import Secrets
from eisd.sync.importing import Given
from eisd.sync.mailbox import Mailbox, Parser, Plan
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lookout saw last, for the metrics."""

    backlog: Mapping[str, int] = field(default_factory=dict)
    """Copies still to be listed or fetched, by mailbox."""
    issues: tuple[dict[str, Any], ...] = ()
    db_bytes: int = 0
    wal_bytes: int = 0
    outbox: Mapping[str, int] = field(default_factory=dict)
    """Messages that wait, by state."""
    oldest_due: float | None = None
    """Since when the oldest of them is due, in seconds since 1970."""
    backup_at: float | None = None
    """When the last good backup was written, in seconds since 1970."""


@dataclass(slots=True)
class Condition:
    """What the daemon knows of itself. Written by the daemon, read by `status`."""

    began: float = field(default_factory=monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the configuration in force was read."""
    refused: str = ""
    """Why the last reload was refused; empty when it was not."""
    source_refused: str = ""
    """Why the watched file of contacts was refused; empty when it was not."""
    ready: bool = False
    stale: tuple[str, ...] = ()
    """Vital parts without a sign of life: then the watchdog is not fed."""
    seen: Seen = field(default_factory=Seen)
    importing: int | None = None
    """So many contacts of an import under way were looked at; None: none is under way."""

    def imported(self, count: int | None) -> None:
        """Take note of how far an import is."""
        self.importing = count


class Reloaded(Protocol):
    """What a reload changed."""

    @property
    def changes(self) -> tuple[str, ...]:
        """A line for each change."""
        ...

    @property
    def keys(self) -> tuple[Change, ...]:
        """The keys of the configuration that differ from before."""
        ...


class Core(Protocol):
    """The daemon's parts, and what may be asked of them. Errors are `UserError`s with a code."""

    store: Database
    loaded: Loaded
    condition: Condition
    keeper: Keeper
    secrets: Secrets
    stream: Stream

    @property
    def settings(self) -> Settings: ...
    @property
    def hasher(self) -> Hasher: ...
    @property
    def parser(self) -> Parser: ...
    @property
    def outbox(self) -> Desk: ...
    @property
    def mailboxes(self) -> Mapping[str, Mailbox]:
        """The mailboxes at work, by name; none when no daemon runs."""
        ...

    def rules(self) -> Rules: ...
    def plan(self, name: str) -> tuple[int, Plan]:
        """A configured mailbox's row id and plan."""
        ...

    def changed_on_disk(self) -> bool:
        """Whether the configuration's files changed since they were read. Blocks for a moment."""
        ...

    async def reload(self) -> Reloaded: ...
    async def compare(self) -> tuple[Loaded, tuple[Change, ...]]:
        """The configuration on disk, and how it differs from the one in force."""
        ...

    async def pause(self, name: str, *, paused: bool) -> None: ...
    def reconnect(self, name: str) -> None: ...
    async def resync(self, name: str, folder: str | None, since_ms: int | None) -> list[str]: ...
    async def forget(self, name: str) -> None: ...
    async def look_back(self, seconds: float | None = None) -> Settled | None:
        """Have the jobs on the past worked off; None: that goes on in the background."""
        ...

    async def import_contacts(self, given: Given, *, replace: bool) -> tuple[Imported, Settled]: ...
