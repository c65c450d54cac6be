"""What a message says of itself: addresses, header facts, and the parsed whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What an address is to a message. Order of strength: from, to, cc, bcc, reply_to (I4)."""

    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    REPLY_TO = "reply_to"


class Address(NamedTuple):
    """One item of an address header (RFC 5322 3.4 *mailbox*).

    ``key`` is the exact key that contacts are compared by (rule N2 to N4); it is empty
    where the item holds no usable addr-spec, and then only ``text`` says what stood there.
    ``relaxed`` is the relaxed key (N5); it equals ``key`` where nothing is relaxed.
    """

    key: str
    relaxed: str
    address: str = ""
    """The addr-spec as written, cleaned of white space and controls."""
    name: str = ""
    """The display name, RFC 2047 decoded, clean one-line text."""
    text: str = ""
    """What stood there, if it was no address."""


class Signal(IntFlag):
    """What the headers of a copy say of its kind, one bit each, merged by *or* (I4)."""

    LIST = 1 << 0  # List-Id or List-Post
    UNSUBSCRIBE = 1 << 1  # List-Unsubscribe
    BULK = 1 << 2  # Precedence bulk, list, junk, or Feedback-ID
    AUTO_REPLY = 1 << 3  # G2, all its headers, and the subject prefixes with In-Reply-To
    AUTO_GENERATED = 1 << 4  # Auto-Submitted is there and is not "no"
    DELIVERY_REPORT = 1 << 5  # multipart/report; report-type=delivery-status
    READ_RECEIPT = 1 << 6  # multipart/report; report-type=disposition-notification
    NULL_RETURN_PATH = 1 << 7  # Return-Path: <>
    CALENDAR = 1 << 8  # text/calendar with METHOD REQUEST, REPLY or CANCEL
    AMBIGUOUS_FROM = 1 << 9  # more than one From header or From address
    REPLY_PREFIX = 1 << 10  # the subject begins with a reply prefix
    AUTHOR_NO_REPLY = 1 << 11  # G7 by the author's local part
    AUTHOR_ROLE = 1 << 12  # G8 by the author's local part
    AUTHOR_DAEMON = 1 << 13  # author's local part is mailer-daemon or postmaster
    BLOCKED = 1 << 14  # a block-list entry with action "message" was met (M13)
    VERIFIED = 1 << 15  # S4: a copy in Sent, sent by eisd, or a trusted dmarc=pass
    LIST_REWRITE = 1 << 16  # From was written by a list (S3)
    LIMITED = 1 << 17  # a limit of the header scanner was hit; facts may be incomplete


class Headers(NamedTuple):
    """The header facts of one copy, as one extractor reads them from the header block's bytes.

    Nothing here depends on the mailbox, on contacts or on the clock. Text is clean (RR8, RR9).
    """

    message_id: str | None
    """I1: without angle brackets and white space, case kept; None when missing or too long."""
    subject_raw: bytes
    """Unfolded and undecoded; ``eisd.mime.headers.decode_text`` makes text of it."""
    date_raw: bytes
    date: datetime | None
    """Aware, with the offset as written; None when missing or unreadable."""
    received: tuple[datetime, ...]
    """Dates of the Received headers, topmost first, those that can be read (at most 8)."""
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: str | None
    references: tuple[str, ...]
    """The last 32 of References, in the order written, each as ``message_id`` is."""
    signals: Signal
    list_post: str
    """The exact key of List-Post's mailto address, or empty."""
    original_from: Address | None
    """X-Original-From, else X-Original-Sender."""
    authentication_results: tuple[bytes, ...]
    """Unfolded values as they stand, topmost first; they count for nothing unless their server is
    trusted (S4)."""
    delivered_to: tuple[str, ...]
    """Exact keys of Delivered-To and X-Original-To."""
    content_type: str
    """``type/subtype`` in lower case, or empty."""
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part that is not the message's text."""

    filename: str
    """Safe to show and to save: no path, no controls, at most 200 bytes of UTF-8."""
    content_type: str
    size: int
    """Octets after decoding, or an estimate from the encoded size when not fetched."""
    inline: bool
    content_id: str
    sha256: str
    """Hex digest of the decoded bytes; empty when they were not fetched."""


class ParseStatus(StrEnum):
    """How much of a message the parser could read."""

    FULL = "full"
    LIMITED = "limited"  # the text could not be had within the limits: headers only


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the body parser makes of a message's bytes; all text clean (RR8), never raising."""

    status: ParseStatus
    text: str
    """All the text, LF line ends, at most 1 MiB."""
    text_reply: str
    """The new part: without quoted text and signature."""
    snippet: str
    """One line, at most 200 characters, from the new part."""
    html: str
    """The HTML part as sent (clean, not sanitised), at most 1 MiB; empty when there is none or
    nobody asked for it."""
    attachments: tuple[Attachment, ...] = ()
    calendar_method: str = ""
    """METHOD of a text/calendar part, upper case, else empty (G3)."""
    report: DeliveryReport | None = None
    defects: tuple[str, ...] = ()
    sha256: str = ""
    """Hex digest of the raw bytes, taken before any parse (RR2)."""


class Fate(NamedTuple):
    """What a delivery report says of one recipient (RFC 3464 2.3)."""

    recipients: tuple[str, ...]
    """Exact keys: whom the sender had addressed, if the report tells, then where it led."""
    action: str
    status: str


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a multipart/report says of an earlier message (RFC 3464, RFC 8098)."""

    kind: str
    """``delivery-status`` or ``disposition-notification``."""
    action: str
    """Lower case: failed, delayed, delivered, relayed, expanded, displayed, deleted, or empty."""
    status: str
    """Enhanced status code such as 5.1.1, or empty."""
    recipients: tuple[str, ...]
    """Exact keys of the final (else original) recipients."""
    original_message_id: str | None
    envelope_id: str = ""
    """Original-Envelope-Id (RFC 3464 2.2.1): what the sender called the envelope, or empty."""
    fates: tuple[Fate, ...] = ()
    """What became of each recipient, of a delivery report."""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message's bytes as a driver fetched them.

    ``rfc822`` is the whole message, or, for a large one, its header and the chosen text parts
    in a skeleton whose other parts are empty; ``omitted`` lists those other parts.
    """

    remote_id: str
    rfc822: bytes
    size: int
    """RFC822.SIZE as the server says, in octets."""
    omitted: tuple[Attachment, ...] = field(default=())
    missing: bool = False
    """The server no longer has it: nothing else here means anything."""
