"""Mail on its way out: what its author means, its envelope, and what the remote says to it.

Message-IDs stand here as everywhere: without angle brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from eisd.errors import DriverError


class Party(NamedTuple):
    """Somebody a message is from or to: an addr-spec and the name shown with it."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; with a ``content_id`` an image that the HTML shows as ``cid:...``."""

    filename: str
    data: bytes
    content_type: str = ""
    """Empty: told by the file name."""
    content_id: str = ""
    """Without angle brackets."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as its author means it, before it has an id, a date and bytes.

    ``text`` None: made from ``html``. Both None: an empty message, refused unless
    ``allow_empty``, as an empty subject and a missing recipient are.
    """

    sender: Party
    to: tuple[Party, ...] = ()
    cc: tuple[Party, ...] = ()
    bcc: tuple[Party, ...] = ()
    reply_to: tuple[Party, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    files: tuple[File, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers such as List-Unsubscribe; those that eisd writes itself are refused."""
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends and who receives (RFC 5321 section 2.3.1), whatever the header says."""

    sender: str
    recipients: tuple[str, ...]
    utf8: bool = False
    """An address or a header needs SMTPUTF8 (RFC 6531)."""
    envelope_id: str = ""
    """What delivery reports will quote (RFC 3461 ENVID), where the remote takes one."""


class Stage(StrEnum):
    """How far a message had come when the remote refused it."""

    CONNECT = "connect"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """The message was announced; not the last of it was sent."""
    END = "end"
    """The whole message was sent, and this is the answer to it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The remote's no to a message, or to one of its recipients."""

    code: int
    """The SMTP reply code; 0 where the remote gave none, or where eisd itself refused."""
    enhanced: str
    """The enhanced status code (RFC 3463) such as ``5.1.1``, or empty."""
    text: str
    """The remote's words: one clean line, at most 500 characters."""
    stage: Stage
    recipient: str = ""
    """The address it concerns; empty when the whole message."""

    @property
    def permanent(self) -> bool:
        """The reply code says so; `eisd.outbox.verdict` knows when that is not the last word."""
        return self.code >= 500  # noqa: PLR2004 - RFC 5321 section 4.2.1


@dataclass(frozen=True, slots=True)
class Receipt:
    """The remote has taken the message over, for at least one recipient."""

    accepted_at: datetime
    text: str
    """The remote's words, often its queue id."""
    recipients: tuple[str, ...]
    """Those it was accepted for."""
    refusals: tuple[Refusal, ...] = ()
    """Those it was not accepted for."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a mailbox's mail goes out, and what is known of the provider there.

    Limits are the provider's published ones, for defaults; None where none is known.
    """

    host: str
    files_sent: bool = False
    """The provider itself files what it takes in the Sent folder."""
    per_minute: int | None = None
    """Messages."""
    per_day: int | None = None
    """Messages; where the provider counts recipients, recipients."""
    counts_recipients: bool = False
    """``per_day`` counts recipients."""
    connections: int | None = None


class SendRefused(DriverError):
    """The remote took the message for nobody: certainly not sent, the refusals say why."""

    def __init__(self, message: str, refusals: Sequence[Refusal], *, hint: str = "") -> None:
        first = refusals[0]
        super().__init__(message, code=first.enhanced or str(first.code), hint=hint)
        self.refusals = tuple(refusals)
