"""The activity that a decision makes of a message on record."""

from __future__ import annotations

from collections.abc import Iterable

from eisd.model.activity import Flag
from eisd.model.facts import Decision, Hit
from eisd.store.activities import ActivityFacts
from eisd.store.copies import CopyRow
from eisd.store.messages import MessageRow


def source_of(rows: Iterable[CopyRow]) -> str:
    """Where the activities of a message with these copies come from."""
    return "outbox" if any(row.ours for row in rows) else "sync"


def activity(
    message: MessageRow,
    workspace: str,
    decision: Decision,
    hit: Hit,
    *,
    when: str,
    received: str,
    visibility: str,
    source: str,
    crowded: bool = False,
) -> ActivityFacts:
    """One contact's activity; ``crowded`` says that other messages bear the same Message-ID."""
    flags = set(decision.flags | hit.flags)
    if message.parse_status != "full":
        flags.add(Flag.TEXT_LIMITED)
    if crowded:
        flags.add(Flag.MESSAGE_ID_COLLISION)
    return ActivityFacts(
        message=message.id,
        contact=hit.contact,
        workspace=workspace,
        direction=decision.direction,
        kind=decision.kind,
        roles=hit.roles,
        via=hit.via,
        flags=sorted(flags),
        occurred_at=when,
        received_at=received,
        visibility=visibility,
        source=source,
    )
