"""What becomes of a message that eisd was asked to send: the words people and programs see."""

from __future__ import annotations

from enum import StrEnum


class SubmissionState(StrEnum):
    """Where a submission stands; `eisd.outbox.state` says what leads where."""

    QUEUED = "queued"
    """Waits for its turn, for its time, or for the next try."""
    HELD = "held"
    """Waits for a person to release it."""
    SENDING = "sending"
    """The last step is about to be taken, or was: after a crash nobody knows."""
    DOUBT = "doubt"
    """The remote may have taken it and did not say so."""
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RecipientState(StrEnum):
    """What is known of one recipient of a submission."""

    QUEUED = "queued"
    SENT = "sent"
    DELAYED = "delayed"
    """A delivery report says that it takes its time."""
    BOUNCED = "bounced"
    """A delivery report says that it could not be delivered."""
    FAILED = "failed"
    """The mailbox's own server refused it."""


class Filing(StrEnum):
    """What becomes of the copy in Sent."""

    NONE = ""
    """Not yet due, or not ours to make: the provider files what it takes."""
    DUE = "due"
    DONE = "done"
    GIVEN_UP = "given_up"
