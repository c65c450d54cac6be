"""Contacts going in: the one way, whether from a file, a command or a watched source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase
from eisd.model.contact import AddressIn, ContactIn, ContactRow
from eisd.store import contact_diff, contact_import
from eisd.store.contact_import import Imported
from eisd.store.database import Database, Tx
from eisd.sync import people
from eisd.sync.rules import Rules

PART = 10_000
"""So many contacts are compared, and written if they differ, at a time: a third of a second. Each
part of a large import touches much of the indexes, so that smaller ones cost more in all."""
REMOVED = 500
"""So many contacts are removed at a time."""


@dataclass(frozen=True, slots=True)
class Given:
    """The contacts of a source, part by part: a million of them need not be in memory at once."""

    workspaces: frozenset[str]
    parts: Callable[[], Iterator[Sequence[ContactIn]]]
    """From the beginning each time it is asked. Each contact comes once. May block."""
    has: Callable[[str, str], bool]
    """Whether the source has the contact of that workspace and id."""

    @classmethod
    def of(cls, people: Sequence[ContactIn]) -> Given:
        """Contacts that are at hand."""
        known = {(one.workspace, one.contact_id) for one in people}
        return cls(
            frozenset(workspace for workspace, _ in known),
            lambda: (people[at : at + PART] for at in range(0, len(people), PART)),
            lambda workspace, contact_id: (workspace, contact_id) in known,
        )


def hashed(hasher: Hasher, rows: Iterable[ContactRow], local_case: LocalCase) -> list[ContactIn]:
    """The rows with the keys that mail is compared by. Pure; 10 microseconds a row."""
    return [
        ContactIn(
            row.workspace,
            row.contact_id,
            row.name,
            row.kind,
            row.company,
            tuple(
                people.address_in(
                    hasher,
                    one.address,
                    local_case,
                    primary=one.primary,
                    added_at=one.added_at,
                    ended_at=one.ended_at,
                )
                for one in row.addresses
            ),
        )
        for row in rows
    ]


def folded(given: Given, redirects: Mapping[tuple[str, str], str]) -> Given:
    """The contacts, those that were merged counted with the ones they went into (M9).

    One whose target the source does not have stands for itself: it gives, and takes nothing.
    """
    sources = {
        key: (key[0], target)
        for key, target in redirects.items()
        if given.has(*key) and given.has(key[0], target)
    }
    if not sources:
        return given
    more: dict[tuple[str, str], list[AddressIn]] = {}
    for part in given.parts():
        for one in part:
            if target := sources.get((one.workspace, one.contact_id)):
                more.setdefault(target, []).extend(
                    each._replace(primary=False) for each in one.addresses
                )

    def parts() -> Iterator[Sequence[ContactIn]]:
        for part in given.parts():
            yield [
                _with(one, more.get((one.workspace, one.contact_id), ()))
                for one in part
                if (one.workspace, one.contact_id) not in sources
            ]

    return replace(given, parts=parts)


def _with(person: ContactIn, more: Sequence[AddressIn]) -> ContactIn:
    known = {one.key for one in person.addresses}
    new = {one.key: one for one in more if one.key not in known}
    return person._replace(addresses=(*person.addresses, *new.values())) if new else person


async def import_contacts(
    store: Database,
    rules: Rules,
    given: Given,
    on_part: Callable[[int], None] = lambda _done: None,
    *,
    replace: bool = False,
) -> Imported:
    """Import contacts part by part; only what differs from what is on record is written.

    ``on_part`` is told how many were looked at.

    Each part's history is looked for by jobs on the past; who works them off is to be told.
    """
    done = Imported()
    redirects = await store.read(contact_import.redirects)
    given = await asyncio.to_thread(folded, given, redirects)
    run = await store.write(lambda tx: contact_import.begin(tx.db, given.workspaces))
    parts, seen = given.parts(), 0
    writing: asyncio.Task[None] | None = None
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        differing = await store.read(lambda db, part=part: contact_diff.differing(db, part))  # type: ignore[misc]
        done.unchanged += len(part) - len(differing)
        seen += len(part)
        on_part(seen)
        if writing is not None:  # the next part is read while one is written
            await writing
            writing = None
        if differing:
            writing = asyncio.ensure_future(
                store.write(lambda tx, part=differing: people.put(tx, rules, part, run, done))  # type: ignore[misc]
            )
    if writing is not None:
        await writing
    if replace:
        gone = await store.read(lambda db: contact_import.missing(db, given.workspaces, given.has))
        for at in range(0, len(gone), REMOVED):
            await store.write(lambda tx, at=at: _remove(tx, gone[at : at + REMOVED], done))  # type: ignore[misc]
    await store.write(lambda tx: contact_import.end(tx.db, run))
    return done


def _remove(tx: Tx, contacts: Sequence[int], done: Imported) -> None:
    """Remove contacts that the source no longer has (``replace``)."""
    for contact in contacts:
        people.remove(tx, contact)
    done.removed += len(contacts)
