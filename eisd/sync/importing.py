"""Contacts going in: the one way, whether from a file, a command or a watched source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase
from eisd.model.contact import AddressIn, ContactIn
from eisd.store import contact_diff, contact_import
from eisd.store.contact_import import Imported
from eisd.store.database import Database, Tx
from eisd.sync import people
from eisd.sync.rules import Rules

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
        return people.address_in(
            hasher,
            row.address,
            local_case,
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


def folded(
    given: Sequence[ContactIn], redirects: Mapping[tuple[str, str], str]
) -> Sequence[ContactIn]:
    """The contacts, those that were merged counted with the ones they went into (M9).

    One whose target the source does not have stands for itself: it gives, and takes nothing.
    """
    targets = {
        (one.workspace, redirects[one.workspace, one.contact_id])
        for one in given
        if (one.workspace, one.contact_id) in redirects
    }
    if not targets:
        return given
    there = {(one.workspace, one.contact_id) for one in given} & targets
    more: dict[tuple[str, str], list[AddressIn]] = {}
    rest = []
    for one in given:
        target = redirects.get((one.workspace, one.contact_id))
        if target is None or (one.workspace, target) not in there:
            rest.append(one)
        else:
            more.setdefault((one.workspace, target), []).extend(
                dataclasses.replace(each, primary=False) for each in one.addresses
            )
    return [_with(one, more.get((one.workspace, one.contact_id), ())) for one in rest]


def _with(person: ContactIn, more: Sequence[AddressIn]) -> ContactIn:
    known = {one.key for one in person.addresses}
    new = {one.key: one for one in more if one.key not in known}
    return (
        dataclasses.replace(person, addresses=(*person.addresses, *new.values())) if new else person
    )


async def import_contacts(
    store: Database, rules: Rules, given: Sequence[ContactIn], *, replace: bool = False
) -> Imported:
    """Import contacts part by part; only what differs from what is on record is written.

    Each part's history is looked for by jobs on the past; who works them off is to be told.
    """
    done = Imported()
    given = folded(given, await store.read(contact_import.redirects))
    workspaces = {one.workspace for one in given}
    run = await store.write(lambda tx: contact_import.begin(tx.db, workspaces))
    for at in range(0, len(given), PART):
        part = given[at : at + PART]
        differing = await store.read(lambda db, part=part: contact_diff.differing(db, part))  # type: ignore[misc]
        done.unchanged += len(part) - len(differing)
        if differing:
            await store.write(lambda tx, part=differing: people.put(tx, rules, part, run, done))  # type: ignore[misc]
    if replace:
        kept = {(one.workspace, one.contact_id) for one in given}
        gone = await store.read(lambda db: contact_import.missing(db, workspaces, kept))
        for at in range(0, len(gone), PART):
            await store.write(lambda tx, at=at: _remove(tx, gone[at : at + PART], done))  # type: ignore[misc]
    await store.write(lambda tx: contact_import.end(tx.db, run))
    return done


def _remove(tx: Tx, contacts: Sequence[int], done: Imported) -> None:
    """Remove contacts that the source no longer has (``replace``)."""
    for contact in contacts:
        people.remove(tx, contact)
    done.removed += len(contacts)
