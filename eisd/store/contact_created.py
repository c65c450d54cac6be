"""Contacts that eisd makes of addresses it sees (C3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from eisd.model.contact import AddressIn
from eisd.store.sql import now_ms, signed


@dataclass(frozen=True, slots=True)
class Created:
    """A contact that eisd made of an address, or the one that was made of it before."""

    contact: int
    contact_id: str
    address: int
    """Row id of the interval."""
    new: bool
    earlier: bool
    """It is known since earlier than before, so that the past may concern it."""


def create(
    db: sqlite3.Connection,
    workspace: str,
    address: AddressIn,
    *,
    name: str,
    company: str = "",
) -> Created:
    """Make a contact of an address whose ``added_at`` is when it was first asked for (C3).

    Its id is made of the address's keyed hash: ids stand in logs, addresses do not. Made before, it
    is known from the earlier of both times on.
    """
    added = address.added_at if address.added_at is not None else now_ms()
    added -= added % 1000
    row = db.execute(
        "SELECT a.id, a.contact, a.added_at, c.contact_id FROM address a"
        " JOIN contact c ON c.id = a.contact WHERE a.workspace = ? AND a.exact = ? AND a.created",
        (workspace, signed(address.exact)),
    ).fetchone()
    if row is not None:
        interval, contact, known, contact_id = row
        earlier = known is not None and added < known
        if earlier:
            db.execute("UPDATE address SET added_at = ? WHERE id = ?", (added, interval))
        return Created(contact, contact_id, interval, new=False, earlier=earlier)
    contact_id = _free_id(db, workspace, f"auto-{address.exact:016x}")
    (contact,) = db.execute(
        "INSERT INTO contact (workspace, contact_id, name, company, created_at, created_by)"
        " VALUES (?, ?, ?, ?, ?, 'auto') RETURNING id",
        (workspace, contact_id, name, company, now_ms()),
    ).fetchone()
    (interval,) = db.execute(
        "INSERT INTO address (contact, workspace, address, key, exact, relaxed, is_primary,"
        " added_at, created) VALUES (?, ?, ?, ?, ?, ?, 1, ?, 1) RETURNING id",
        (
            contact,
            workspace,
            address.address,
            address.key,
            signed(address.exact),
            signed(address.relaxed),
            added,
        ),
    ).fetchone()
    return Created(contact, contact_id, interval, new=True, earlier=True)


def rename(db: sqlite3.Connection, contact: int, better: Callable[[str, str], str]) -> None:
    """Give a contact that eisd made the better name; ``better`` is told its name and its address.

    One that somebody imported or named since is left alone.
    """
    row = db.execute(
        "SELECT c.name, a.address FROM contact c JOIN address a ON a.contact = c.id AND a.created"
        " WHERE c.id = ? AND c.created_by = 'auto' LIMIT 1",
        (contact,),
    ).fetchone()
    if row is not None and (name := better(*row)) != row[0]:
        db.execute("UPDATE contact SET name = ? WHERE id = ?", (name, contact))


def _free_id(db: sqlite3.Connection, workspace: str, wanted: str) -> str:
    number, free = 1, wanted
    while db.execute(
        "SELECT 1 FROM contact WHERE workspace = ? AND contact_id = ?", (workspace, free)
    ).fetchone():
        number += 1
        free = f"{wanted}#{number}"
    return free
