"""A database of any earlier version becomes the one of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlite_utils import Database

from eisd.store.migrations import migrate, migrations, pending

STEPS = [step.name for step in migrations._migrations]


def shape(db):
    """Every table, index and view with its columns: what a schema amounts to."""
    names = db.execute(
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    ).fetchall()
    columns = {
        name: sorted(row[1:] for row in db.execute(f"PRAGMA table_xinfo('{name}')").fetchall())
        for kind, name in names
        if kind in {"table", "view"}
    }
    return names, columns


def test_steps_bear_their_own_names():
    """No two steps are called alike: a name that was applied is never applied again."""
    assert len(set(STEPS)) == len(STEPS)


@pytest.mark.parametrize("count", range(len(STEPS)), ids=["nothing", *STEPS[:-1]])
def test_forward_from_every_step(count):
    """Whatever step a database is at, the rest leads to the schema of a fresh one; rows stay."""
    with closing(sqlite3.connect(":memory:")) as old, closing(sqlite3.connect(":memory:")) as new:
        migrate(new)
        if count:
            migrations.apply(Database(old), stop_before=STEPS[count])
            old.execute("INSERT INTO meta VALUES ('note', 'kept')")
            old.commit()
        assert pending(old) == STEPS[count:]

        applied = migrate(old)

        assert applied == STEPS[count:]
        assert shape(old) == shape(new)
        if count:
            assert old.execute("SELECT value FROM meta WHERE key = 'note'").fetchone() == ("kept",)
