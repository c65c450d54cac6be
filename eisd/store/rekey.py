"""Keyed hashes made anew, when the index key or the way addresses are compared has changed.

What is kept readable is found again: contacts, and messages on record. Of other copies only hashes
were kept, which no other key reads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eisd.store import contact_life, tombstones
from eisd.store.contact_unsend import HASHED
from eisd.store.sql import now_ms, signed

if TYPE_CHECKING:
    from eisd.model.contact import AddressIn

STEP = 5_000
"""So many rows are read before they are written."""


def changed(db: sqlite3.Connection, name: str, mark: str) -> bool:
    """Remember what hashes of a kind are made with; True if it was something else before."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    if row is None or row[0] != mark:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, mark))
    return row is not None and row[0] != mark


def contacts(db: sqlite3.Connection, keyed: Callable[[str], AddressIn]) -> None:
    """Bring all addresses of contacts under the new keys, and put tombstones of the deleted."""
    last = 0
    while rows := db.execute(
        "SELECT id, address FROM address WHERE id > ? ORDER BY id LIMIT ?", (last, STEP)
    ).fetchall():
        last = rows[-1][0]
        given = [(keyed(address), row_id) for row_id, address in rows]
        db.executemany(  # of two that mail made and that are one now, the second has to wait
            "UPDATE OR IGNORE address SET key = ?, exact = ?, relaxed = ? WHERE id = ?",
            [(one.key, signed(one.exact), signed(one.relaxed), row_id) for one, row_id in given],
        )
    deleted = "SELECT id, workspace FROM contact WHERE deleted_at IS NOT NULL"
    for contact, workspace in db.execute(deleted).fetchall():
        tombstones.bury(db, workspace, contact_life.nobodys(db, contact), now_ms())


def messages(
    db: sqlite3.Connection,
    identity: Callable[[str], bytes],
    hashes: Callable[[str], Sequence[int]],
    nothing: bytes,
) -> None:
    """Let messages on record be recognised under the new key; of their copies no hash is kept.

    ``hashes`` gives a participant's: exact, relaxed, domain, registrable domain.
    """
    last = 0
    while rows := db.execute(
        "SELECT id, id_key, variant, identity FROM message WHERE id > ? ORDER BY id LIMIT ?",
        (last, STEP),
    ).fetchall():
        last = rows[-1][0]
        for row_id, before, variant, text in rows:
            now = identity(text.rpartition("~")[0] if variant else text)
            db.execute("UPDATE message SET id_key = ? WHERE id = ?", (now, row_id))
            db.execute(
                "UPDATE copy SET id_key = ?, facts = ? WHERE id_key = ?", (now, nothing, before)
            )
            _participants(db, row_id, hashes)


def _participants(
    db: sqlite3.Connection, message: int, hashes: Callable[[str], Sequence[int]]
) -> None:
    people = db.execute(
        "SELECT address, exact FROM participant WHERE message_id = ? AND address NOT LIKE ?",
        (message, f"{HASHED}%"),
    ).fetchall()
    db.executemany(
        "UPDATE OR IGNORE participant SET exact = ?, relaxed = ?, domain = ?, registrable = ?"
        " WHERE message_id = ? AND exact = ?",
        [(*map(signed, hashes(address)), message, exact) for address, exact in people],
    )
