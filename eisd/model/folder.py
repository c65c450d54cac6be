"""Folders of a mailbox, positions in them, and what a scan yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class FolderRole(StrEnum):
    """What a folder is for (RFC 6154 special use, and what providers add)."""

    INBOX = "inbox"
    SENT = "sent"
    ARCHIVE = "archive"
    ALL = "all"
    DRAFTS = "drafts"
    JUNK = "junk"
    TRASH = "trash"
    FLAGGED = "flagged"
    IMPORTANT = "important"
    OUTBOX = "outbox"
    OTHER = "other"
    SYSTEM = "system"  # Exchange's Calendar, Contacts, Notes, Sync Issues and their like
    FOREIGN = "foreign"  # another user's or a shared namespace
    UNSELECTABLE = "unselectable"  # \Noselect, \NonExistent


@dataclass(frozen=True, slots=True)
class Folder:
    """A named container of messages in a mailbox (RFC 9051 calls it a mailbox).

    ``name`` is readable Unicode, unique in its mailbox; ``handle`` is the driver's own name for
    it (modified UTF-7, a Graph id) and opaque to everyone else.
    """

    name: str
    handle: str
    role: FolderRole = FolderRole.OTHER


@dataclass(frozen=True, slots=True)
class Cursor:
    """A driver's position in a folder. Only the driver that made it reads ``value``.

    ``validity`` names the numbering the remote ids belong to: ids of two validities have nothing
    to do with each other. ``backfilling`` is True until everything above the floor was listed.
    """

    value: str
    validity: str = ""
    backfilling: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Where a first scan begins: copies received from ``since`` on; None means all of them.

    ``backfill`` False means: take the live position and list nothing of the past.
    """

    since: datetime | None = None
    backfill: bool = True


class Listed(NamedTuple):
    """One copy as a scan lists it: its place, its flags, and the bytes of its header."""

    remote_id: str
    gate_at: datetime
    """The provider's receive time (INTERNALDATE), aware."""
    size: int
    """RFC822.SIZE in octets; -1 when the remote does not say."""
    flags: frozenset[str]
    """Flags and labels as the provider spells them, system flags like ``\\Seen`` in RFC case."""
    header: bytes
    live: bool
    """Listed going up from the live position, not by backfill."""
    role: FolderRole | None = None
    """What the copy's own labels make of its place, where one folder holds everything."""
    thread: str = ""
    """The provider's id of the conversation, unique in the mailbox; empty where it has none."""
    message: str = ""
    """The provider's id of the message, the same in whatever folder; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Copies, and the cursor that covers them and everything yielded before.

    A batch may be empty: then only the cursor moves. ``remaining`` is how many copies the
    backfill has still to list (an estimate is fine), None when unknown.
    """

    copies: Sequence[Listed]
    cursor: Cursor
    remaining: int | None = None
