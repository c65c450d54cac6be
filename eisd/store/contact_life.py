"""The life of a contact on record: deleted, restored, merged, given its past (M4, M9, M10)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from eisd.model.facts import KeyHash
from eisd.model.mail import Role
from eisd.store import tombstones
from eisd.store.sql import compact, now_ms, signed, unsigned

_STRENGTH = {role.value: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact on record. Times in milliseconds."""

    row: int
    workspace: str
    contact_id: str
    deleted_at: int | None


def find(db: sqlite3.Connection, contact_id: str, *, workspace: str | None = None) -> list[Contact]:
    """The contacts of that id, one a workspace; one that was merged is what it went into (M9)."""
    rows = db.execute(
        """
        WITH RECURSIVE way(id) AS (
          SELECT id FROM contact WHERE contact_id = ?1 AND (?2 IS NULL OR workspace = ?2)
          UNION SELECT c.merged_into FROM way JOIN contact c ON c.id = way.id
            WHERE c.merged_into IS NOT NULL)
        SELECT c.id, c.workspace, c.contact_id, c.deleted_at FROM way JOIN contact c USING (id)
        WHERE c.merged_into IS NULL ORDER BY c.workspace
        """,
        (contact_id, workspace),
    )
    return [Contact(*row) for row in rows]


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
    tombstones.bury(db, workspace_of(db, contact), nobodys(db, contact), second)


def workspace_of(db: sqlite3.Connection, contact: int) -> str:
    """The workspace a contact belongs to (Z1)."""
    row = db.execute("SELECT workspace FROM contact WHERE id = ?", (contact,)).fetchone()
    return str(row[0])


def nobodys(db: sqlite3.Connection, contact: int) -> list[KeyHash]:
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


def restore(db: sqlite3.Connection, contact: int) -> int:
    """Take a deletion back: the addresses that ended with it are open from now (M10).

    Returns how many.
    """
    now = now_ms()
    (deleted,) = db.execute("SELECT deleted_at FROM contact WHERE id = ?", (contact,)).fetchone()
    if deleted is None:
        return 0
    db.execute("UPDATE contact SET deleted_at = NULL WHERE id = ?", (contact,))
    opened = db.execute(
        """
        INSERT INTO address (contact, workspace, address, key, exact, relaxed, is_primary, added_at)
        SELECT contact, workspace, address, key, exact, relaxed, is_primary, ?1
        FROM address WHERE contact = ?2 AND ended_at = ?3 ORDER BY id
        """,
        (now - now % 1000, contact, deleted - deleted % 1000),
    ).rowcount
    workspace = workspace_of(db, contact)
    tombstones.lift(db, workspace, (unsigned(row[0]) for row in _exact(db, contact)))
    return opened


def _exact(db: sqlite3.Connection, contact: int) -> sqlite3.Cursor:
    return db.execute("SELECT DISTINCT exact FROM address WHERE contact = ?", (contact,))


def backfill(db: sqlite3.Connection, contact: int, since: int) -> None:
    """Let a contact's addresses count from ``since`` on, whenever they were added (M4).

    What was asked for earlier holds on; when an address ended holds, too.
    """
    db.execute(
        "UPDATE address SET match_from = min(coalesce(match_from, ?1), ?1) WHERE contact = ?2",
        (since, contact),
    )


def end_address(db: sqlite3.Connection, contact: int, key: str) -> bool:
    """End a contact's address now (M6); if it was primary, the oldest other one is from now (M5).

    False: the contact does not have it.
    """
    now = now_ms()
    second = now - now % 1000
    row = db.execute(
        "UPDATE address SET ended_at = ? WHERE contact = ? AND key = ? AND ended_at IS NULL"
        " RETURNING is_primary",
        (second, contact, key),
    ).fetchone()
    if row is None:
        return False
    if row[0]:
        db.execute(
            "UPDATE address SET is_primary = 1, primary_since = ?1 WHERE id ="
            " (SELECT min(id) FROM address WHERE contact = ?2 AND ended_at IS NULL)",
            (second, contact),
        )
    return True


# Merging


def merge(db: sqlite3.Connection, source: int, target: int) -> int:
    """Merge a contact into another of its workspace (M9); returns how many activities moved.

    Addresses go with their intervals, activities are re-pointed, doubles collapse, and the
    source's id answers with the target from now on.
    """
    now = now_ms()
    _take_addresses(db, source, target, now - now % 1000)
    moved = repoint(db, source, target)
    db.execute(
        """
        UPDATE contact SET (name, kind, company) = (
          SELECT iif(contact.name = '', o.name, contact.name),
            iif(contact.kind = '', o.kind, contact.kind),
            iif(contact.company = '', o.company, contact.company)
          FROM contact o WHERE o.id = ?1) WHERE id = ?2
        """,
        (source, target),
    )
    db.execute("UPDATE contact SET merged_into = ? WHERE merged_into = ?", (target, source))
    db.execute(
        "UPDATE contact SET deleted_at = coalesce(deleted_at, ?), merged_into = ? WHERE id = ?",
        (now, target, source),
    )
    return moved


def _take_addresses(db: sqlite3.Connection, source: int, target: int, now: int) -> None:
    """Move the intervals; of two open ones of one address the earlier stays. One is primary."""
    if _has_primary(db, target):
        db.execute(
            "INSERT INTO primacy (address, since, until) SELECT id, primary_since, ?1 FROM address"
            " WHERE contact = ?2 AND is_primary AND ended_at IS NULL",
            (now, source),
        )
        db.execute(
            "UPDATE address SET is_primary = 0, primary_since = NULL"
            " WHERE contact = ? AND ended_at IS NULL",
            (source,),
        )
    both = db.execute(
        "SELECT mine.id, theirs.id, mine.added_at, theirs.added_at, mine.match_from,"
        " theirs.match_from FROM address mine JOIN address theirs ON theirs.key = mine.key"
        " WHERE mine.contact = ? AND theirs.contact = ?"
        " AND mine.ended_at IS NULL AND theirs.ended_at IS NULL",
        (target, source),
    ).fetchall()
    for mine, theirs, added, other, match_from, other_from in both:
        earlier = None if None in (added, other) else min(added, other)
        asked = min(filter(lambda at: at is not None, (match_from, other_from)), default=None)
        db.execute(
            "UPDATE address SET added_at = ?, match_from = ? WHERE id = ?", (earlier, asked, mine)
        )
        db.execute("DELETE FROM address WHERE id = ?", (theirs,))
    db.execute("UPDATE address SET contact = ? WHERE contact = ?", (target, source))


def _has_primary(db: sqlite3.Connection, contact: int) -> bool:
    return bool(
        db.execute(
            "SELECT 1 FROM address WHERE contact = ? AND is_primary AND ended_at IS NULL",
            (contact,),
        ).fetchone()
    )


_THROUGH = """
  AND EXISTS (SELECT 1 FROM participant p WHERE p.message_id = {a}.message_id
    AND (p.exact = ?3 OR p.relaxed = ?4))
  AND NOT EXISTS (SELECT 1 FROM participant p JOIN address d ON d.exact = p.exact
    WHERE p.message_id = {a}.message_id AND d.contact = ?1)
"""


def repoint(
    db: sqlite3.Connection,
    source: int,
    target: int,
    through: tuple[KeyHash, KeyHash] | None = None,
) -> int:
    """Let activities of one contact be another's, and return how many those were.

    With ``through``, the hashes of an address that the source no longer has: only those that
    it has by no other address. Two for one message collapse: united roles, the earlier creation.
    """
    values: tuple[int, ...] = (source, target)
    if through is not None:
        values = (*values, signed(through[0]), signed(through[1]))
    for row in db.execute(
        f"""
        SELECT f.id, t.id, f.roles, t.roles, f.flags, t.flags FROM activity f
        JOIN activity t ON t.message_id = f.message_id AND t.contact = ?2
        WHERE f.contact = ?1 {_THROUGH.format(a="f") if through else ""}
        """,
        values,
    ).fetchall():
        _collapse(db, *row)
    return db.execute(
        "UPDATE activity SET contact = ?2,"
        " contact_id = (SELECT contact_id FROM contact WHERE id = ?2) WHERE contact = ?1"
        + (_THROUGH.format(a="activity") if through else ""),
        values,
    ).rowcount


def _collapse(
    db: sqlite3.Connection,
    gone: int,
    kept: int,
    gone_roles: str,
    kept_roles: str,
    gone_flags: str,
    kept_flags: str,
) -> None:
    roles = _united(gone_roles, kept_roles)
    db.execute(
        """
        UPDATE activity SET roles = ?3, flags = ?4, (created_at, via, delivery_status, read_at) = (
          SELECT min(o.created_at, activity.created_at),
            iif(o.via = 'exact', o.via, activity.via),
            coalesce(activity.delivery_status, o.delivery_status),
            coalesce(activity.read_at, o.read_at)
          FROM activity o WHERE o.id = ?1) WHERE id = ?2
        """,
        (
            gone,
            kept,
            compact(sorted(roles, key=lambda role: _STRENGTH.get(role, len(_STRENGTH)))),
            compact(sorted(_united(gone_flags, kept_flags))),
        ),
    )
    db.execute("DELETE FROM activity WHERE id = ?", (gone,))


def _united(*lists: str) -> Sequence[str]:
    return list(dict.fromkeys(word for listed in lists for word in json.loads(listed)))
