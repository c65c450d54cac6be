"""Tombstones: keys of deleted contacts, so that nobody is made of them again (M10, C1).

A tombstone is a keyed hash and nothing readable. It goes when somebody adds the address.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from eisd.model.facts import KeyHash
from eisd.store.sql import chunks, signed, unsigned

TABLES = (
    # purged: the person is to be forgotten, so the address is not written down again either.
    """
    CREATE TABLE tombstone (
      hash INTEGER NOT NULL,
      workspace TEXT NOT NULL,
      buried_at INTEGER NOT NULL,
      purged INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (hash, workspace)
    ) STRICT, WITHOUT ROWID
    """,
)


def among(db: sqlite3.Connection, workspace: str, keys: Collection[KeyHash]) -> frozenset[KeyHash]:
    """Those of these exact keys that are a deleted contact's in the workspace."""
    return frozenset(
        unsigned(row[0])
        for places, chunk in chunks([signed(key) for key in keys])
        for row in db.execute(
            f"SELECT hash FROM tombstone WHERE hash IN ({places}) AND workspace = ?",
            (*chunk, workspace),
        )
    )


def forgotten(db: sqlite3.Connection, keys: Collection[KeyHash]) -> frozenset[KeyHash]:
    """Those of these exact keys that were purged and are no contact's anywhere."""
    if not db.execute("SELECT 1 FROM tombstone LIMIT 1").fetchone():
        return frozenset()
    return frozenset(
        unsigned(row[0])
        for places, chunk in chunks(list({signed(key) for key in keys}))
        for row in db.execute(
            f"""
            SELECT hash FROM tombstone WHERE hash IN ({places}) AND purged
              AND NOT EXISTS (SELECT 1 FROM address a JOIN contact c ON c.id = a.contact
                WHERE a.exact = hash AND a.ended_at IS NULL AND c.deleted_at IS NULL)
            """,
            chunk,
        )
    )


def bury(
    db: sqlite3.Connection,
    workspace: str,
    keys: Iterable[KeyHash],
    now: int,
    *,
    purged: bool = False,
) -> None:
    """Put tombstones; one that is there keeps its time, and stays purged."""
    db.executemany(
        "INSERT INTO tombstone (hash, workspace, buried_at, purged) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET purged = max(purged, excluded.purged)",
        [(signed(key), workspace, now, purged) for key in keys],
    )


def lift(db: sqlite3.Connection, workspace: str, keys: Iterable[KeyHash]) -> None:
    """Somebody added these addresses: they may be contacts again."""
    if db.execute("SELECT 1 FROM tombstone LIMIT 1").fetchone():
        db.executemany(
            "DELETE FROM tombstone WHERE hash = ? AND workspace = ?",
            [(signed(key), workspace) for key in keys],
        )
