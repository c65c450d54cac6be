"""The public views are the contract, the tables keep their types, and upgrades are whole."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from lab.world import World, ago, world

from eisd.errors import StoreError
from eisd.store import migrations
from eisd.store.database import connect, create
from eisd.store.schema import VIEWS
from eisd.store.sql import signed, stamp, unsigned

CONTRACT = {
    "activity_feed": "activity_id, workspace, contact_id, contact_name, message_id, thread_id,"
    " mailboxes, owners, direction, roles, via, flags, source, subject, snippet, text,"
    " occurred_at, received_at, created_at, has_attachments, delivery_status, read_at, visibility",
    "activity_copies": "activity_id, mailbox, folder, remote_id, box, received_at, seen, answered,"
    " flagged, removed_at",
    "activity_participants": "activity_id, role, address, name, contact_id, internal",
    "activity_attachments": "activity_id, filename, content_type, size, inline, content_id,"
    " sha256, stored",
    "message_outcomes": "mailbox, folder, remote_id, message_id, message_key, outcome, reason,"
    " received_at, recorded_at, removed_at",
    "mailbox_status": "name, address, driver, state, reason, detail, since, last_sync_at, backlog,"
    " connected_at",
    "contact_summary": "workspace, contact_id, name, primary_address, activities,"
    " last_incoming_at, last_outgoing_at, last_contacted_at",
}
"""What others rely on; a column may be added at the end, none moved, renamed or taken."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def columns(db: sqlite3.Connection, view: str) -> list[str]:
    """A view's columns in their order."""
    return [column[0] for column in db.execute(f"SELECT * FROM {view} LIMIT 0").description]  # noqa: S608


def schema(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Everything that was created."""
    return db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()


@pytest.fixture
async def full(tmp_path: Path):
    """A world in which every view has something to show."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("c1", "ada@x.test", "ada@home.test")
        gone = anna.deliver(
            "Ada <ada@x.test>", cc="eve@far.test", attachments={"a.txt": b"x"}, at=ago(days=2)
        )
        anna.deliver(anna.address, "ada@home.test", folder="Sent", subject="out")
        anna.deliver("eve@far.test")
        await here.sync()
        anna.provider.expunge(gone)
        await here.sync()
        yield here


# Views


@pytest.mark.parametrize("view", CONTRACT)
def test_a_view_has_the_columns_of_the_contract(db: sqlite3.Connection, view: str):
    """In their order; more may follow."""
    promised = CONTRACT[view].replace(" ", "").split(",")

    assert columns(db, view)[: len(promised)] == promised


def test_every_view_is_promised():
    """No view is public by accident."""
    assert set(VIEWS) == set(CONTRACT)


@pytest.mark.parametrize("view", CONTRACT)
async def test_times_are_text_that_everybody_reads(full: World, view: str):
    """RFC 3339 UTC with milliseconds and Z, in every column that is a time."""
    names = [c for c in CONTRACT[view].replace(" ", "").split(",") if c.endswith(("_at", "since"))]
    seen = 0
    for name in names:
        for (value,) in await full.rows(f"SELECT {name} FROM {view} WHERE {name} IS NOT NULL"):  # noqa: S608
            assert TIME.fullmatch(value), (name, value)
            assert datetime.fromisoformat(value).tzinfo is not None
            seen += 1
    assert seen or not names


@pytest.mark.parametrize("view", CONTRACT)
async def test_every_view_has_something_to_show(full: World, view: str):
    """So that the tests above look at something."""
    assert await full.rows(f"SELECT * FROM {view}")  # noqa: S608


async def test_a_removed_copy_stays_with_its_activity(full: World):
    """What the server lost is history, with the time of its loss."""
    rows = await full.rows(
        "SELECT mailbox, folder, box, removed_at IS NULL FROM activity_copies ORDER BY folder"
    )
    assert rows == [("anna", "INBOX", "received", 0), ("anna", "Sent", "sent", 1)]


async def test_participants_say_who_is_internal_and_whose_they_are(full: World):
    """The contact and staff are marked; a stranger is neither."""
    rows = await full.rows(
        "SELECT role, address, name, p.contact_id, internal FROM activity_participants p"
        " JOIN activity_feed USING (activity_id) WHERE direction = 'incoming' ORDER BY role"
    )
    assert rows == [
        ("cc", "eve@far.test", "", None, 0),
        ("from", "ada@x.test", "Ada", "c1", 0),
        ("to", "anna@lab.test", "", None, 1),
    ]


async def test_a_summary_tells_when_people_last_wrote(full: World):
    """Counts and times by direction."""
    ((activities, incoming, outgoing, contacted),) = await full.rows(
        "SELECT activities, last_incoming_at, last_outgoing_at, last_contacted_at"
        " FROM contact_summary"
    )
    assert activities == 2
    assert incoming < outgoing
    assert contacted == outgoing


# Speed, by plan and not by clock


PLANS = {
    "the timeline of a contact": "SELECT * FROM activity_feed WHERE contact_id = 'c1'"
    " ORDER BY occurred_at DESC LIMIT 50",
    "the newest activities": "SELECT * FROM activity_feed ORDER BY occurred_at DESC LIMIT 50",
}


@pytest.mark.parametrize("query", PLANS.values(), ids=PLANS)
def test_hot_queries_walk_an_index_and_sort_nothing(db: sqlite3.Connection, query: str):
    """Fast at a million activities: no scan of a table, no sort of the rows found."""
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}")]
    outer = [line for line in plan if " a " in f"{line} " or line.startswith("USE TEMP")]
    before_subqueries = plan[: next(i for i, line in enumerate(plan) if "SUBQUERY" in line)]

    assert any("USING INDEX activity_" in line for line in outer)
    assert not any("TEMP B-TREE" in line for line in before_subqueries)
    assert not any(re.match(r"SCAN (?!a USING INDEX|f|\(|json)", line) for line in plan)


def test_the_queue_is_an_index(db: sqlite3.Connection):
    """What is pending is found without looking at what is done."""
    plan = db.execute(
        "EXPLAIN QUERY PLAN SELECT p.id FROM folder f JOIN copy p ON p.folder_id = f.id"
        " WHERE f.mailbox_id = 1 AND p.outcome IN ('pending', 'error')"
    ).fetchall()

    assert any("copy_queue" in row[3] for row in plan)


# Tables


def test_every_table_is_strict(db: sqlite3.Connection):
    """A column holds its type or the write fails."""
    tables = db.execute(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_sqlite%' ESCAPE '\\'"
    ).fetchall()

    assert len(tables) > 10
    assert [name for name, strict in tables if not strict] == []


def test_rows_are_never_numbered_again(db: sqlite3.Connection):
    """An id that people keep is not given to another row after a deletion."""
    for table in (
        "activity",
        "contact",
        "address",
        "mailbox",
        "message",
        "copy",
        "folder",
        "retro",
    ):
        (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        assert "AUTOINCREMENT" in sql, table


async def test_one_activity_by_the_table_itself(full: World):
    """A second row for one message and contact is refused by the database (RP2)."""
    with pytest.raises(StoreError, match="UNIQUE"):
        await full.store.write(
            lambda tx: tx.db.execute(
                "INSERT INTO activity (message_id, contact, workspace, contact_id, direction, kind,"
                " roles, via, occurred_at, received_at, created_at) SELECT message_id, contact,"
                " workspace, contact_id, direction, kind, roles, via, occurred_at, received_at,"
                " created_at FROM activity LIMIT 1"
            )
        )


# Upgrades


def test_preparing_twice_changes_nothing(path: Path):
    """Every command may prepare the database."""
    with closing(connect(path)) as db:
        before = schema(db)
    create(path)
    with closing(connect(path)) as db:
        assert schema(db) == before
        assert migrations.migrate(db) == []


def test_a_newer_database_is_refused(path: Path):
    """An older eisd says what to do and touches nothing (RF47)."""
    with closing(connect(path)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('eisd', 'm999_future', '')"
        )
        db.execute("DROP VIEW contact_summary")
    with pytest.raises(StoreError, match=r"newer eisd.*m999_future.*upgrade"):
        create(path)
    with closing(connect(path)) as db:
        assert "contact_summary" not in {row[1] for row in schema(db)}


def test_an_upgrade_that_fails_leaves_no_half(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A step is applied whole or not at all, and is tried again (RF47)."""

    def m999_broken(db: object) -> None:
        db.execute("CREATE TABLE half (x)")  # type: ignore[attr-defined]
        raise sqlite3.OperationalError("cut off")

    monkeypatch.setattr(migrations, "STEPS", [*migrations.STEPS, m999_broken])
    with pytest.raises(StoreError, match="cut off"):
        create(path)
    with closing(connect(path)) as db:
        assert "half" not in {row[1] for row in schema(db)}
        monkeypatch.undo()
        assert migrations.migrate(db) == []


def test_views_follow_the_code(path: Path):
    """A view of an older version is made anew; an operator's own view stays."""
    with closing(connect(path)) as db:
        db.execute("DROP VIEW contact_summary")
        db.execute("CREATE VIEW contact_summary AS SELECT 1 AS old")
        db.execute("CREATE VIEW mine AS SELECT contact_id FROM contact_summary")
    create(path)
    with closing(connect(path)) as db:
        assert columns(db, "contact_summary") != ["old"]
        assert columns(db, "mine") == ["contact_id"]
        before = db.execute("PRAGMA schema_version").fetchone()
    create(path)
    with closing(connect(path)) as db:
        assert db.execute("PRAGMA schema_version").fetchone() == before


# Values


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_hashes_survive_signed_integers(value: int):
    """64 bits go in and come out."""
    assert unsigned(signed(value)) == value
    assert -(2**63) <= signed(value) < 2**63


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_732_239_812_283, "2024-11-22T01:43:32.283Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
        (-(10**18), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_written_whatever_they_are(ms: int, text: str):
    """A liar's date is brought to the nearest that can be written."""
    assert stamp(ms) == text
