"""A mailbox's life: the states people see, and the reasons a person is needed."""

from __future__ import annotations

from enum import StrEnum


class MailboxState(StrEnum):
    """The states of a mailbox, as `mailbox_status` and `eisd status` show them."""

    STARTING = "starting"
    CONNECTING = "connecting"
    BACKFILL = "backfill"
    IDLE = "idle"
    POLLING = "polling"
    BACKING_OFF = "backing_off"
    THROTTLED = "throttled"
    PAUSED = "paused"
    PROBLEMATIC = "problematic"
    DISCONNECTED = "disconnected"


IN_STEP = frozenset({MailboxState.IDLE, MailboxState.POLLING, MailboxState.BACKFILL})
"""The states of a mailbox that is at work as it should."""


class Reason(StrEnum):
    """Why a mailbox is `problematic` (or, for quota, `paused`)."""

    AUTH = "auth"
    CONFIG = "config"
    PERMISSION = "permission"
    TLS = "tls"
    SERVER = "server"
    QUOTA = "quota"


class Box(StrEnum):
    """Which side of the mailbox a copy lies on (S3): its sender's or its recipient's."""

    SENT = "sent"
    RECEIVED = "received"


class SyncMode(StrEnum):
    """What a mailbox records (M15)."""

    TWO_WAY = "two_way"
    INCOMING = "incoming"
    OUTGOING = "outgoing"
    ONE_WAY = "one_way"
