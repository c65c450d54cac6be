"""Every table is one that a purge of a contact reaches, or one that cannot name anybody."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from lab.canary import HASHED, NOBODYS, READABLE, tables

from eisd.store.migrations import migrate


def test_of_every_table_it_is_known_whether_it_names_people():
    """A new table stands in tests/lab/canary.py; if it can name a contact, the purge reaches it."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        there = set(tables(db))

    assert there == READABLE | HASHED.keys() | NOBODYS.keys()
    assert len(there) == len(READABLE) + len(HASHED) + len(NOBODYS)
