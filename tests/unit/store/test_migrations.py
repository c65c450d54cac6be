"""A database of any earlier version becomes the one of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlite_utils import Database

from eisd.store import migrations
from eisd.store.migrations import migrate, pending
from eisd.store.schema import VIEWS

STEPS = [step.__name__ for step in migrations.STEPS]


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
            migrations.migrations().apply(Database(old), stop_before=STEPS[count])
            old.execute("INSERT INTO meta VALUES ('note', 'kept')")
            old.commit()
        assert pending(old) == STEPS[count:]

        applied = migrate(old)

        assert applied == STEPS[count:]
        assert shape(old) == shape(new)
        if count:
            assert old.execute("SELECT value FROM meta WHERE key = 'note'").fetchone() == ("kept",)


REPLACED = {"thread_ref"}
"""Tables of an earlier step whose rows a later one takes over into another."""
ROWS = 3


def fill(db):
    """Give every table rows whose references meet: row n of one refers to row n of the other."""
    names = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_%' ESCAPE '\\'"
    ).fetchall()
    for (name,) in names:
        columns = db.execute(f"PRAGMA table_info('{name}')").fetchall()
        for number in range(1, ROWS + 1):
            values = [value(kind, column, number) for _, column, kind, *_ in columns]
            marks = ",".join("?" * len(values))
            db.execute(f"INSERT INTO {name} VALUES ({marks})", values)  # noqa: S608
    db.commit()
    return [name for (name,) in names]


def value(kind, column, number):
    """Something that fits a column, different in each row, and JSON where text may have to be."""
    if column == "deleted_at":  # the views show who is there
        return None
    if kind == "BLOB":
        return bytes([number]) * 16
    return number if kind == "INTEGER" else f'["{column}{number}"]'


@pytest.mark.parametrize("count", range(1, len(STEPS)), ids=STEPS[:-1])
def test_no_row_is_lost_on_the_way(count):
    """A database that is full at any step is as full afterwards, sound, and shown by every view."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrations.migrations().apply(Database(db), stop_before=STEPS[count])
        names = fill(db)
        before = {name: set(rows(db, name)) for name in names if name not in REPLACED}

        migrate(db)

        for name, old in before.items():
            kept = {one[: len(next(iter(old)))] for one in rows(db, name)}
            assert old <= kept, name
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for view in VIEWS:
            shown = db.execute(f"SELECT * FROM {view}").fetchall()  # noqa: S608 - ours
            assert len(shown) >= ROWS, view


def rows(db, name):
    """All rows of a table."""
    return db.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - names of our schema
