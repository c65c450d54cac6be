"""Addresses that move from one contact to another (M7), and contacts that turn out to be one."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from eisd.model.facts import KeyHash
from eisd.store.contact_life import merge, repoint
from eisd.store.sql import signed, unsigned


class Move(NamedTuple):
    """An address that one contact has now and another had."""

    exact: KeyHash
    relaxed: KeyHash
    source: int
    target: int


_GAINED = """
  SELECT DISTINCT n.exact, n.relaxed, o.contact, n.contact
  FROM address n JOIN address o ON o.exact = n.exact AND o.workspace = n.workspace
    AND o.contact <> n.contact
  JOIN contact c ON c.id = o.contact
  WHERE n.id BETWEEN ? AND ? AND n.ended_at IS NULL AND c.deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM address s
      WHERE s.contact = o.contact AND s.exact = n.exact AND s.ended_at IS NULL)
"""
_LOST = """
  SELECT o.exact, o.relaxed, o.contact, min(n.contact)
  FROM address o JOIN address n ON n.exact = o.exact AND n.workspace = o.workspace
    AND n.contact <> o.contact AND n.ended_at IS NULL
  JOIN contact c ON c.id = n.contact AND c.deleted_at IS NULL
  WHERE o.contact = ? AND o.exact = ?
    AND NOT EXISTS (SELECT 1 FROM address s
      WHERE s.contact = o.contact AND s.exact = o.exact AND s.ended_at IS NULL)
  GROUP BY o.exact, o.relaxed, o.contact
"""


def moves(
    db: sqlite3.Connection,
    gained: tuple[int, int] | None,
    ended: Collection[tuple[int, KeyHash]],
) -> list[Move]:
    """Which addresses have moved, by the intervals just recorded and those just ended.

    Who was deleted keeps what was his: his activities stay (M10).
    """
    rows = [] if gained is None else db.execute(_GAINED, gained).fetchall()
    for contact, exact in ended:
        rows += db.execute(_LOST, (contact, signed(exact))).fetchall()
    return [
        Move(unsigned(exact), unsigned(relaxed), source, target)
        for exact, relaxed, source, target in rows
    ]


def move(db: sqlite3.Connection, one: Move) -> int:
    """Let an address take its past along: intervals and activities; returns how many of these."""
    db.execute(
        "UPDATE address SET contact = ? WHERE contact = ? AND exact = ?",
        (one.target, one.source, signed(one.exact)),
    )
    return repoint(db, one.source, one.target, (one.exact, one.relaxed))


def adopt(db: sqlite3.Connection, gained: tuple[int, int]) -> list[int]:
    """Merge contacts that eisd made into those whose address the CRM says it is.

    Returns the row ids of the contacts that took them in.
    """
    pairs = db.execute(
        """
        SELECT DISTINCT o.contact, n.contact FROM address n JOIN address o
          ON o.exact = n.exact AND o.workspace = n.workspace AND o.contact <> n.contact
        JOIN contact c ON c.id = o.contact
        WHERE n.id BETWEEN ? AND ? AND n.ended_at IS NULL AND NOT n.created
          AND o.created AND c.created_by = 'auto' AND c.deleted_at IS NULL
        """,
        gained,
    ).fetchall()
    seen: set[int] = set()
    for source, target in pairs:
        if source not in seen:
            seen.add(source)
            merge(db, source, target)
    return sorted({target for _, target in pairs})
