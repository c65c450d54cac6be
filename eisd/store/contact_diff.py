"""What an import would change, found out by reading alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from eisd.model.contact import AddressIn, ContactIn


@dataclass(slots=True)
class _Known:
    """A contact as it is on record."""

    name: str
    kind: str
    company: str
    deleted: bool
    merged: bool
    auto: bool
    current: dict[str, tuple[str, bool, int | None]] = field(default_factory=dict)
    """Open intervals by key: address, primary, added at."""
    closed: set[tuple[str, int]] = field(default_factory=set)
    """Key and end of those that are over."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an import would do to one contact, in words."""

    what: str
    """added, updated or removed."""
    workspace: str
    contact_id: str
    lines: tuple[str, ...]
    new: tuple[AddressIn, ...] = ()
    ended: int = 0
    """How many addresses would end."""


def differing(db: sqlite3.Connection, people: Sequence[ContactIn]) -> list[ContactIn]:
    """Those of these contacts that are not on record as they are given."""
    known = _known(db, people)
    return [
        one
        for one in people
        if next(_lines(one, known.get((one.workspace, one.contact_id))), None) is not None
    ]


def changes(db: sqlite3.Connection, people: Sequence[ContactIn]) -> list[Change]:
    """What importing these contacts would do; those that would stay as they are left out."""
    known = _known(db, people)
    found = []
    for one in people:
        before = known.get((one.workspace, one.contact_id))
        lines = tuple(_lines(one, before))
        if lines:
            current = {} if before is None else before.current
            new = tuple(each for each in one.addresses if each.key not in current)
            ended = sum(line.startswith("- ") for line in lines)
            what = "added" if before is None else "updated"
            found.append(Change(what, one.workspace, one.contact_id, lines, new, ended))
    return found


def removals(db: sqlite3.Connection, rows: Sequence[int]) -> list[Change]:
    """What deleting contacts, by their row ids, would do."""
    return [
        Change("removed", workspace, contact_id, (f"name: {name}" if name else "without a name",))
        for workspace, contact_id, name in db.execute(
            "SELECT c.workspace, c.contact_id, c.name FROM json_each(?) j"
            " JOIN contact c ON c.id = j.value",
            (json.dumps(rows),),
        )
    ]


def _known(db: sqlite3.Connection, people: Sequence[ContactIn]) -> dict[tuple[str, str], _Known]:
    wanted = json.dumps([(one.workspace, one.contact_id) for one in people])
    found: dict[tuple[str, str], _Known] = {}
    for space, contact_id, name, kind, company, there, merged, auto, *interval in db.execute(
        """
        SELECT c.workspace, c.contact_id, c.name, c.kind, c.company, c.deleted_at IS NULL,
          c.merged_into IS NOT NULL, c.created_by = 'auto',
          a.address, a.key, a.is_primary, a.added_at, a.ended_at
        FROM json_each(?) j JOIN contact c
          ON c.workspace = j.value->>0 AND c.contact_id = j.value->>1
        LEFT JOIN address a ON a.contact = coalesce(c.merged_into, c.id)
        """,
        (wanted,),
    ):
        known = found.get((space, contact_id))
        if known is None:
            known = found[space, contact_id] = _Known(
                name, kind, company, not there, bool(merged), bool(auto)
            )
        address, key, primary, added, ended = interval
        if key is not None and ended is None:
            known.current[key] = (address, bool(primary), added)
        elif key is not None:
            known.closed.add((key, ended))
    return found


def _lines(person: ContactIn, known: _Known | None) -> Iterator[str]:
    """What would change about a contact, a line each; an address's begins with + or -."""
    if known is None:
        yield f"name: {person.name}" if person.name else "without a name"
        for address in person.addresses:
            yield f"+ {address.address}{' (primary)' if address.primary else ''}"
        return
    if not known.merged:
        yield from _fields(person, known)
    given = set()
    for address in person.addresses:
        given.add(address.key)
        yield from _address(address, known)
    if not known.merged:
        for key, (text, _, _) in known.current.items():
            if key not in given:
                yield f"- {text}"


def _fields(person: ContactIn, known: _Known) -> Iterator[str]:
    if known.deleted:
        yield "restored"
    if known.auto:
        yield "eisd made it by itself, the source has it now"
    for word in ("name", "kind", "company"):
        before, after = getattr(known, word), getattr(person, word)
        if before != after:
            yield f"{word}: {before or '(none)'} -> {after or '(none)'}"


def _address(given: AddressIn, known: _Known) -> Iterator[str]:
    current = known.current.get(given.key)
    if current is None:
        if given.ended_at is None or (given.key, given.ended_at) not in known.closed:
            yield f"+ {given.address}"
        return
    _, primary, added = current
    if given.ended_at is not None:
        yield f"- {given.address}"
    elif primary is not given.primary and not known.merged:
        yield f"{'primary now' if given.primary else 'no longer primary'}: {given.address}"
    elif given.added_at is not None and given.added_at != added:
        yield f"another beginning: {given.address}"
