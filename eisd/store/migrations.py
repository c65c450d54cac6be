"""How a database comes to this version's schema: append-only steps, each all or nothing.

sqlite-utils applies them. It takes a tenth of a second to import, so it is asked only where there
is something to apply.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from eisd.errors import StoreError
from eisd.store import (
    attachments,
    contacts,
    heirs,
    invites,
    mailboxes,
    outbox_schema,
    replay,
    reports,
    retention,
    retro,
    threads,
    tombstones,
    visible,
)
from eisd.store.schema import TABLES, VIEWS

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

SET: Final = "eisd"
STEPS: Final[list[Callable[[Database], None]]] = []
"""In the order in which they are applied."""


def step(function: Callable[[Database], None]) -> Callable[[Database], None]:
    """Declare a step; its function's name is its own, for ever."""
    STEPS.append(function)
    return function


@step
def m001_first(db: Database) -> None:
    """The tables of the first release."""
    for statement in TABLES:
        db.execute(statement)


@step
def m002_contacts(db: Database) -> None:
    """The life of contacts: tombstones, times of being primary, merging, jobs on the past."""
    for statement in (*contacts.CHANGES, *tombstones.TABLES, *retro.TABLES):
        db.execute(statement)


@step
def m003_threads(db: Database) -> None:
    """Threads as what messages refer to, and who waits for the thread of a parent."""
    for statement in (*threads.TABLES, *heirs.TABLES):
        db.execute(statement)
    threads.adopt(db.conn)


@step
def m004_outbox(db: Database) -> None:
    """Submissions, drafts and templates."""
    for statement in outbox_schema.TABLES:
        db.execute(statement)


@step
def m005_oauth(db: Database) -> None:
    """Invitations to connect a mailbox."""
    for statement in invites.TABLES:
        db.execute(statement)


@step
def m003_aliases(db: Database) -> None:
    """What providers tell of a mailbox's addresses."""
    for statement in mailboxes.CHANGES:
        db.execute(statement)


@step
def m007_visibility(db: Database) -> None:
    """Whom a mailbox is shared with, what others see of it, and what owners say of a message."""
    for statement in visible.CHANGES:
        db.execute(statement)


@step
def m009_replay(db: Database) -> None:
    """Jobs that decide what is stored again."""
    for statement in replay.TABLES:
        db.execute(statement)


@step
def m010_attachments(db: Database) -> None:
    """The bytes of attachments."""
    for statement in attachments.TABLES:
        db.execute(statement)


@step
def m020_retention(db: Database) -> None:
    """Messages by their age."""
    for statement in retention.CHANGES:
        db.execute(statement)


@step
def m021_reports(db: Database) -> None:
    """What delivery reports say of single recipients."""
    for statement in reports.TABLES:
        db.execute(statement)


def migrations() -> Migrations:
    """The steps as sqlite-utils takes them."""
    from sqlite_utils import Migrations  # noqa: PLC0415 - see above

    made = Migrations(SET)
    for each in STEPS:
        made()(each)
    return made


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Apply what is pending and make the views anew; return the names of the steps applied.

    Raises:
        StoreError: the database was written by a newer eisd.
    """
    applied, ours = _applied(connection), _names()
    if newer := sorted(applied - set(ours)):
        raise StoreError(
            f"the database was written by a newer eisd (it knows {', '.join(newer)}); "
            "upgrade eisd, or restore a backup of this version"
        )
    waiting = [name for name in ours if name not in applied]
    if waiting:
        from sqlite_utils import Database  # noqa: PLC0415 - see above

        migrations().apply(Database(connection))
    _views(connection)
    return waiting


def pending(connection: sqlite3.Connection) -> list[str]:
    """The steps that `migrate` would apply; only reads."""
    applied = _applied(connection)
    return [name for name in _names() if name not in applied]


def _names() -> list[str]:
    return [each.__name__ for each in STEPS]


def _applied(connection: sqlite3.Connection) -> set[str]:
    """What was applied, by whatever version; nothing where there is no database of ours."""
    query = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    try:
        return {row[0] for row in connection.execute(query, (SET,))}
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return set()
        raise


def _views(connection: sqlite3.Connection) -> None:
    have = dict(
        connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").fetchall()
    )
    wanted = {name: f"CREATE VIEW {name} AS {body.strip()}" for name, body in VIEWS.items()}
    if have.items() >= wanted.items():  # an operator's own views are left alone
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for name in have.keys() & wanted.keys():
            connection.execute(f"DROP VIEW {name}")
        for statement in wanted.values():
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise


def views() -> dict[str, list[str]]:
    """The columns of every public view, in order."""
    db = sqlite3.connect(":memory:")
    try:
        migrate(db)
        return {
            name: [column[0] for column in db.execute(f"SELECT * FROM {name}").description]
            for name in VIEWS
        }
    finally:
        db.close()
