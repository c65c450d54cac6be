"""The filter that most mail stops at: it says "perhaps" as a set would."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.store import contact_filter, tombstones
from eisd.store.contact_filter import Filter, load_filter
from eisd.store.sql import signed


def test_the_filter_holds_every_address_ever(db: sqlite3.Connection):
    """Ended ones too: mail of their time may come later. Tombstones, for their reason."""
    (contact,) = db.execute(
        "INSERT INTO contact (workspace, contact_id, created_at) VALUES ('w', '1', 0) RETURNING id"
    ).fetchone()
    top = 1 << 63
    db.executemany(
        "INSERT INTO address (contact, workspace, address, key, exact, relaxed, ended_at)"
        " VALUES (?, 'w', 'a@b', 'a@b', ?, ?, ?)",
        [(contact, 5, 7, None), (contact, signed(top + 1), signed(top + 9), 3)],
    )
    tombstones.bury(db, "w", [11, top + 11], 0)

    known = load_filter(db)

    assert len(known) == 6
    assert all(known.any([1, one]) for one in (5, 7, 11, top + 1, top + 9, top + 11))
    assert not known.any([1, 6, top, 2**64 - 1])
    assert not known.any([])


hashes = st.integers(0, 2**64 - 1)


@given(first=st.sets(hashes), added=st.lists(st.sets(hashes)), asked=st.sets(hashes))
def test_the_filter_is_a_set(first: set[int], added: list[set[int]], asked: set[int]):
    """It says what a set would, however its hashes came in."""
    known = Filter(first)
    for more in added:
        known.add(more)
    whole = first.union(*added)

    assert known.any(asked) == bool(whole & asked)
    assert all(known.any([one]) for one in whole)


def test_the_filter_sorts_in_what_came(monkeypatch: pytest.MonkeyPatch):
    """Beyond a number of fresh hashes the array is made anew, and nothing is lost."""
    monkeypatch.setattr(contact_filter, "FRESH", 10)
    known = Filter([5, 1])
    for value in range(100, 140):
        known.add([value])

    assert len(known) == 42
    assert all(known.any([value]) for value in (1, 5, *range(100, 140)))
