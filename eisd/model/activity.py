"""Outcomes, directions and the rest of what a decision says."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a copy (O1)."""

    MATCHED = "matched"
    PENDING = "pending"
    ERROR = "error"
    SKIPPED = "skipped"
    UNMATCHED = "unmatched"


OUTCOME_RANK = {
    Outcome.MATCHED: 0,
    Outcome.PENDING: 1,
    Outcome.ERROR: 2,
    Outcome.SKIPPED: 3,
    Outcome.UNMATCHED: 4,
}
"""Best first: with several workspaces a copy's outcome is the best of them (O4)."""


class OutcomeReason(StrEnum):
    """Why (O1). The empty reason goes with matched and pending."""

    NONE = ""
    # unmatched, from the least far to the furthest (O2)
    NO_CONTACT = "no_contact"
    TOMBSTONE = "tombstone"
    AFTER_ADDRESS_ENDED = "after_address_ended"
    BEFORE_ADDRESS_ADDED = "before_address_added"
    # skipped
    INTERNAL = "internal"
    DRAFT = "draft"
    EXCLUDED_FOLDER = "excluded_folder"
    OUTSIDE_WINDOW = "outside_window"
    EXPIRED = "expired"
    BLOCKLISTED = "blocklisted"
    LIST = "list"
    BULK = "bulk"
    BOUNCE = "bounce"
    CALENDAR_INVITE = "calendar_invite"
    STAFF_ADDRESS = "staff_address"
    SHARED_ADDRESS = "shared_address"
    DIRECTION = "direction"
    VANISHED = "vanished"
    CAPTURE_UNAUTHENTICATED = "capture_unauthenticated"
    CAPTURE_UNPARSED = "capture_unparsed"
    # error
    FETCH = "fetch"
    POISON = "poison"
    INTERNAL_ERROR = "internal_error"  # told to people as error:internal


class Direction(StrEnum):
    """Whether staff wrote the message (S3)."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Via(StrEnum):
    """How the contact was found."""

    EXACT = "exact"
    RELAXED = "relaxed"
    THREAD = "thread"


class MessageClass(StrEnum):
    """The kind of a message (rules G1 to G9); the first that fits."""

    BOUNCE = "bounce"
    AUTO_REPLY = "auto_reply"
    CALENDAR_INVITE = "calendar_invite"
    LIST = "list"
    BULK = "bulk"
    AUTO_GENERATED = "auto_generated"
    NO_REPLY = "no_reply"
    ROLE = "role"
    WEAK_BULK = "weak_bulk"
    PERSONAL = "personal"


class Flag(StrEnum):
    """Notes an activity carries for people and for later rules."""

    TEXT_LIMITED = "text_limited"
    AMBIGUOUS = "ambiguous"
    AMBIGUOUS_FROM = "ambiguous_from"
    UNVERIFIED = "unverified"
    DIRECT = "direct"
    AUTO = "auto"
    REMOVED = "removed"
    MESSAGE_ID_COLLISION = "message_id_collision"
