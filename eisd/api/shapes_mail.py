"""The shapes of answers about mail: explained, decided again, sent, drafted."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from eisd.api.shapes import Bit, Time
from eisd.model.activity import Direction, Outcome, OutcomeReason, Via
from eisd.model.mail import Role
from eisd.model.mailbox import Box, MailboxState
from eisd.model.submission import SubmissionState

# Why


class Why(TypedDict):
    """A reason in words, and the rule it follows."""

    text: str
    rule: str


class Known(TypedDict):
    """A contact that an address belongs to."""

    contact_id: str
    name: str


class Candidate(TypedDict):
    """An address of a message, and what it was taken for."""

    role: Role
    address: str
    key: str
    verdict: str
    rule: str
    contacts: list[Known]


Decided = TypedDict(
    "Decided",
    {
        "workspace": str,
        "outcome": Outcome,
        "reason": OutcomeReason,
        "rule": str,
        "direction": Direction,
        "direction_why": Why,
        "class": str,
        "class_why": Why,
        "flags": list[str],
        "notes": list[str],
        "candidates": list[Candidate],
    },
)
"""What one workspace makes of a message."""


class ListedCopy(TypedDict):
    """A copy, and what was recorded of it."""

    mailbox: str
    folder: str
    remote_id: str
    outcome: Outcome
    reason: OutcomeReason
    box: Box
    live: bool | Bit
    received_at: Time | None
    recorded_at: Time
    removed_at: Time | None
    attempts: int
    retry_at: Time | None
    error: str
    rule: str
    trace_id: str


Written = TypedDict(
    "Written",
    {
        "activity_id": int,
        "workspace": str,
        "contact_id": str,
        "contact_name": str,
        "direction": Direction,
        "class": str,
        "via": Via,
        "roles": str,
        "flags": str,
        "occurred_at": Time,
        "created_at": Time,
    },
)
"""An activity that was made of a message."""


class ExplainedMessage(TypedDict):
    """One of the messages that bear a Message-ID."""

    copies: list[ListedCopy]
    decisions: list[Decided]
    activities: list[Written]
    rows: dict[str, int]


class Unlisted(TypedDict):
    """A folder of which not all is listed yet."""

    folder: str
    remaining: int | None


class Unread(TypedDict):
    """A folder that is not read, and why."""

    folder: str
    why: str


class Elsewhere(TypedDict):
    """A mailbox that lists no copy, and where one could be."""

    mailbox: str
    state: MailboxState
    detail: str
    window_begin: Time | None
    synced: list[str]
    not_listed_yet: list[Unlisted]
    not_read: list[Unread]


class Explained(TypedDict):
    """What is on record of a Message-ID."""

    message_id: str
    known: bool
    messages: list[ExplainedMessage]
    elsewhere: list[Elsewhere]


class Text(TypedDict):
    """What was read of a body."""

    status: str
    octets: int
    snippet: str


class Part(TypedDict):
    """An attachment of a file that was read."""

    filename: str
    content_type: str
    size: int


class Would(TypedDict):
    """What a mailbox would make of a message that came now."""

    mailbox: str
    box: Box
    outcome: Outcome
    reason: OutcomeReason
    rule: str
    decisions: list[Decided]


class ExplainedFile(TypedDict):
    """What would become of a file's message."""

    message_id: str
    known: bool
    subject: str
    date: Time | None
    defects: list[str]
    text: Text
    attachments: list[Part]
    mailboxes: list[Would]


class Changed(TypedDict):
    """So many copies are decided otherwise."""

    before: str
    after: str
    copies: int


class Kept(TypedDict):
    """So many copies stay matched though they would not be."""

    today: str
    copies: int


class Applied(TypedDict):
    """What a replay brought."""

    new_activities: int
    to_fetch: int
    looking: bool


class Replayed(TypedDict):
    """What would be decided otherwise; ``applied`` if it was."""

    copies: int
    changes: list[Changed]
    new_activities: int
    kept: list[Kept]
    kept_activities: int
    samples: list[dict[str, Any]]
    differs: bool
    applied: NotRequired[Applied]


# Out


class Recipient(TypedDict):
    """One recipient, and what the server said of it."""

    address: str
    state: str
    reply: str | None


class Answered(TypedDict):
    """An activity of what came back."""

    activity: int
    kind: str
    contact_id: str
    occurred_at: Time


class _Row(TypedDict):
    id: int
    mailbox: str
    state: SubmissionState
    message_id: str
    sender: str
    subject: str
    size: int
    created_at: Time
    due_at: Time
    next_at: Time | None
    attempts: int
    sent_at: Time | None
    ended_at: Time | None
    reply: str | None
    filing: str


class Listed(_Row):
    """A submission as the list has it; ``recipients`` is their number."""

    recipients: int


class Submission(_Row):
    """A message on its way out; ``again`` if a key said that it was there already."""

    recipients: list[Recipient]
    activities: list[int]
    answers: list[Answered]
    again: NotRequired[bool]


class Draft(TypedDict):
    """A draft; ``content`` is what was given, as `POST /v1/drafts` takes it."""

    id: int
    mailbox: str
    state: str
    subject: str
    to: list[str]
    created_at: Time
    updated_at: Time
    filed_at: Time | None
    submission: int | None
    content: NotRequired[dict[str, Any]]


class Template(TypedDict):
    """A template; a ``problem`` keeps one of a list from being used."""

    name: str
    version: int | None
    source: Literal["database", "file"]
    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]
    created_at: Time | None
    variables: list[str]
    problem: NotRequired[str | None]


class Named(TypedDict):
    """What was taken away."""

    name: str


class Preview(TypedDict):
    """A template filled in."""

    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]


# The demonstration


class LiveMail(TypedDict):
    """How long a live message took, in milliseconds."""

    ms: float
    activities: list[dict[str, Any]]


class Demo(TypedDict):
    """What the demonstration showed."""

    messages: int
    contacts: int
    first_sync_ms: float
    activities: list[dict[str, Any]]
    outcomes: dict[str, int]
    live: LiveMail
    directory: str | None
    next: list[str]
