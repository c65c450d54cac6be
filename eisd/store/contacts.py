"""Contacts, the intervals of their addresses, and the filter that most mail stops at.

The filter holds the hashes of every address ever on record, as a sorted array of 8 bytes each
(some 10 MB at 1.3 million addresses, exact and relaxed keys both). It says "perhaps"; the rows
in the database decide.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from eisd.model.facts import AddressEntry, KeyHash
from eisd.store.sql import CHUNK, marks, now_ms, signed, unsigned

FRESH = 10_000
"""So many unsorted hashes, then they are sorted in."""


@dataclass(frozen=True, slots=True)
class AddressIn:
    """One address of an imported contact. Times in milliseconds; None: the file does not say."""

    address: str
    key: str
    exact: KeyHash
    relaxed: KeyHash
    primary: bool
    added_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class ContactIn:
    """One contact as a file or a call gives it."""

    workspace: str
    contact_id: str
    name: str
    kind: str
    company: str
    addresses: tuple[AddressIn, ...]


@dataclass(slots=True)
class Imported:
    """What an import did. ``known`` are hashes that the book did not hold before."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    addresses_added: int = 0
    addresses_ended: int = 0
    with_past: list[KeyHash] = field(default_factory=list)
    """Hashes of new addresses that were known before now: the past may concern them (M3)."""


class Filter:
    """Whether an address hash may be a contact's. Made and used in the writer thread."""

    def __init__(self, hashes: Iterable[KeyHash]) -> None:
        self._sorted = array("Q", sorted(set(hashes)))
        self._fresh: set[KeyHash] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._fresh)

    def add(self, hashes: Iterable[KeyHash]) -> None:
        """Add hashes; a large number of fresh ones is sorted in."""
        self._fresh.update(hashes)
        if len(self._fresh) > FRESH:
            self._sorted = array("Q", sorted(self._fresh.union(self._sorted)))
            self._fresh = set()

    def any(self, hashes: Iterable[KeyHash]) -> bool:
        """Whether one of the hashes may be a contact's."""
        ordered, fresh, size = self._sorted, self._fresh, len(self._sorted)
        for value in hashes:
            at = bisect_left(ordered, value)
            if at < size and ordered[at] == value:
                return True
            if value in fresh:
                return True
        return False


def load_filter(db: sqlite3.Connection) -> Filter:
    """The filter over every address on record."""
    return Filter(
        unsigned(value) for row in db.execute("SELECT exact, relaxed FROM address") for value in row
    )


def entries(
    db: sqlite3.Connection, workspace: str, keys: Collection[KeyHash]
) -> dict[KeyHash, list[AddressEntry]]:
    """Every interval whose exact or relaxed hash is among ``keys``, under both its hashes."""
    found: dict[KeyHash, dict[int, AddressEntry]] = {}
    values = [signed(key) for key in keys]
    for at in range(0, len(values), CHUNK // 2):
        chunk = values[at : at + CHUNK // 2]
        places = marks(len(chunk))
        for row in db.execute(
            f"""
            SELECT a.id, a.contact, a.exact, a.relaxed, a.is_primary, a.added_at, a.ended_at,
              a.created, a.match_from
            FROM address a JOIN contact c ON c.id = a.contact
            WHERE a.workspace = ? AND c.deleted_at IS NULL
              AND (a.exact IN ({places}) OR a.relaxed IN ({places}))
            ORDER BY a.contact, a.id
            """,
            (workspace, *chunk, *chunk),
        ):
            row_id, contact, exact, relaxed, primary, added, ended, created, match_from = row
            entry = AddressEntry(
                contact,
                unsigned(exact),
                unsigned(relaxed),
                bool(primary),
                added,
                ended,
                bool(created),
                match_from,
            )
            found.setdefault(entry.exact, {})[row_id] = entry
            found.setdefault(entry.relaxed, {})[row_id] = entry
    return {key: list(rows.values()) for key, rows in found.items()}


def put(db: sqlite3.Connection, people: Sequence[ContactIn], *, replace: bool) -> Imported:
    """Import contacts: new ones are added, known ones updated, a missing address ends.

    With ``replace``, contacts of the imported workspaces that are missing are removed.
    """
    done = Imported()
    now = now_ms()
    second = now - now % 1000
    workspaces = sorted({person.workspace for person in people})
    empty = {
        workspace
        for workspace in workspaces
        if db.execute("SELECT 1 FROM contact WHERE workspace = ? LIMIT 1", (workspace,)).fetchone()
        is None
    }
    for person in people:
        known_since = None if person.workspace in empty else second
        _put_one(db, person, known_since, second, done)
    if replace:
        kept = {(person.workspace, person.contact_id) for person in people}
        for workspace in workspaces:
            for row_id, contact_id in db.execute(
                "SELECT id, contact_id FROM contact WHERE workspace = ? AND deleted_at IS NULL",
                (workspace,),
            ).fetchall():
                if (workspace, contact_id) not in kept:
                    remove(db, row_id)
                    done.removed += 1
    return done


def _put_one(
    db: sqlite3.Connection,
    person: ContactIn,
    known_since: int | None,
    now: int,
    done: Imported,
) -> None:
    row = db.execute(
        "SELECT id, name, kind, company, deleted_at FROM contact"
        " WHERE workspace = ? AND contact_id = ?",
        (person.workspace, person.contact_id),
    ).fetchone()
    if row is None:
        (contact,) = db.execute(
            "INSERT INTO contact (workspace, contact_id, name, kind, company, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (person.workspace, person.contact_id, person.name, person.kind, person.company, now),
        ).fetchone()
        done.added += 1
        _put_addresses(db, contact, person, known_since, now, done)
        return
    contact = row[0]
    changed = row[1:] != (person.name, person.kind, person.company, None)
    if changed:
        db.execute(
            "UPDATE contact SET name = ?, kind = ?, company = ?, deleted_at = NULL WHERE id = ?",
            (person.name, person.kind, person.company, contact),
        )
    before = (done.addresses_added, done.addresses_ended)
    touched = _put_addresses(db, contact, person, known_since, now, done)
    if changed or touched or before != (done.addresses_added, done.addresses_ended):
        done.updated += 1
    else:
        done.unchanged += 1


def _put_addresses(
    db: sqlite3.Connection,
    contact: int,
    person: ContactIn,
    known_since: int | None,
    now: int,
    done: Imported,
) -> bool:
    """Bring a contact's intervals up to what is given; True when a known one changed."""
    open_rows = {
        key: (row_id, bool(primary), added)
        for row_id, key, primary, added in db.execute(
            "SELECT id, key, is_primary, added_at FROM address"
            " WHERE contact = ? AND ended_at IS NULL",
            (contact,),
        )
    }
    touched = False
    given = set()
    for address in person.addresses:
        given.add(address.key)
        known = open_rows.get(address.key)
        if known is None:
            _add_interval(db, contact, person.workspace, address, known_since, now, done)
            continue
        row_id, primary, added = known
        wanted = added if address.added_at is None else address.added_at
        if (primary, added) != (address.primary, wanted) or address.ended_at is not None:
            touched = True
            if added is not None and (wanted or 0) < added:
                done.with_past += {address.exact, address.relaxed}
            db.execute(
                "UPDATE address SET is_primary = ?, added_at = ?, ended_at = ? WHERE id = ?",
                (address.primary, wanted, address.ended_at, row_id),
            )
    for key, (row_id, _, _) in open_rows.items():
        if key not in given:
            db.execute("UPDATE address SET ended_at = ? WHERE id = ?", (now, row_id))
            done.addresses_ended += 1
    return touched


def _add_interval(
    db: sqlite3.Connection,
    contact: int,
    workspace: str,
    address: AddressIn,
    known_since: int | None,
    now: int,
    done: Imported,
) -> None:
    added = known_since if address.added_at is None else address.added_at
    if (
        address.ended_at is not None
        and db.execute(
            "SELECT 1 FROM address WHERE contact = ? AND key = ? AND ended_at = ?",
            (contact, address.key, address.ended_at),
        ).fetchone()
    ):
        return  # this closed interval is on record already
    db.execute(
        "INSERT INTO address (contact, workspace, address, key, exact, relaxed, is_primary,"
        " added_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            contact,
            workspace,
            address.address,
            address.key,
            signed(address.exact),
            signed(address.relaxed),
            address.primary,
            added,
            address.ended_at,
        ),
    )
    done.addresses_added += 1
    if added is None or added < now:
        done.with_past += {address.exact, address.relaxed}


def remove(db: sqlite3.Connection, contact: int) -> None:
    """Delete a contact: its addresses end now, its activities stay (M10)."""
    now = now_ms()
    db.execute(
        "UPDATE address SET ended_at = ? WHERE contact = ? AND ended_at IS NULL",
        (now - now % 1000, contact),
    )
    db.execute("UPDATE contact SET deleted_at = ? WHERE id = ?", (now, contact))


def _addresses(db: sqlite3.Connection, contact: int) -> list[dict[str, object]]:
    rows = db.execute(
        """
        SELECT address, is_primary,
          strftime('%Y-%m-%dT%H:%M:%fZ', added_at / 1000.0, 'unixepoch'),
          strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000.0, 'unixepoch')
        FROM address WHERE contact = ? ORDER BY ended_at IS NOT NULL, is_primary DESC, id
        """,
        (contact,),
    )
    return [
        {"address": address, "primary": bool(primary), "added_at": added, "ended_at": ended}
        for address, primary, added, ended in rows
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
        "SELECT id, workspace, contact_id, name, kind, company FROM contact"
        " WHERE deleted_at IS NULL AND (?1 IS NULL OR workspace = ?1) AND id > ?2"
        " ORDER BY id LIMIT ?3",
        (workspace, after, size),
    ).fetchall()
    found = [
        {
            "id": contact_id,
            "name": name,
            "workspace": space,
            "kind": kind,
            "company": company,
            "addresses": _addresses(db, row_id),
        }
        for row_id, space, contact_id, name, kind, company in rows
    ]
    return found, rows[-1][0] if rows and len(rows) == size else None


def show(
    db: sqlite3.Connection, contact_id: str, *, workspace: str | None = None
) -> list[dict[str, object]]:
    """The contacts of that id (one a workspace), each with its summary."""
    cursor = db.execute(
        "SELECT * FROM contact_summary WHERE contact_id = ?1"
        " AND (?2 IS NULL OR workspace = ?2) ORDER BY workspace",
        (contact_id, workspace),
    )
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for summary in found:
        row = db.execute(
            "SELECT id, kind, company FROM contact WHERE workspace = ? AND contact_id = ?",
            (summary["workspace"], contact_id),
        ).fetchone()
        summary |= {"kind": row[1], "company": row[2], "addresses": _addresses(db, row[0])}
    return found
