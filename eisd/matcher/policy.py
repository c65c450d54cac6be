"""What of the configuration the matcher reads, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from eisd.model.mail import Role

if TYPE_CHECKING:  # the scan's worker process reads policies, and no configuration
    from eisd.config.schema import Settings

Addresses = Literal["all", "primary"]
NewAddress = Literal["from_added", "window", "all"]
SharedAddress = Literal["all", "primary_first", "none"]
Reassign = Literal["keep", "move"]
ThreadInherit = Literal["off", "single_contact"]
Subaddress = Literal["fallback", "off"]
InternalMode = Literal["skip", "any_staff"]
GroupList = Literal["skip_unless_direct", "skip", "match"]
SubjectFallback = Literal["guarded", "off"]
SkipOrMatch = Literal["skip", "match"]
CreatePolicy = Literal["none", "sent", "sent_and_received"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The policies a decision depends on; the defaults are those of the configuration."""

    match_addresses: Addresses = "all"
    match_roles: frozenset[Role] = frozenset(Role)
    shared_address: SharedAddress = "all"
    new_address: NewAddress = "from_added"
    reassign: Reassign = "keep"
    thread_inherit: ThreadInherit = "off"
    subaddress: Subaddress = "fallback"
    internal_mode: InternalMode = "skip"
    group_list: GroupList = "skip_unless_direct"
    group_bulk: SkipOrMatch = "skip"
    group_auto: SkipOrMatch = "match"
    calendar_sync: bool = False
    """Invitations are read as calendar data, so their mail is skipped (G3)."""
    create_policy: CreatePolicy = "none"
    create_freemail: bool = True
    create_role_addresses: bool = False
    create_company: bool = False
    create_max_recipients: int = 20
    subject_fallback: SubjectFallback = "guarded"

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Take the policies out of the configuration."""
        match, group, create = settings.match, settings.group, settings.create
        return cls(
            match_addresses=match.addresses,
            match_roles=frozenset(Role(role) for role in match.roles),
            shared_address=match.shared_address,
            new_address=match.new_address,
            reassign=match.reassign,
            thread_inherit=match.thread_inherit,
            subaddress=settings.normalize.subaddress,
            internal_mode=settings.internal.mode,
            group_list=group.list,
            group_bulk=group.bulk,
            group_auto=group.auto,
            calendar_sync=settings.calendar.enabled,
            create_policy=create.policy,
            create_freemail=create.freemail,
            create_role_addresses=create.role_addresses,
            create_company=create.company,
            create_max_recipients=create.max_recipients,
            subject_fallback=settings.thread.subject_fallback,
        )
