"""How a database comes to this version's schema: append-only steps, each all or nothing."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from eisd.errors import StoreError
from eisd.store import (
    attachments,
    contacts,
    heirs,
    invites,
    mailboxes,
    outbox_schema,
    replay,
    retention,
    retro,
    threads,
    tombstones,
    visible,
)
from eisd.store.schema import TABLES, VIEWS

migrations = Migrations("eisd")


@migrations()
def m001_first(db: Database) -> None:
    """The tables of the first release."""
    for statement in TABLES:
        db.execute(statement)


@migrations()
def m002_contacts(db: Database) -> None:
    """The life of contacts: tombstones, times of being primary, merging, jobs on the past."""
    for statement in (*contacts.CHANGES, *tombstones.TABLES, *retro.TABLES):
        db.execute(statement)


@migrations()
def m003_threads(db: Database) -> None:
    """Threads as what messages refer to, and who waits for the thread of a parent."""
    for statement in (*threads.TABLES, *heirs.TABLES):
        db.execute(statement)
    threads.adopt(db.conn)


@migrations()
def m004_outbox(db: Database) -> None:
    """Submissions, drafts and templates."""
    for statement in outbox_schema.TABLES:
        db.execute(statement)


@migrations()
def m005_oauth(db: Database) -> None:
    """Invitations to connect a mailbox."""
    for statement in invites.TABLES:
        db.execute(statement)


@migrations()
def m003_aliases(db: Database) -> None:
    """What providers tell of a mailbox's addresses."""
    for statement in mailboxes.CHANGES:
        db.execute(statement)


@migrations()
def m007_visibility(db: Database) -> None:
    """Whom a mailbox is shared with, what others see of it, and what owners say of a message."""
    for statement in visible.CHANGES:
        db.execute(statement)


@migrations()
def m009_replay(db: Database) -> None:
    """Jobs that decide what is stored again."""
    for statement in replay.TABLES:
        db.execute(statement)


@migrations()
def m010_attachments(db: Database) -> None:
    """The bytes of attachments."""
    for statement in attachments.TABLES:
        db.execute(statement)


@migrations()
def m020_retention(db: Database) -> None:
    """Messages by their age."""
    for statement in retention.CHANGES:
        db.execute(statement)


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Apply what is pending and make the views anew; return the names of the steps applied.

    Raises:
        StoreError: the database was written by a newer eisd.
    """
    db = Database(connection)
    applied = {step.name for step in migrations.applied(db)}
    pending = [step.name for step in migrations.pending(db)]
    ours = {step.name for step in migrations._migrations}  # noqa: SLF001  no public list of them
    if newer := sorted(applied - ours):
        raise StoreError(
            f"the database was written by a newer eisd (it knows {', '.join(newer)}); "
            "upgrade eisd, or restore a backup of this version"
        )
    migrations.apply(db)
    _views(connection)
    return pending


def pending(connection: sqlite3.Connection) -> list[str]:
    """The steps that `migrate` would apply; only reads."""
    try:
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (migrations.name,)
        ).fetchall()
    except sqlite3.Error:
        rows = []
    done = {row[0] for row in rows}
    return [step.name for step in migrations._migrations if step.name not in done]  # noqa: SLF001


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
