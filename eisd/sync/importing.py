"""Contacts going in: the one way, whether from a file, a command or a watched source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase, address_key, relaxed_key
from eisd.model.contact import AddressIn, ContactIn
from eisd.store import contact_diff, contact_import, contact_life
from eisd.store.contact_import import Imported, Run
from eisd.store.database import Database, Tx
from eisd.sync.retro import changed

PART = 2_000
"""So many contacts are compared, and written if they differ, at a time."""


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One address as a file gives it. Times in milliseconds; None: the file does not say."""

    address: str
    primary: bool
    added_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact as a file gives it, checked: every address holds exactly one usable "@"."""

    workspace: str
    contact_id: str
    name: str
    kind: str
    company: str
    addresses: tuple[AddressRow, ...]


def hashed(hasher: Hasher, rows: Iterable[ContactRow], local_case: LocalCase) -> list[ContactIn]:
    """The rows with the keys that mail is compared by. Pure; a second for some 50,000 rows."""

    def address(row: AddressRow) -> AddressIn:
        key = address_key(row.address, local_case=local_case)
        keys = hasher.address(key, relaxed_key(key))
        return AddressIn(
            address=row.address,
            key=key,
            exact=keys.exact,
            relaxed=keys.relaxed,
            primary=row.primary,
            added_at=row.added_at,
            ended_at=row.ended_at,
        )

    return [
        ContactIn(
            workspace=row.workspace,
            contact_id=row.contact_id,
            name=row.name,
            kind=row.kind,
            company=row.company,
            addresses=tuple(map(address, row.addresses)),
        )
        for row in rows
    ]


async def import_contacts(
    store: Database, people: Sequence[ContactIn], *, replace: bool = False
) -> Imported:
    """Import contacts part by part; only what differs from what is on record is written.

    Each part's history is looked for by jobs on the past; who works them off is to be told.
    """
    done = Imported()
    workspaces = {one.workspace for one in people}
    run = await store.write(lambda tx: contact_import.begin(tx.db, workspaces))
    for at in range(0, len(people), PART):
        part = people[at : at + PART]
        differing = await store.read(lambda db, part=part: contact_diff.differing(db, part))  # type: ignore[misc]
        done.unchanged += len(part) - len(differing)
        if differing:
            await store.write(lambda tx, part=differing: import_part(tx, part, run, done))  # type: ignore[misc]
    if replace:
        kept = {(one.workspace, one.contact_id) for one in people}
        gone = await store.read(lambda db: contact_import.missing(db, workspaces, kept))
        for at in range(0, len(gone), PART):
            await store.write(lambda tx, at=at: _remove(tx, gone[at : at + PART], done))  # type: ignore[misc]
    await store.write(lambda tx: contact_import.end(tx.db, run))
    return done


def import_part(tx: Tx, people: Sequence[ContactIn], run: Run, done: Imported) -> None:
    """Record a part of an import, and have the past of what changed looked at (M3, M4)."""
    contact_import.put(tx.db, people, run, done)
    changed(
        tx,
        "import",
        addresses=done.rows,
        keys=done.keys,
        fresh=[
            value
            for person in people
            for address in person.addresses
            for value in (address.exact, address.relaxed)
        ],
    )


def _remove(tx: Tx, contacts: Sequence[int], done: Imported) -> None:
    """Remove contacts that the source no longer has (``replace``)."""
    for contact in contacts:
        contact_life.remove(tx.db, contact)
        changed(tx, "remove", keys=contact_life.hashes(tx.db, contact))
    done.removed += len(contacts)
