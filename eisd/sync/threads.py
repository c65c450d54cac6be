"""A settled message in its thread: what it refers to, and who is to be decided again (H1, H2, M11).

Which contacts match does not depend on threads, but for messages that inherit one: when a thread
gets another message or contact, they are settled anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from eisd.matcher.keys import Hasher, parent_key
from eisd.matcher.policy import Policy
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Facts, KeyHash
from eisd.store import heirs, threads
from eisd.store.copies import CopyRow
from eisd.store.sql import Connection
from eisd.store.threads import Ref, Refs
from eisd.sync.verdict import Verdict

_WAITING = frozenset(
    {
        OutcomeReason.NO_CONTACT,
        OutcomeReason.AFTER_ADDRESS_ENDED,
        OutcomeReason.BEFORE_ADDRESS_ADDED,
    }
)


def provider_key(hasher: Hasher, mailbox: int, thread: str) -> KeyHash:
    """The key of a provider's thread, which means something in one mailbox alone; 0 for none."""
    return hasher.key(f"thread:{mailbox}:{thread}") if thread else 0


def told_by_provider(rows: Sequence[CopyRow]) -> dict[KeyHash, Ref]:
    """The provider's threads that hold a message's copies."""
    return {row.thread: Ref.PROVIDER for row in rows if row.thread}


def refs_of(merged: Facts, told: Refs) -> dict[KeyHash, Ref]:
    """Everything a message refers to, itself included."""
    found = dict.fromkeys(merged.parents, Ref.PARENT)
    found.update(told)
    found[parent_key(merged.id_key)] = Ref.OWN
    return found


def place(db: Connection, policy: Policy, message: int, refs: Refs) -> bool:
    """Put a message on record into its thread; True if a thread has changed."""
    changed = threads.attach(db, message, refs)
    if policy.subject_fallback == "guarded" and threads.follow(db, message):
        changed = True
    return changed


def disowned(db: Connection, message: int, verdict: Verdict, due: dict[bytes, None]) -> bool:
    """Take back what a message no longer inherits; True if nothing is left of it."""
    kept = {hit.contact for one in verdict.decisions.values() for hit in one.hits}
    if not heirs.disown(db, message, kept) or verdict.matched:
        return False
    due.update(dict.fromkeys(heirs.inheriting(db, message)))
    left = threads.around(db, message)
    heirs.erase(db, message)
    threads.mend(db, left)
    return True


def dependents(db: Connection, message: int, id_key: bytes, *, is_new: bool) -> list[bytes]:
    """Identities whose contact hangs on the thread of this message."""
    found = heirs.inheriting(db, message)
    return [*heirs.answering(db, parent_key(id_key)), *found] if is_new else found


def wait(
    db: Connection,
    policy: Policy,
    id_key: bytes,
    parents: Collection[KeyHash],
    decided: tuple[Outcome, OutcomeReason],
) -> None:
    """Remember whom an answer that concerns nobody waits for, where threads are inherited."""
    if policy.thread_inherit != "off" and decided[1] in _WAITING:
        heirs.wait(db, id_key, parents)
