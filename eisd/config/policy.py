"""The policies: the keys that decide which message becomes whose activity.

Order of precedence: what is built in (here), then the preset, then an explicit key.
"""

from __future__ import annotations

from typing import Annotated, Literal

from eisd.config.types import Address, Domain, Duration, Keep, Lax, Size, Table, Window, key
from eisd.model.mail import Role

OnRemoteDelete = Literal["retain", "mark", "remove"]
ALL_ROLES = ["from", "reply_to", "to", "cc", "bcc"]


class MatchSettings(Table):
    """How messages find contacts."""

    addresses: Literal["all", "primary"] = key(
        "all", "Which addresses of a contact are looked at: all of them, or its primary one."
    )
    new_address: Literal["from_added", "window", "all"] = key(
        "from_added",
        "The past of an address that a contact gets later: left alone, matched again down to the "
        "window's begin, or down to everything indexed.",
    )
    roles: Annotated[tuple[Annotated[Role, Lax], ...], Lax] = key(
        ALL_ROLES, "The roles in a message in which an address may match.", min_length=1
    )
    shared_address: Literal["all", "primary_first", "none"] = key(
        "all",
        "An address that several contacts have: an activity for each, for the one who has it as "
        "primary (then the oldest), or for nobody.",
    )
    reassign: Literal["keep", "move"] = key(
        "keep",
        "An address that goes from one contact to another: the past stays where it is, or its "
        "activities move.",
    )
    thread_inherit: Literal["off", "single_contact"] = key(
        "off",
        "A reply in which no address matches: unmatched, or given to the contact of its thread if "
        "that has exactly one.",
    )


class NormalizeSettings(Table):
    """When two spellings are the same address."""

    local_case: Literal["fold", "exact"] = key(
        "fold", "Whether letter case before the @ is ignored."
    )
    subaddress: Literal["fallback", "off"] = key(
        "fallback",
        "Plus tags and Gmail's dots: tried without them when the exact address is nobody's, or "
        "never.",
    )


class InternalSettings(Table):
    """Who is staff: their mail among themselves is no activity."""

    scope: Literal["addresses", "mailbox_domains", "domains"] = key(
        "addresses",
        "Who is staff: the connected mailboxes and listed addresses; also everybody in the "
        "mailboxes' domains; or also everybody in the listed domains.",
    )
    mode: Literal["skip", "any_staff"] = key(
        "skip",
        "Skip a message when all its participants are staff, or already when one other staff "
        "address takes part.",
    )
    share_staff: bool = key(
        default=False, doc="Whether the staff of one workspace is staff in all of them."
    )
    addresses: Annotated[tuple[Address, ...], Lax] = key(
        [], "Addresses of staff that no connected mailbox has.", examples=[["boss@example.org"]]
    )
    domains: Annotated[tuple[Domain, ...], Lax] = key(
        [], 'Domains of staff, with scope = "domains".', examples=[["example.org"]]
    )
    authserv_ids: Annotated[tuple[str, ...], Lax] = key(
        [],
        "Names by which your own mail servers sign Authentication-Results (RFC 8601 2.5); others "
        "are not believed.",
        examples=[["mx.example.org"]],
    )


class GroupSettings(Table):
    """Mail that was not written to one person."""

    list: Literal["skip_unless_direct", "skip", "match"] = key(
        "skip_unless_direct",
        "Mailing lists: skipped unless staff is addressed or answered, always skipped, or matched.",
    )
    bulk: Literal["skip", "match"] = key("skip", "Bulk mail.")
    auto: Literal["match", "skip"] = key("match", "Automatic replies and generated mail.")


class CreateSettings(Table):
    """Contacts made from mail."""

    policy: Literal["none", "sent", "sent_and_received"] = key(
        "none",
        "Make contacts of unknown people: never, of those staff writes to, or also of those who "
        "write.",
    )
    freemail: bool = key(default=True, doc="Whether addresses of free-mail domains count.")
    role_addresses: bool = key(
        default=False, doc="Whether addresses such as info@ or sales@ count."
    )
    company: bool = key(
        default=False, doc="Whether the domain becomes the new contact's company text."
    )
    max_recipients: int = key(20, "A message to more recipients makes no contacts.", ge=1, le=1000)


class FolderSettings(Table):
    """Which folders are synced."""

    policy: Literal["all", "selected"] = key(
        "all",
        "All real folders (never drafts, junk, trash), or those that a mailbox names with "
        "`folders`; a mailbox that names folders is `selected`.",
    )


class VisibilitySettings(Table):
    """What others than a mailbox's owner may see of an activity."""

    level: Literal["metadata", "subject", "full"] | None = key(
        None,
        "Participants and time; also the subject; or everything. Without it: full for a shared "
        "mailbox, subject for a personal one.",
        examples=["subject"],
    )


class CaptureSettings(Table):
    """Mail handed to eisd by BCC or forwarding."""

    require_auth: bool = key(
        default=True, doc="Whether the sender of captured mail must be authenticated."
    )


class ThreadSettings(Table):
    """How messages become threads."""

    subject_fallback: Literal["guarded", "off"] = key(
        "guarded",
        "Join by subject when headers name no known parent: only with a reply prefix, shared "
        "participants and within 30 days; or never.",
    )


class StoreSettings(Table):
    """What is kept."""

    unmatched: Literal["index", "none"] = key(
        "index",
        "Of mail that concerns no contact: keyed hashes of its addresses, so that a contact added "
        "later gets its history at once; or nothing.",
    )
    attachments: Literal["list", "matched"] = key(
        "list", "Attachments of matched mail: their names and sizes, or their content too."
    )


class RetentionSettings(Table):
    """For how long things are kept. What is older goes once a day, and by `eisd db prune`."""

    activities: Keep = key(
        "all",
        "Mail received longer ago is taken off the record: activities, texts, attachments, and the "
        "hashes of what concerned nobody. Nothing that is older is listed, fetched or matched.",
    )
    unmatched: Keep = key(
        "all",
        "Of older mail that concerns nobody not even hashes are kept: a contact that is added "
        "later does not get it.",
    )
    outbox: Keep = key(
        "all",
        "Mail that eisd sent, failed to send or was told not to, and drafts that were sent or "
        "deleted, since they ended. What the activities say of it stays.",
    )
    attachments: Keep = key(
        "all",
        "The content of attachments of older mail (`store.attachments`); names and sizes stay.",
    )


class CalendarSettings(Table):
    """Invitations."""

    enabled: bool = key(
        default=False, doc="Whether calendars are synced; invitations by mail are then skipped."
    )
    create: Literal["none", "organizer", "participant", "both"] = key(
        "none", "Whom of an event to make contacts of."
    )


class SyncSettings(Table):
    """Defaults for every mailbox; a mailbox overrides them by the same key in its own table."""

    window: Window = key("1m", "How far back the first sync goes.")
    interval: Duration = key(
        "5m", "How often to poll, and to sweep the folders that nothing watches."
    )
    max_message_size: Size = key(
        "50MB", "Of a larger message only headers and text are fetched, no attachments."
    )
    on_remote_delete: OnRemoteDelete = key(
        "retain",
        "A message deleted in the mailbox: its activity stays, stays with the flag `removed`, or "
        "goes.",
    )
