"""What a driver is: the Protocols that drivers implement and the core speaks to.

A driver turns one kind of provider into sessions and senders. It is found by its entry point in
the group ``eisd.drivers``; the bundled ones are declared exactly as a stranger's would be.

Terms. A *folder* is a named container of messages (RFC 9051 says mailbox, we say folder). A
*cursor* is a driver's position in a folder; the core stores it and hands it back, and never looks
inside. A *remote id* names a copy in its folder for as long as the cursor's ``validity`` holds.

Errors: a driver raises the classes of `eisd.errors.DriverError` and nothing else. Cancelling any
of these calls closes the connection; a session that was cancelled is not used again.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from eisd.model.folder import Batch, Cursor, Folder, Window
from eisd.model.mail import RawMessage
from eisd.model.outgoing import Envelope, Outlet, Receipt

API_VERSION = 1

RemoteId = str

BeforeCommit = Callable[[], Awaitable[None]]
"""Awaited right before the step after which the remote may have accepted a message."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a session can do, asked after login."""

    push: bool = False
    """`wait` is told by the provider (IDLE, RFC 2177), not by a clock."""
    push_all: bool = False
    """One `wait` watches every folder (NOTIFY, RFC 5465)."""
    labels: bool = False
    """A copy has one entry whatever number of folders show it (Gmail)."""
    host: str = ""
    """Where the session is connected to, for the log."""
    names: frozenset[str] = frozenset()
    """The provider's own words, for `mailbox test` and `status`."""
    partial: frozenset[str] = frozenset()
    """Handles of folders that show only their newest copies: one that is gone there may exist."""
    notes: tuple[str, ...] = ()
    """Sentences for people: what the provider keeps from us, and the way out."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a driver's options: where (keys below the mailbox), what, the way out."""

    path: tuple[str, ...]
    message: str
    hint: str = ""


class OptionsError(Exception):
    """The options are refused; carries every problem at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(p.message for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of connecting, for `mailbox test`: name, what was seen, milliseconds."""

    name: str
    detail: str
    ms: float
    ok: bool = True
    failure: str = ""
    """The class in `eisd.errors` of what went wrong, such as ``AuthRejected``."""


class Login(Protocol):
    """The core keeps the secrets; a driver asks at each use and keeps nothing."""

    async def password(self, table: str = "", /) -> str:
        """The secret in a table of the mailbox, such as ``smtp``; else in the driver's own."""
        ...

    async def access_token(self, *, refused: str = "") -> str:
        """An access token; another one than ``refused``, which the provider did not take."""
        ...


@runtime_checkable
class Renewable(Protocol):
    """A login whose sessions end with their tokens: a new one is prepared before that."""

    def renew_in(self) -> float:
        """Seconds until a session made with the last token should be replaced."""
        ...

    async def renewed(self) -> bool:
        """Obtain a token that outlasts the last one; False if it cannot be had for now."""
        ...


class Session(Protocol):
    """One live, authenticated connection. Used by one task at a time."""

    @property
    def capabilities(self) -> Capabilities:
        """What the session can do, as far as it has proved true."""
        ...

    async def folders(self) -> Sequence[Folder]:
        """Every folder of the mailbox with its role. MUST raise rather than answer "none"."""
        ...

    async def changed(self, cursors: Mapping[Folder, Cursor]) -> Collection[Folder]:
        """Those folders in which a `scan` from its cursor may find something new.

        Cheap for many folders at once. MAY name too many, MUST NOT name too few; a folder that
        is gone is named.
        """
        ...

    def scan(
        self, folder: Folder, since: Cursor | Window, *, authentication: bool = True
    ) -> AsyncGenerator[Batch, None]:
        """List copies with their header blocks, in batches.

        From a `Window`: the first batch fixes the live position before anything is listed; then
        the past, newest first, down to the window's begin. From a `Cursor`: what came since, then
        the rest of the backfill. What arrives meanwhile is listed before more of the past. Every
        batch carries the cursor that covers it and all before it, so stopping after any batch and
        scanning again from its cursor loses nothing.

        Without ``authentication`` nobody reads Authentication-Results (RFC 8601), and it MAY be
        left out of the header blocks, of which it is a good part.

        Raises `CursorExpired` (scan again from a window) and `FolderGone`.
        """
        ...

    def fetch(
        self,
        folder: Folder,
        ids: Sequence[RemoteId],
        *,
        limit: int,
        validity: str = "",
        whole: bool = False,
    ) -> AsyncGenerator[RawMessage, None]:
        """The messages' bytes, in any order; one that is gone comes as ``missing``.

        One that the remote lists and gives nothing of is left out, and asked for again later.

        With the ``validity`` of the cursor that listed the ids, raises `CursorExpired` when they
        have come to name other messages.

        A message over 256 KiB comes as a skeleton of its header and text parts, unless it is
        wanted ``whole``; one over ``limit`` octets does, whatever it holds.
        """
        ...

    def listing(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Sequence[RemoteId]]:
        """The ids of all copies the folder holds now above the cursor's floor, in chunks."""
        ...

    async def wait(self, folder: Folder, seconds: float) -> None:
        """Return when something may have happened, or after ``seconds``, or for no reason."""
        ...

    def nudge(self) -> None:
        """End a `wait` that is under way, gently; called from another task of the same loop."""
        ...


@runtime_checkable
class KnowsAliases(Protocol):
    """What a session may do beside: tell every address of its mailbox (Gmail, Graph)."""

    async def aliases(self) -> Sequence[str]:
        """The mailbox's other addresses as the provider has them now.

        Asked after each login and daily. SHOULD answer with none rather than raise where the
        provider does not allow the question.
        """
        ...


class Sender(Protocol):
    """The way out of one mailbox. Connects when first needed; used by one task at a time.

    A connection that was lost between two messages is made anew by itself. Any error but
    `InDoubt` means that the message was certainly not accepted. One that was cancelled after
    ``before_commit`` is in doubt, too.
    """

    async def send(
        self, envelope: Envelope, rfc822: bytes, *, before_commit: BeforeCommit | None = None
    ) -> Receipt:
        """Hand over one message; a Bcc header in it is left out on the wire.

        When everything but the last step is with the remote, ``before_commit`` is awaited, at
        most once; if it raises, the message is dropped and the error passed on.

        Raises `SendRefused` (with the refusals), `InDoubt`, and the errors of connecting.
        """
        ...

    async def find_sent(self, message_id: str) -> RemoteId | None:
        """The copy with this Message-ID in the Sent folder, None if there is none (yet)."""
        ...

    async def append_sent(self, rfc822: bytes) -> RemoteId | None:
        """File a copy in the Sent folder, unless one with its Message-ID is there already.

        Returns its id where the remote tells it. Raises `FolderGone` where no folder is Sent.
        """
        ...

    async def find_draft(self, message_id: str) -> RemoteId | None:
        """The copy with this Message-ID in the Drafts folder, None if there is none."""
        ...

    async def append_draft(self, rfc822: bytes) -> RemoteId | None:
        """File a copy in the Drafts folder, unless one with its Message-ID is there already."""
        ...

    async def remove_draft(self, message_id: str) -> bool:
        """Delete the copy with this Message-ID from the Drafts folder; False if there is none."""
        ...


@runtime_checkable
class Driver(Protocol):
    """One kind of provider. The entry point names an instance."""

    name: str
    api_version: int

    def options(self, table: Mapping[str, object], *, address: str) -> Any:
        """Read the driver's keys of a mailbox's table (``imap``, ``smtp``, ...).

        Returns the driver's own frozen options. Raises `OptionsError` with every problem.
        """
        ...

    def identity(self, options: Any) -> str:
        """What makes the mailbox itself and no other, beside its address: its host."""
        ...

    def session(self, options: Any, login: Login) -> AbstractAsyncContextManager[Session]:
        """Connect, secure, log in. Leaving the context closes the connection at once."""
        ...

    def outlet(self, options: Any) -> Outlet | None:
        """Where the mailbox's mail goes out, without asking anybody; None when it cannot send."""
        ...

    def sender(self, options: Any, login: Login) -> AbstractAsyncContextManager[Sender]:
        """The way out. Nothing is connected yet; leaving the context closes what is."""
        ...

    def probe_sender(
        self, options: Any, login: Login, message: tuple[Envelope, bytes] | None = None
    ) -> AsyncIterator[Step]:
        """The way out step by step, for `mailbox test`; sends the message, if one is given."""
        ...

    def probe(self, options: Any, login: Login) -> AsyncIterator[Step]:
        """Connect step by step, for `mailbox test`; the last step that fails ends it."""
        ...
