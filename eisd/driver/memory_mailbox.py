"""The provider of the in-memory driver: folders and copies in a test's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from eisd.driver.memory_outlet import MemoryOutlet
from eisd.errors import DriverError, FolderGone, Transient
from eisd.model.folder import Folder, FolderRole

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MemoryMessage:
    """One copy in a folder; ``number`` counts the folder's copies from 1."""

    number: int
    rfc822: bytes
    gate_at: datetime
    flags: frozenset[str] = frozenset()
    role: FolderRole | None = None
    thread: str = ""

    @property
    def remote_id(self) -> str:
        return f"m{self.number}"


@dataclass(slots=True)
class MemoryFolder:
    """One folder of the provider. ``validity`` counts its numberings."""

    name: str
    role: FolderRole
    handle: str
    validity: int = 1
    next_number: int = 1
    messages: dict[int, MemoryMessage] = field(default_factory=dict)

    def add(
        self,
        rfc822: bytes,
        gate_at: datetime,
        flags: Iterable[str] = (),
        role: FolderRole | None = None,
        thread: str = "",
    ) -> MemoryMessage:
        message = MemoryMessage(self.next_number, rfc822, gate_at, frozenset(flags), role, thread)
        self.messages[message.number] = message
        self.next_number += 1
        return message


@dataclass(slots=True)
class _Fault:
    """Raise ``error`` when ``calls`` more calls of the operation have passed, ``times`` times."""

    operation: str
    error: DriverError
    calls: int
    times: int


class MemoryMailbox:
    """What a provider holds for one mailbox, in the test's hands."""

    def __init__(self, *, batch_size: int = 50, password: str = "secret") -> None:  # noqa: S107
        self.batch_size = batch_size
        self.password = password
        self.push = True
        self.connections = 0
        self.aliases: tuple[str, ...] = ()
        self.outlet = MemoryOutlet()
        self._handles = count(1)
        self._folders: dict[str, MemoryFolder] = {}
        self._seconds = count()
        self._faults: list[_Fault] = []
        self._unfetchable: dict[tuple[str, str], int] = {}
        self._changes = 0
        self._line = 0
        self.waiters: set[asyncio.Future[None]] = set()
        for name, role in (("INBOX", FolderRole.INBOX), ("Sent", FolderRole.SENT)):
            self.create_folder(name, role)

    # What people do

    def deliver(
        self,
        rfc822: bytes,
        folder: str = "INBOX",
        *,
        gate_at: datetime | None = None,
        flags: Iterable[str] = (),
        role: FolderRole | None = None,
        thread: str = "",
    ) -> str:
        """A message arrives; its receive time counts up by a second unless given.

        ``role`` and ``thread`` are what a provider with labels and conversations says of it.
        """
        at = gate_at or _EPOCH + timedelta(seconds=next(self._seconds))
        message = self.folder(folder).add(rfc822, at, flags, role, thread)
        self._wake()
        return message.remote_id

    def move(self, remote_id: str, folder: str, to: str) -> str:
        """The copy goes to another folder, keeping its receive time; returns its new id."""
        message = self.folder(folder).messages.pop(int(remote_id[1:]))
        moved = self.folder(to).add(
            message.rfc822, message.gate_at, message.flags, message.role, message.thread
        )
        self._wake()
        return moved.remote_id

    def expunge(self, remote_id: str, folder: str = "INBOX") -> None:
        """The copy is deleted for good."""
        del self.folder(folder).messages[int(remote_id[1:])]
        self._wake()

    def create_folder(self, name: str, role: FolderRole = FolderRole.OTHER) -> None:
        """A new, empty folder."""
        self._folders[name] = MemoryFolder(name, role, f"f{next(self._handles)}")

    def rename_folder(self, name: str, to: str) -> None:
        """The folder has another name and another handle; as on IMAP, nothing leads to it."""
        folder = self._folders.pop(name)
        folder.name, folder.handle = to, f"f{next(self._handles)}"
        self._folders[to] = folder
        self._wake()

    def delete_folder(self, name: str) -> None:
        """The folder and its copies are gone."""
        del self._folders[name]
        self._wake()

    def renumber(self, name: str = "INBOX") -> None:
        """Same copies, new ids: what a change of UIDVALIDITY does."""
        folder = self.folder(name)
        kept = list(folder.messages.values())
        folder.validity += 1
        folder.next_number = 1
        folder.messages.clear()
        for message in kept:
            folder.add(message.rfc822, message.gate_at, message.flags, message.role, message.thread)
        self._wake()

    def folder(self, name: str) -> MemoryFolder:
        """The folder of that name; `KeyError` is the test's own mistake."""
        return self._folders[name]

    def folders(self) -> Iterator[MemoryFolder]:
        yield from self._folders.values()

    # What goes wrong

    def fail(
        self, operation: str, error: DriverError | None = None, *, after: int = 0, times: int = 1
    ) -> None:
        """Let calls of an operation fail, once ``after`` of them have passed.

        Operations: connect, folders, changed, scan (each batch), fetch (each message), listing,
        wait (before it), waited (after it); of sending those of `eisd.driver.memory_sender`, and
        find_sent, append_sent, append_draft, remove_draft. Without an error the line drops.
        """
        fault = error or Transient("the line dropped", code="lost")
        self._faults.append(_Fault(operation, fault, after, times))

    def fail_fetch(self, remote_id: str, folder: str = "INBOX", *, times: int = 1_000_000) -> None:
        """Fetching this copy drops the line, so many times."""
        self._unfetchable[folder, remote_id] = times

    def drop_line(self) -> None:
        """Every connection there is now is lost, one that waits at once."""
        self._line += 1
        self._ring()

    def mend(self) -> None:
        """No fault remains."""
        self._faults.clear()
        self._unfetchable.clear()

    # What sessions ask

    @property
    def line(self) -> int:
        """Counts the drops; a session belongs to the count at its start."""
        return self._line

    def pass_or_raise(self, operation: str, line: int) -> None:
        """Raise the fault that is due for this call, if one is."""
        if line != self._line:
            raise Transient("the line dropped", code="lost")
        for fault in self._faults:
            if fault.operation != operation:
                continue
            if fault.calls:
                fault.calls -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            raise fault.error

    def pass_fetch(self, folder: str, remote_id: str) -> None:
        """Raise if this copy cannot be fetched."""
        left = self._unfetchable.get((folder, remote_id), 0)
        if left:
            self._unfetchable[folder, remote_id] = left - 1
            raise Transient("the line dropped", code="lost")

    def opened(self, folder: Folder) -> MemoryFolder:
        """The folder behind a handle. Raises `FolderGone`."""
        for held in self._folders.values():
            if held.handle == folder.handle:
                return held
        raise FolderGone(f"{folder.name} is gone", code="nonexistent")

    @property
    def changes(self) -> int:
        """How often the mailbox was changed."""
        return self._changes

    def _wake(self) -> None:
        self._changes += 1
        self._ring()

    def _ring(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
