"""Purging a contact, for privacy law (M10): what is left of it are keyed hashes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from eisd.model.facts import KeyHash
from eisd.store import tombstones
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
    keys: frozenset[KeyHash]


def purge(db: sqlite3.Connection, contact: int) -> Purged:
    """Erase a contact, what was merged into it included.

    Its activities go, and with them each message that concerned nobody else; in the others, and
    in what was sent, its addresses become keyed hashes. A tombstone stays, hashed. What SQLite
    frees is overwritten. What is still being sent is let through: somebody wants it to arrive.
    """
    db.execute("PRAGMA secure_delete = ON")
    keys = hashes(db, contact)
    own = nobodys(db, contact)
    tombstones.bury(db, workspace_of(db, contact), own, now_ms(), purged=True)
    mine = [
        row[0]
        for row in db.execute(
            "DELETE FROM activity WHERE contact = ? RETURNING message_id", (contact,)
        ).fetchall()
    ]
    erased = sum(_erase(db, message) for message in mine)
    named = sum(_anonymize(db, key) for key in own)
    for key in own:
        _forget_sent(db, key)
    for table, column in (("address", "contact"), ("contact", "merged_into"), ("contact", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (contact,))
    db.execute("PRAGMA secure_delete = OFF")
    return Purged(len(mine), erased, named, frozenset(keys))


def _erase(db: sqlite3.Connection, message: int) -> bool:
    """Erase a message unless it is somebody's activity."""
    if db.execute("SELECT 1 FROM activity WHERE message_id = ?", (message,)).fetchone():
        return False
    db.execute(
        "UPDATE copy SET message_id = NULL, outcome = 'unmatched', reason = 'tombstone'"
        " WHERE message_id = ?",
        (message,),
    )
    db.execute("DELETE FROM message WHERE id = ?", (message,))
    return True


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


def _forget_sent(db: sqlite3.Connection, key: KeyHash) -> None:
    """Make an address a hash in what was sent; what went to nobody else loses its text, too."""
    value = (signed(key),)
    db.execute(
        """
        UPDATE recipient SET address = printf('purged:%016x', exact), reply = ''
        WHERE exact = ? AND submission_id IN (SELECT id FROM submission WHERE ended_at IS NOT NULL)
        """,
        value,
    )
    alone = [
        row
        for (row,) in db.execute(
            """
            SELECT s.id FROM submission s JOIN recipient r ON r.submission_id = s.id
            WHERE r.exact = ? AND s.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM recipient o
              WHERE o.submission_id = s.id AND o.address NOT LIKE 'purged:%')
            """,
            value,
        )
    ]
    for row in alone:
        db.execute("UPDATE submission SET subject = '', reply = '' WHERE id = ?", (row,))
        db.execute("DELETE FROM submission_message WHERE submission_id = ?", (row,))
