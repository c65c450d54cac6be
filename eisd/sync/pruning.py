"""Taking off the record what is older than it is to be kept (`[retention]`), in small writes.

Each write is whole, and what is found again is done again: a kill costs nothing. What has gone does
not come back, for `eisd.sync.expiry` and the mailboxes' windows see to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from eisd import events
from eisd.events import Level
from eisd.logs import emit
from eisd.matcher.codec import NOTHING
from eisd.metrics import PRUNED
from eisd.store import retention
from eisd.store.database import Database
from eisd.store.retention import Cutoffs, Old

KINDS: Final = (
    "messages",
    "activities",
    "copies",
    "rows",
    "submissions",
    "drafts",
    "attachments",
)
"""What may go, as told to people, to the log and to metrics."""


async def would(store: Database, cutoffs: Cutoffs) -> Mapping[str, int]:
    """How much is too old; nothing is changed. Copies of messages that would go are not told."""
    told = Counter(await store.read(lambda db: retention.count(db, cutoffs)))
    async for old in _copies(store, cutoffs):
        told["copies"] += len(old.blank)
        told["rows"] += len(old.gone)
    return {kind: told[kind] for kind in KINDS}


async def prune(store: Database, cutoffs: Cutoffs) -> Mapping[str, int]:
    """Let go of what is too old; returns how much of what that was.

    Raises:
        StoreError: the database cannot be written; what was done until then stays done.
    """
    began, told = monotonic(), Counter[str]()
    await _messages(store, cutoffs, told)
    async for old in _copies(store, cutoffs):
        await _forget(store, cutoffs, old, told)
    await _sent(store, cutoffs, told)
    await _attachments(store, cutoffs, told)
    await store.write(lambda tx: retention.done(tx.db))
    for kind in KINDS:
        PRUNED.inc(kind, by=told[kind])
    done: dict[str, Any] = {kind: told[kind] for kind in KINDS}
    took = round((monotonic() - began) * 1000)
    level = None if told.total() else Level.DEBUG
    emit(events.DB_PRUNED, level=level, duration_ms=took, **done)
    return done


async def _messages(store: Database, cutoffs: Cutoffs, told: Counter[str]) -> None:
    before = cutoffs.activities
    while before is not None:
        old = await store.read(lambda db, at=before: retention.old_messages(db, at))  # type: ignore[misc]
        if not old:
            return
        told["activities"] += await store.write(
            lambda tx, old=old: retention.erase(tx.db, old, NOTHING)  # type: ignore[misc]
        )
        told["messages"] += len(old)


async def _copies(store: Database, cutoffs: Cutoffs) -> AsyncIterator[Old]:
    """What is too old of copies, a step at a time."""
    if cutoffs.activities is None and cutoffs.unmatched is None:
        return
    position = -1
    while True:
        old = await store.read(
            lambda db, at=position: retention.old_copies(db, cutoffs, at, NOTHING)  # type: ignore[misc]
        )
        if old.end <= position:
            return
        yield old
        position = old.end


async def _forget(store: Database, cutoffs: Cutoffs, old: Old, told: Counter[str]) -> None:
    for some in _chunks(old.blank):
        told["copies"] += await store.write(
            lambda tx, some=some: retention.blank_copies(tx.db, cutoffs, some, NOTHING)  # type: ignore[misc]
        )
    for some in _chunks(old.gone):
        told["rows"] += await store.write(
            lambda tx, some=some: retention.drop_copies(tx.db, cutoffs, some)  # type: ignore[misc]
        )


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + retention.MANY] for at in range(0, len(ids), retention.MANY))


async def _sent(store: Database, cutoffs: Cutoffs, told: Counter[str]) -> None:
    before = cutoffs.outbox
    if before is None:
        return
    while old := await store.read(lambda db: retention.old_submissions(db, before)):
        told["submissions"] += await store.write(
            lambda tx, old=old: retention.drop_submissions(tx.db, before, old)  # type: ignore[misc]
        )
    told["drafts"] += await store.write(lambda tx: retention.drop_drafts(tx.db, before))


async def _attachments(store: Database, cutoffs: Cutoffs, told: Counter[str]) -> None:
    before, position = cutoffs.attachments, 0
    while before is not None:
        old = await store.read(
            lambda db, at=before, after=position: retention.old_attachments(db, at, after)  # type: ignore[misc]
        )
        if not old:
            return
        told["attachments"] += await store.write(
            lambda tx, old=old: retention.drop_contents(tx.db, old)  # type: ignore[misc]
        )
        position = old[-1]
