"""Everything the store needs on disk, made or brought up to date; called before each use."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from pathlib import Path

from eisd.store.database import connect, create
from eisd.store.secrets import Secrets


def prepare(database: Path, secrets_db: Path) -> Secrets:
    """Make or migrate the database, open the sealed store, and make the index key.

    Raises:
        StoreError: something on disk cannot be used.
        UserError: a key file is open to others or damaged.
    """
    create(database)
    return Secrets(secrets_db)


def index_key_is_new(database: Path, key: bytes) -> bool:
    """Remember which index key the database was written with; True if it was another one.

    Then what is kept of unmatched mail can no longer be searched, and the start says so (U1).
    """
    mark = blake2b(key, digest_size=8, person=b"eisd-mark").hexdigest()
    db: sqlite3.Connection = connect(database)
    try:
        row = db.execute("SELECT value FROM meta WHERE key = 'index_key'").fetchone()
        if row is None or row[0] != mark:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('index_key', ?)", (mark,))
        return row is not None and row[0] != mark
    finally:
        db.close()
