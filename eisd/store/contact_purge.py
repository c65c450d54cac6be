"""Purging a contact, for privacy law (M10): what is left of it are keyed hashes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eisd.model.facts import KeyHash
from eisd.store import contact_unsend, tombstones
from eisd.store.contact_life import hashes, nobodys, workspace_of
from eisd.store.sql import now_ms, signed


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge took away."""

    activities: int
    messages: int
    """Messages that concerned nobody else, with their text."""
    participants: int
    """Addresses in other people's messages that are hashes now."""
    sent: int
    """Submissions in which the person is a hash now."""
    drafts: int
    """Drafts to the person, deleted unless somebody else gets them, too."""
    keys: frozenset[KeyHash]


@contextmanager
def overwriting(db: sqlite3.Connection) -> Iterator[None]:
    """What SQLite frees within is overwritten with zeros."""
    db.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        db.execute("PRAGMA secure_delete = OFF")


def purge(db: sqlite3.Connection, contact: int) -> Purged:
    """Erase a contact, what was merged into it included.

    Its activities go, and with them each message that concerned nobody else; in the others, in
    what was sent and in drafts, its addresses become keyed hashes. A tombstone stays, hashed. What
    SQLite frees is overwritten. What is still being sent is let through: somebody wants it to
    arrive. Who is a contact in another workspace as well stays readable there.
    """
    with overwriting(db):
        keys = hashes(db, contact)
        own = nobodys(db, contact)
        tombstones.bury(db, workspace_of(db, contact), own, now_ms(), purged=True)
        mine = [
            row[0]
            for row in db.execute(
                "DELETE FROM activity WHERE contact = ? RETURNING message_id", (contact,)
            ).fetchall()
        ]
        unknown = [key for key in own if not _is_known(db, contact, key)]
        erased = sum(_erase(db, message) for message in (*mine, *_nobodys_messages(db, unknown)))
        named = sum(_anonymize(db, key) for key in unknown)
        sent, drafts = contact_unsend.forget(db, unknown, _ids(db, contact))
        for table, column in (
            ("address", "contact"),
            ("contact", "merged_into"),
            ("contact", "id"),
        ):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", (contact,))
    return Purged(len(mine), erased, named, sent, drafts, frozenset(keys))


def _ids(db: sqlite3.Connection, contact: int) -> list[str]:
    """The ids that a contact answers to."""
    return [
        row[0]
        for row in db.execute(
            "SELECT contact_id FROM contact WHERE id = ?1 OR merged_into = ?1", (contact,)
        )
    ]


def _is_known(db: sqlite3.Connection, contact: int, key: KeyHash) -> bool:
    """Whether an address is another contact's, in whatever workspace."""
    row = db.execute(
        "SELECT 1 FROM address a JOIN contact c ON c.id = a.contact WHERE a.exact = ?"
        " AND a.contact <> ? AND a.ended_at IS NULL AND c.deleted_at IS NULL LIMIT 1",
        (signed(key), contact),
    ).fetchone()
    return row is not None


def _nobodys_messages(db: sqlite3.Connection, keys: Iterable[KeyHash]) -> list[int]:
    """Messages on record that name one of these and are nobody's activity any more."""
    return [
        row[0]
        for key in keys
        for row in db.execute(
            "SELECT p.message_id FROM participant p WHERE (p.exact = ?1 OR p.relaxed = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM activity a WHERE a.message_id = p.message_id)",
            (signed(key),),
        )
    ]


def _erase(db: sqlite3.Connection, message: int) -> bool:
    """Erase a message unless it is somebody's activity."""
    if db.execute("SELECT 1 FROM activity WHERE message_id = ?", (message,)).fetchone():
        return False
    db.execute(
        "UPDATE copy SET message_id = NULL, outcome = 'unmatched', reason = 'tombstone',"
        " error = '' WHERE message_id = ?",
        (message,),
    )
    return db.execute("DELETE FROM message WHERE id = ?", (message,)).rowcount == 1


def _anonymize(db: sqlite3.Connection, key: KeyHash) -> int:
    """Make an address a hash in every message; staff keeps its name."""
    value = signed(key)
    if db.execute("SELECT 1 FROM staff WHERE hash = ? AND kind = 'exact'", (value,)).fetchone():
        return 0
    return db.execute(
        "UPDATE participant SET address = printf('purged:%016x', exact), name = ''"
        " WHERE exact = ?1 OR relaxed = ?1",
        (value,),
    ).rowcount
