"""`eisd replay`: today's policy over what is stored, the difference first."""

from __future__ import annotations

from typing import Final

from eisd.api.answers import Answer, known_mailbox
from eisd.api.core import Core
from eisd.store import replay as store
from eisd.store.sql import Connection
from eisd.sync.replay import Difference, compare

LOOK_BACK: Final = 20.0
"""Seconds that an answer waits for the work to be done."""


async def replay(
    core: Core, *, since_ms: int | None = None, mailbox: str | None = None, dry_run: bool = False
) -> Answer:
    """Decide what is stored again, by a durable job; with ``dry_run`` only tell what would change.

    Raises:
        UserError: (67) there is no such mailbox.
    """

    def wanted(db: Connection) -> store.Span:
        return store.span(db, since_ms, None if mailbox is None else known_mailbox(db, mailbox).id)

    span = await core.store.read(wanted)
    if dry_run:
        return _told(await _difference(core, span))
    await core.store.write(lambda tx: store.enqueue(tx.db, span))
    settled = await core.look_back(LOOK_BACK)
    return {
        "new_activities": len(settled.activities) if settled else 0,
        "to_fetch": settled.pending if settled else 0,
        "looking": settled is None,
    }


async def _difference(core: Core, span: store.Span) -> Difference:
    """In steps, so that nobody else's reading waits for all of it."""
    rules, told, position = core.rules(), Difference(), 0
    while position < span.last_copy:
        position = await core.store.read(
            lambda db, at=position: compare(db, rules, span, at, told)  # type: ignore[misc]
        )
    return told


def _told(found: Difference) -> Answer:
    return {
        "copies": found.copies,
        "changes": [
            {"before": before, "after": after, "copies": count}
            for (before, after), count in found.changes.most_common()
        ],
        "new_activities": found.activities,
        "kept": [{"today": word, "copies": count} for word, count in found.kept.most_common()],
        "kept_activities": found.kept_activities,
        "samples": found.samples,
        "differs": not found.is_nothing,
    }
