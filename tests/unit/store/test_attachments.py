"""The bytes of attachments: kept once, and gone with the last message that bears them."""

from __future__ import annotations

import sqlite3

import pytest

from eisd.model.mail import Attachment
from eisd.store import attachments
from eisd.store.migrations import migrate

DRAWING, PLAN = "d" * 64, "p" * 64


@pytest.fixture
def db() -> sqlite3.Connection:
    """A database of today with two messages."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("INSERT INTO thread DEFAULT VALUES")
    for number in (1, 2):
        db.execute(
            "INSERT INTO message (id, id_key, identity, thread_id, subject, snippet, text,"
            " text_reply, date_raw, received, occurred_at, gate_at, size, has_attachments,"
            " parse_status, defects, sha256)"
            " VALUES (?, ?, '', 1, '', '', '', '', '', '[]', '', 0, 0, 1,"
            " 'full', '[]', '')",
            (number, bytes([number]) * 16),
        )
    return db


def listed(*digests: str) -> list[Attachment]:
    return [Attachment("a", "x/y", 1, inline=False, content_id="", sha256=one) for one in digests]


def kept(db: sqlite3.Connection) -> set[str]:
    return {digest for (digest,) in db.execute("SELECT sha256 FROM blob")}


def test_bytes_are_kept_once_and_go_with_the_last_that_bears_them(db):
    """Two messages share a drawing: it stays with the one, and goes with the other."""
    attachments.insert(db, 1, listed(DRAWING, PLAN), {DRAWING: b"d", PLAN: b"p"})
    attachments.insert(db, 2, listed(DRAWING), {DRAWING: b"d"})
    assert kept(db) == {DRAWING, PLAN}

    db.execute("DELETE FROM message WHERE id = 1")
    assert kept(db) == {DRAWING}
    db.execute("DELETE FROM message WHERE id = 2")
    assert kept(db) == set()


def test_what_is_only_listed_has_no_bytes(db):
    """Without contents an attachment is a name and a size; those of others do not count for it."""
    attachments.insert(db, 1, listed(DRAWING), {})

    assert kept(db) == set()
    assert db.execute("SELECT stored FROM attachment").fetchall() == [(0,)]
