"""The shapes of answers about contacts and their activities."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from eisd.api.shapes import Bit, Time
from eisd.model.activity import Direction, Via
from eisd.model.mail import Role
from eisd.model.mailbox import Box


class Address(TypedDict):
    """An address of a contact, and since and until when it is the contact's."""

    address: str
    primary: bool
    added_at: Time | None
    ended_at: Time | None


class Contact(TypedDict):
    """A contact as lists and exports have it."""

    id: str
    name: str
    workspace: str
    kind: str
    company: str
    addresses: list[Address]


class DeepContact(TypedDict):
    """A contact with what is known of its mail."""

    workspace: str
    contact_id: str
    name: str
    primary_address: str | None
    activities: int
    last_incoming_at: Time | None
    last_outgoing_at: Time | None
    last_contacted_at: Time | None
    kind: str
    company: str
    addresses: list[Address]


class Imported(TypedDict):
    """What an import changed, or would."""

    added: int
    updated: int
    unchanged: int
    removed: int
    addresses_added: int
    addresses_ended: int
    skipped: int
    to_fetch: int
    dry_run: bool
    bad: list[str]


class Lived(TypedDict):
    """What became of a contact, and of the mail that it brought."""

    contact_id: str
    workspace: str
    to_fetch: int
    new_activities: int
    looking: bool
    added: NotRequired[bool]
    addresses: NotRequired[int]
    addresses_added: NotRequired[int]
    activities: NotRequired[int]
    messages: NotRequired[int]
    participants: NotRequired[int]
    sent: NotRequired[int]
    drafts: NotRequired[int]


class Workspace(TypedDict):
    """A set of contacts, and the mailboxes that feed it."""

    name: str
    contacts: int
    activities: int
    mailboxes: list[str]


class Activity(TypedDict):
    """A row of the view `activity_feed`."""

    activity_id: int
    workspace: str
    contact_id: str
    contact_name: str
    message_id: str
    thread_id: int | None
    mailboxes: list[str]
    owners: list[str]
    direction: Direction
    roles: list[Role]
    via: Via
    flags: list[str]
    source: Literal["sync", "outbox", "capture"]
    subject: str | None
    snippet: str | None
    text: str | None
    occurred_at: Time
    received_at: Time | None
    created_at: Time
    has_attachments: bool
    delivery_status: str | None
    read_at: Time | None
    visibility: str


class Copy(TypedDict):
    """A row of the view `activity_copies`, without the activity."""

    mailbox: str
    folder: str
    remote_id: str
    box: Box
    received_at: Time | None
    seen: bool | Bit | None
    answered: bool | Bit | None
    flagged: bool | Bit | None
    removed_at: Time | None


class Participant(TypedDict):
    """A row of the view `activity_participants`, without the activity."""

    role: Role
    address: str
    name: str
    contact_id: str | None
    internal: bool | Bit


class DeepActivity(Activity):
    """An activity with its copies, people and attachments."""

    copies: list[Copy]
    participants: list[Participant]
    attachments: list[dict[str, Any]]


class Disclosed(TypedDict):
    """What an owner says of an activity, and what others see by it."""

    activity_id: int
    owner: str
    setting: str
    visibility: str
