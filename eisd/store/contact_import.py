"""Contacts going in: what an import changes, and nothing else.

An import is worked off in parts, each a transaction of its own, so that no other write waits long.
All parts go by one `Run`: one time, and one view of which workspaces were empty when it began.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from eisd.model.contact import AddressIn, ContactIn
from eisd.model.facts import KeyHash
from eisd.store import tombstones
from eisd.store.sql import now_ms, signed, unsigned

_FIRST = "first_import:"
"""Prefix of the notes that a workspace's first import has begun and did not end yet."""


@dataclass(frozen=True, slots=True)
class Run:
    """One import: its time (milliseconds, floored to the second), and where it is the first."""

    now: int
    first: frozenset[str]
    """Workspaces that were empty: what is imported into them was always known (M3)."""


@dataclass(slots=True)
class Imported:
    """What an import did."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    addresses_added: int = 0
    addresses_ended: int = 0
    rows: tuple[int, int] | None = None
    """First and last row id of the intervals that were recorded; of the last part."""
    keys: set[KeyHash] = field(default_factory=set)
    """Hashes of addresses on record about which something changed; of the last part."""
    ended: list[tuple[int, KeyHash]] = field(default_factory=list)
    """(contact, exact hash) of intervals that ended; of the last part."""

    def next_part(self) -> None:
        """Forget what is told of one part alone."""
        self.rows, self.keys, self.ended = None, set(), []


def begin(db: sqlite3.Connection, workspaces: Iterable[str]) -> Run:
    """Begin an import; one that was the first and did not end is still the first."""
    now = now_ms()
    first = empty(db, workspaces)
    db.executemany(
        "INSERT OR IGNORE INTO meta (key, value) VALUES (?, '')",
        [(_FIRST + workspace,) for workspace in sorted(first)],
    )
    return Run(now - now % 1000, first)


def empty(db: sqlite3.Connection, workspaces: Iterable[str]) -> frozenset[str]:
    """Those of these workspaces whose first import is still to come, or did not end.

    Contacts that eisd made are no import.
    """
    return frozenset(
        workspace
        for workspace in workspaces
        if db.execute("SELECT 1 FROM meta WHERE key = ?", (_FIRST + workspace,)).fetchone()
        or not db.execute(
            "SELECT 1 FROM contact WHERE workspace = ? AND created_by <> 'auto' LIMIT 1",
            (workspace,),
        ).fetchone()
    )


def end(db: sqlite3.Connection, run: Run) -> None:
    """Every part of an import is in: the next one is not the first."""
    db.executemany("DELETE FROM meta WHERE key = ?", [(_FIRST + name,) for name in run.first])


@dataclass(frozen=True, slots=True)
class _Known:
    """A contact on record."""

    id: int
    name: str
    kind: str
    company: str
    deleted: bool
    auto: bool
    """eisd made it, and no source has named it yet."""
    merged_into: int | None


def put(
    db: sqlite3.Connection,
    people: Sequence[ContactIn],
    run: Run,
    done: Imported,
    *,
    ending: bool = True,
) -> None:
    """Import a part: new contacts are added, known ones updated, a missing address ends.

    Unless ``ending``, what is not given stays as it is.
    """
    done.next_part()
    before = _last_address(db)
    known = _known(db, people)
    new = [one for one in people if (one.workspace, one.contact_id) not in known]
    _add(db, new, run, done)
    for one in people:
        row = known.get((one.workspace, one.contact_id))
        if row is not None:
            _update(db, row, one, run, done, ending=ending)
    after = _last_address(db)
    if after > before:
        done.rows = (before + 1, after)
    done.addresses_added += after - before
    for workspace in {one.workspace for one in people}:
        tombstones.lift(
            db,
            workspace,
            (
                address.exact
                for one in people
                if one.workspace == workspace
                for address in one.addresses
                if address.ended_at is None
            ),
        )


def _last_address(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'address'").fetchone()
    return row[0] if row else 0


def _known(db: sqlite3.Connection, people: Sequence[ContactIn]) -> dict[tuple[str, str], _Known]:
    wanted = json.dumps([(one.workspace, one.contact_id) for one in people])
    return {
        (workspace, contact_id): _Known(row, name, kind, company, bool(deleted), bool(auto), merged)
        for workspace, contact_id, row, name, kind, company, deleted, auto, merged in db.execute(
            "SELECT c.workspace, c.contact_id, c.id, c.name, c.kind, c.company,"
            " c.deleted_at IS NOT NULL, c.created_by = 'auto', c.merged_into"
            " FROM json_each(?) j JOIN contact c"
            " ON c.workspace = j.value->>0 AND c.contact_id = j.value->>1",
            (wanted,),
        )
    }


def _add(db: sqlite3.Connection, people: Sequence[ContactIn], run: Run, done: Imported) -> None:
    """Record contacts that are new: two statements, however many they are."""
    if not people:
        return
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'contact'").fetchone()
    first = (row[0] if row else 0) + 1
    contacts = [
        (first + at, one.workspace, one.contact_id, one.name, one.kind, one.company)
        for at, one in enumerate(people)
    ]
    db.execute(
        "INSERT INTO contact (id, workspace, contact_id, name, kind, company, created_at)"
        " SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, ?2"
        " FROM json_each(?1)",
        (json.dumps(contacts), run.now),
    )
    intervals = [
        _interval(first + at, one.workspace, address, run)
        for at, one in enumerate(people)
        for address in one.addresses
    ]
    _insert(db, intervals)
    done.added += len(people)


_Interval = tuple[int, str, str, str, int, int, bool, int | None, int | None]


def _interval(contact: int, workspace: str, address: AddressIn, run: Run) -> _Interval:
    """The row of an interval; an address that the source gives no time was added now (M3)."""
    added = address.added_at
    if added is None and workspace not in run.first:
        added = run.now
    return (
        contact,
        workspace,
        address.address,
        address.key,
        signed(address.exact),
        signed(address.relaxed),
        address.primary,
        added,
        address.ended_at,
    )


def _insert(db: sqlite3.Connection, intervals: Sequence[_Interval]) -> None:
    if intervals:
        db.execute(
            "INSERT INTO address (contact, workspace, address, key, exact, relaxed, is_primary,"
            " added_at, ended_at) SELECT value->>0, value->>1, value->>2, value->>3, value->>4,"
            " value->>5, value->>6, value->>7, value->>8 FROM json_each(?)",
            (json.dumps(intervals),),
        )


def _update(
    db: sqlite3.Connection,
    known: _Known,
    person: ContactIn,
    run: Run,
    done: Imported,
    *,
    ending: bool,
) -> None:
    """Bring a contact up to what is given. One that was merged gives what it has, and ends none."""
    contact, changed = known.id, False
    if known.merged_into is not None:
        contact, ending = merged_into(db, contact), False
    else:
        before: tuple[str, ...] = (known.name, known.kind, known.company)
        after: tuple[str, ...] = (person.name, person.kind, person.company)
        if not ending:
            after = tuple(new or old for new, old in zip(after, before, strict=True))
        changed = known.deleted or known.auto or before != after
        if changed:
            db.execute(
                "UPDATE contact SET name = ?, kind = ?, company = ?, deleted_at = NULL,"
                " created_by = 'import' WHERE id = ?",
                (*after, contact),
            )
    touched = put_addresses(db, contact, person, run, done, ending=ending)
    if changed or touched:
        done.updated += 1
    else:
        done.unchanged += 1


def redirects(db: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """For each contact that was merged, (workspace, id), the id of the one it went into (M9)."""
    return {
        (workspace, contact_id): target
        for workspace, contact_id, target in db.execute(
            "SELECT s.workspace, s.contact_id, t.contact_id FROM contact s"
            " JOIN contact t ON t.id = s.merged_into"
        )
    }


def merged_into(db: sqlite3.Connection, contact: int) -> int:
    """Follow a contact to the one it was merged into, in the end."""
    (target,) = db.execute(
        """
        WITH RECURSIVE way(id, next) AS (
          SELECT id, merged_into FROM contact WHERE id = ?
          UNION SELECT c.id, c.merged_into FROM way JOIN contact c ON c.id = way.next)
        SELECT id FROM way WHERE next IS NULL
        """,
        (contact,),
    ).fetchone()
    return target  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Open:
    """An interval that has not ended."""

    id: int
    primary: bool
    primary_since: int | None
    added_at: int | None
    hashes: tuple[KeyHash, KeyHash]


def put_addresses(
    db: sqlite3.Connection,
    contact: int,
    person: ContactIn,
    run: Run,
    done: Imported,
    *,
    ending: bool = True,
) -> bool:
    """Bring a contact's intervals up to what is given; True when that changed anything.

    Unless ``ending``, what is not given stays, and so does who is primary if there is one.
    """
    current = {
        key: _Open(row, bool(primary), since, added, (unsigned(exact), unsigned(relaxed)))
        for row, key, primary, since, added, exact, relaxed in db.execute(
            "SELECT id, key, is_primary, primary_since, added_at, exact, relaxed FROM address"
            " WHERE contact = ? AND ended_at IS NULL",
            (contact,),
        )
    }
    keep_primary = not ending and any(one.primary for one in current.values())
    touched = False
    given = set()
    for address in person.addresses:
        given.add(address.key)
        known = current.get(address.key)
        if known is None:
            touched |= _again(db, contact, person.workspace, address, run, keep_primary)
        else:
            touched |= _change(db, known, address, run, done, keep_primary=keep_primary)
    for key, one in current.items():
        if ending and key not in given:
            db.execute("UPDATE address SET ended_at = ? WHERE id = ?", (run.now, one.id))
            done.addresses_ended += 1
            done.keys.update(one.hashes)
            done.ended.append((contact, one.hashes[0]))
            touched = True
    return touched


def _again(
    db: sqlite3.Connection,
    contact: int,
    workspace: str,
    address: AddressIn,
    run: Run,
    keep_primary: bool,
) -> bool:
    """Record an interval of a contact that is known; a closed one only once."""
    if (
        address.ended_at is not None
        and db.execute(
            "SELECT 1 FROM address WHERE contact = ? AND key = ? AND ended_at = ?",
            (contact, address.key, address.ended_at),
        ).fetchone()
    ):
        return False
    row = list(_interval(contact, workspace, address, run))
    if keep_primary:
        row[6] = False
    _insert(db, [tuple(row)])  # type: ignore[list-item]
    return True


def _change(
    db: sqlite3.Connection,
    known: _Open,
    address: AddressIn,
    run: Run,
    done: Imported,
    *,
    keep_primary: bool,
) -> bool:
    """Change an interval that is open, if what is given differs."""
    primary = known.primary if keep_primary else address.primary
    added = known.added_at if address.added_at is None else address.added_at
    if (known.primary, known.added_at) == (primary, added) and address.ended_at is None:
        return False
    since = known.primary_since
    if known.primary != primary:
        since = run.now if primary else None
        if known.primary:
            db.execute(
                "INSERT INTO primacy (address, since, until) VALUES (?, ?, ?)",
                (known.id, known.primary_since, run.now),
            )
    db.execute(
        "UPDATE address SET is_primary = ?, primary_since = ?, added_at = ?, ended_at = ?"
        " WHERE id = ?",
        (primary, since, added, address.ended_at, known.id),
    )
    done.keys.update(known.hashes)
    return True


def missing(
    db: sqlite3.Connection, workspaces: Collection[str], has: Callable[[str, str], bool]
) -> list[int]:
    """Row ids of contacts of these workspaces that the source does not have (workspace, id)."""
    return [
        row
        for workspace in sorted(workspaces)
        for row, contact_id in db.execute(
            "SELECT id, contact_id FROM contact WHERE workspace = ? AND deleted_at IS NULL",
            (workspace,),
        )
        if not has(workspace, contact_id)
    ]
