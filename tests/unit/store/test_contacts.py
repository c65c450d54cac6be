"""What an import does to contacts, to their addresses' intervals and to the filter (M3 to M10)."""

from __future__ import annotations

import sqlite3

import pytest

from eisd.model.contact import AddressIn, ContactIn
from eisd.store import contact_diff, contact_import, contact_life, contacts
from eisd.store.contact_import import Imported

NOW = 1_700_000_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The store's clock, in a test's hands."""
    at = [NOW]
    for module in (contact_import, contact_life):
        monkeypatch.setattr(module, "now_ms", lambda: at[0])
    return at


def person(
    contact_id: str, *addresses: str, workspace: str = "default", name: str = "", **interval: int
) -> ContactIn:
    """A contact as a file gives it; hashes are stood for by the text's length and first letter."""
    return ContactIn(
        workspace,
        contact_id,
        name,
        "",
        "",
        tuple(
            AddressIn(one, one, key(one), key(one.split("+")[0]), at == 0, **interval)
            for at, one in enumerate(addresses)
        ),
    )


def key(text: str) -> int:
    """Some hash, of the upper half so that the sign is tried too."""
    return (1 << 63) + int.from_bytes(text.encode()[:7], "big")


def put(db: sqlite3.Connection, *people: ContactIn, replace: bool = False) -> Imported:
    """Import in one part, as `eisd.sync.importing` does, but all of it rather than the changes."""
    run = contact_import.begin(db, {one.workspace for one in people})
    done = Imported()
    contact_import.put(db, people, run, done)
    if replace:
        kept = {(one.workspace, one.contact_id) for one in people}
        workspaces = {one.workspace for one in people}
        for row in contact_import.missing(db, workspaces, lambda *one: one in kept):
            contact_life.remove(db, row)
            done.removed += 1
    contact_import.end(db, run)
    return done


def intervals(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    """(contact, address, primary, added, ended), times counted from NOW; None: always, never."""
    return db.execute(
        "SELECT c.contact_id, a.address, a.is_primary, a.added_at - ?1, a.ended_at - ?1"
        " FROM address a JOIN contact c ON c.id = a.contact ORDER BY a.id",
        (NOW,),
    ).fetchall()


def names(db: sqlite3.Connection) -> list[str]:
    """The contacts that are there."""
    return [row[0] for row in db.execute("SELECT contact_id FROM contact_summary ORDER BY 1")]


def test_the_first_import_is_always_known(db: sqlite3.Connection):
    """Addresses of the first import into an empty workspace count for all time."""
    done = put(db, person("c1", "ada@x", "ada@home"), person("c2", "bob@y"))

    assert intervals(db) == [
        ("c1", "ada@x", 1, None, None),
        ("c1", "ada@home", 0, None, None),
        ("c2", "bob@y", 1, None, None),
    ]
    assert (done.added, done.addresses_added) == (2, 3)
    assert done.rows == (1, 3)


def test_later_ones_are_known_from_then_on(db: sqlite3.Connection, clock: list[int]):
    """Floored to the second; another workspace has a first import of its own."""
    put(db, person("c1", "ada@x"))
    clock[0] += 1_500
    put(db, person("c2", "bob@y"), person("k1", "bob@y", workspace="sales"))

    assert intervals(db)[1:] == [("c2", "bob@y", 1, 1_000, None), ("k1", "bob@y", 1, None, None)]


def test_importing_again_is_no_change(db: sqlite3.Connection, clock: list[int]):
    """The same file twice leaves the same rows."""
    people = [person("c1", "ada@x", "ada@home"), person("c2", "bob@y", name="Bob")]
    put(db, *people)
    before = intervals(db)
    clock[0] += 60_000

    done = put(db, *people)

    assert intervals(db) == before
    assert done == Imported(unchanged=2)
    assert contact_diff.differing(db, people) == []


def test_a_missing_address_ends(db: sqlite3.Connection, clock: list[int]):
    """Now, floored; the others stay as they are (M6)."""
    put(db, person("c1", "ada@x", "ada@home"))
    clock[0] += 5_999

    done = put(db, person("c1", "ada@x"))

    assert intervals(db) == [("c1", "ada@x", 1, None, None), ("c1", "ada@home", 0, None, 5_000)]
    assert (done.updated, done.addresses_ended) == (1, 1)


def test_an_address_added_again_is_a_new_interval(db: sqlite3.Connection, clock: list[int]):
    """The gap is not filled (M6)."""
    put(db, person("c1", "ada@x", "ada@home"))
    clock[0] += 5_000
    put(db, person("c1", "ada@x"))
    clock[0] += 5_000
    put(db, person("c1", "ada@x", "ada@home"))

    assert intervals(db)[1:] == [
        ("c1", "ada@home", 0, None, 5_000),
        ("c1", "ada@home", 0, 10_000, None),
    ]


def test_another_primary_is_noted(db: sqlite3.Connection):
    """The order of the file says who is primary."""
    put(db, person("c1", "ada@x", "ada@home"))

    done = put(db, person("c1", "ada@home", "ada@x"))

    assert [row[1:3] for row in intervals(db)] == [("ada@x", 0), ("ada@home", 1)]
    assert done.updated == 1


def test_a_missing_contact_stays_unless_replaced(db: sqlite3.Connection, clock: list[int]):
    """`--replace` removes it: its addresses end, its row stays (M10); other workspaces do too."""
    put(db, person("c1", "ada@x"), person("c2", "bob@y"), person("k1", "bob@y", workspace="sales"))
    clock[0] += 2_000
    assert put(db, person("c1", "ada@x")).removed == 0

    done = put(db, person("c1", "ada@x"), replace=True)

    assert done.removed == 1
    assert [(row[0], row[4]) for row in intervals(db)] == [
        ("c1", None),
        ("c2", 2_000),
        ("k1", None),
    ]
    assert names(db) == ["c1", "k1"]


def test_a_removed_contact_comes_back_from_now_on(db: sqlite3.Connection, clock: list[int]):
    """Restoring opens its addresses now (M10)."""
    put(db, person("c1", "ada@x"), person("c2", "bob@y"))
    put(db, person("c1", "ada@x"), replace=True)
    clock[0] += 7_000

    put(db, person("c2", "bob@y"))

    assert intervals(db)[1:] == [("c2", "bob@y", 1, None, 0), ("c2", "bob@y", 1, 7_000, None)]
    assert names(db) == ["c1", "c2"]


def test_the_file_may_say_when(db: sqlite3.Connection, clock: list[int]):
    """Its own times win, and an address dated back has a past to look for (M3)."""
    put(db, person("c1", "ada@x"))
    clock[0] += 9_000

    put(db, person("c2", "bob@y", added_at=NOW - 5_000))
    put(db, person("c3", "cyd@z", added_at=NOW + 60_000, ended_at=NOW + 90_000))

    assert intervals(db)[1:] == [
        ("c2", "bob@y", 1, -5_000, None),
        ("c3", "cyd@z", 1, 60_000, 90_000),
    ]


def test_a_closed_interval_is_imported_once(db: sqlite3.Connection):
    """A file with history may be imported again and again."""
    known = person("c1", "ada@x", added_at=NOW - 9_000, ended_at=NOW - 5_000)
    put(db, known)

    put(db, known)

    assert len(intervals(db)) == 1


def test_entries_are_found_under_both_keys(db: sqlite3.Connection):
    """By exact and by relaxed hash, in the workspace asked for, of contacts that are there."""
    put(db, person("c1", "ada+a@x"), person("c2", "bob@y"), person("k1", "bob@y", workspace="s"))

    exact = contacts.entries(db, "default", [key("ada+a@x")])
    relaxed = contacts.entries(db, "default", [key("ada")])
    bob = contacts.entries(db, "default", [key("bob@y"), key("nobody")])

    assert set(exact) == set(relaxed) == {key("ada+a@x"), key("ada")}
    assert [len(found) for found in bob.values()] == [1]
    contact_life.remove(db, bob[key("bob@y")][0].contact)
    assert contacts.entries(db, "default", [key("bob@y")]) == {}


def test_entries_of_many_keys_at_once(db: sqlite3.Connection):
    """A message with thousands of recipients is looked up whole."""
    db.execute("BEGIN")  # one commit for all
    put(db, *(person(f"c{n}", f"p{n}@x") for n in range(1_200)))

    found = contacts.entries(db, "default", [key(f"p{n}@x") for n in range(1_200)])

    assert len({entry.contact for entries in found.values() for entry in entries}) > 900
