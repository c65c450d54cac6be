"""Contacts and the intervals of their addresses, as they are read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from eisd.model.facts import AddressEntry, KeyHash
from eisd.store.sql import CHUNK, chunks, signed, unsigned

CHANGES = (
    # A contact that was merged answers with the one it went into (M9).
    "ALTER TABLE contact ADD COLUMN merged_into INTEGER REFERENCES contact(id)",
    "CREATE INDEX contact_merged ON contact(merged_into) WHERE merged_into IS NOT NULL",
    # Since when the primary address is it; NULL: as long as the interval. What is over stands in
    # `primacy` (M5).
    "ALTER TABLE address ADD COLUMN primary_since INTEGER",
    """
    CREATE TABLE primacy (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      address INTEGER NOT NULL REFERENCES address(id) ON DELETE CASCADE,
      since INTEGER,
      until INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX primacy_address ON primacy(address)",
    # Whoever loses the race for making a contact of an address uses the winner's (C3).
    "CREATE UNIQUE INDEX address_created ON address(workspace, exact) WHERE created",
)


def entries(
    db: sqlite3.Connection, workspace: str, keys: Collection[KeyHash]
) -> dict[KeyHash, list[AddressEntry]]:
    """Every interval whose exact or relaxed hash is among ``keys``, under both its hashes."""
    found: dict[KeyHash, dict[int, AddressEntry]] = {}
    for places, chunk in chunks([signed(key) for key in keys], CHUNK // 2):
        for row in db.execute(
            f"""
            SELECT a.id, a.contact, a.exact, a.relaxed, a.is_primary, a.added_at, a.ended_at,
              a.created, a.match_from, a.primary_since,
              (SELECT json_group_array(json_array(since, until)) FROM primacy
                WHERE address = a.id)
            FROM address a JOIN contact c ON c.id = a.contact
            WHERE a.workspace = ? AND c.deleted_at IS NULL
              AND (a.exact IN ({places}) OR a.relaxed IN ({places}))
            ORDER BY a.contact, a.id
            """,
            (workspace, *chunk, *chunk),
        ):
            entry = _entry(*row[1:])
            found.setdefault(entry.exact, {})[row[0]] = entry
            found.setdefault(entry.relaxed, {})[row[0]] = entry
    return {key: list(rows.values()) for key, rows in found.items()}


def _entry(
    contact: int,
    exact: int,
    relaxed: int,
    primary: int,
    added: int | None,
    ended: int | None,
    created: int,
    match_from: int | None,
    since: int | None,
    before: str,
) -> AddressEntry:
    times = [] if before == "[]" else [(begin, end) for begin, end in json.loads(before)]
    if primary and (times or since is not None):
        times.append((since, None))
    return AddressEntry(
        contact,
        unsigned(exact),
        unsigned(relaxed),
        bool(primary),
        added,
        ended,
        bool(created),
        match_from,
        tuple(times),
    )


_ADDRESSES = """
  (SELECT json_group_array(json_array(address, is_primary,
      strftime('%Y-%m-%dT%H:%M:%fZ', added_at / 1000.0, 'unixepoch'),
      strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch'),
      strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT bounced_at FROM bounce b
        WHERE b.exact = one.exact) / 1000.0, 'unixepoch')))
    FROM (SELECT * FROM address WHERE contact = c.id
      ORDER BY ended_at IS NOT NULL, is_primary DESC, id) one)
"""


def _addresses(listed: str) -> list[dict[str, object]]:
    return [
        {"address": address, "primary": bool(primary), "added_at": added, "ended_at": ended}
        | ({"bouncing_since": bounced} if bounced else {})
        for address, primary, added, ended, bounced in json.loads(listed)
    ]


def listing(
    db: sqlite3.Connection,
    *,
    workspace: str | None = None,
    after: int = 0,
    limit: int | None = None,
) -> tuple[list[dict[str, object]], int | None]:
    """Contacts with their addresses in the order of their creation, and where the next page begins.

    ``after`` is what the page before gave; None: there is no next one.
    """
    size = -1 if limit is None else limit
    rows = db.execute(
        f"SELECT c.id, c.workspace, c.contact_id, c.name, c.kind, c.company, {_ADDRESSES}"
        " FROM contact c WHERE c.deleted_at IS NULL AND (?1 IS NULL OR c.workspace = ?1)"
        " AND c.id > ?2 ORDER BY c.id LIMIT ?3",
        (workspace, after, size),
    ).fetchall()
    found = [
        {
            "id": contact_id,
            "name": name,
            "workspace": space,
            "kind": kind,
            "company": company,
            "addresses": _addresses(listed),
        }
        for _, space, contact_id, name, kind, company, listed in rows
    ]
    return found, rows[-1][0] if rows and len(rows) == size else None


def show(db: sqlite3.Connection, rows: Sequence[int]) -> list[dict[str, object]]:
    """Contacts by their row ids, each with its summary."""
    found = []
    for row in rows:
        cursor = db.execute(
            f"SELECT s.*, c.kind, c.company, {_ADDRESSES} AS addresses FROM contact c"
            " JOIN contact_summary s ON s.workspace = c.workspace AND s.contact_id = c.contact_id"
            " WHERE c.id = ?",
            (row,),
        )
        names = [column[0] for column in cursor.description]
        for values in cursor:
            told = dict(zip(names, values, strict=True))
            found.append(told | {"addresses": _addresses(told["addresses"])})
    return found
