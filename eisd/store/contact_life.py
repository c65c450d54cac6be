"""The life of a contact after it came in: made by eisd, deleted, restored, merged, purged."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from eisd.model.contact import AddressIn
from eisd.model.facts import KeyHash
from eisd.store import tombstones
from eisd.store.sql import now_ms, signed, unsigned


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

    Its id is the address's key, or that with a number if another contact bears it. Made before,
    it is known from the earlier of both times on.
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
    contact_id = _free_id(db, workspace, address.key)
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


def _free_id(db: sqlite3.Connection, workspace: str, wanted: str) -> str:
    number, free = 1, wanted
    while db.execute(
        "SELECT 1 FROM contact WHERE workspace = ? AND contact_id = ?", (workspace, free)
    ).fetchone():
        number += 1
        free = f"{wanted}#{number}"
    return free


def hashes(db: sqlite3.Connection, contact: int) -> set[KeyHash]:
    """Both hashes of every address that a contact ever had."""
    return {
        unsigned(value)
        for row in db.execute("SELECT exact, relaxed FROM address WHERE contact = ?", (contact,))
        for value in row
    }


def remove(db: sqlite3.Connection, contact: int) -> None:
    """Delete a contact: its addresses end now, its activities stay, tombstones are put (M10).

    No tombstone for an address that another contact has now.
    """
    now = now_ms()
    second = now - now % 1000
    db.execute(
        "UPDATE address SET ended_at = ? WHERE contact = ? AND ended_at IS NULL",
        (second, contact),
    )
    db.execute("UPDATE contact SET deleted_at = ? WHERE id = ?", (now, contact))
    (workspace,) = db.execute("SELECT workspace FROM contact WHERE id = ?", (contact,)).fetchone()
    tombstones.bury(db, workspace, _nobodys(db, contact), second)


def _nobodys(db: sqlite3.Connection, contact: int) -> list[KeyHash]:
    """Exact hashes of a contact's addresses that no other contact has now."""
    return [
        unsigned(row[0])
        for row in db.execute(
            """
            SELECT DISTINCT exact FROM address a WHERE contact = ? AND NOT EXISTS (
              SELECT 1 FROM address o JOIN contact c ON c.id = o.contact
              WHERE o.exact = a.exact AND o.workspace = a.workspace AND o.contact <> a.contact
                AND o.ended_at IS NULL AND c.deleted_at IS NULL)
            """,
            (contact,),
        )
    ]
