"""Contacts going in: the one way, whether from a file, a command or a watched source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from eisd import events
from eisd.logs import emit
from eisd.matcher.codec import unpack
from eisd.matcher.keys import Hasher, keys_of
from eisd.mime.addresses import LocalCase, address_key, relaxed_key
from eisd.model.facts import KeyHash
from eisd.store import contacts, copies
from eisd.store.contacts import AddressIn, ContactIn, Imported
from eisd.store.database import Tx
from eisd.sync.record import book_of
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, settle


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


def import_contacts(
    tx: Tx, rules: Rules, people: Sequence[ContactIn], *, replace: bool = False
) -> tuple[Imported, Settled]:
    """Record contacts; addresses that were known before now are given their past at once (M3).

    The past is found by the kept hashes, without asking any server; what it holds is fetched by
    the lane as everything else is.
    """
    book = book_of(tx)
    done = contacts.put(tx.db, people, replace=replace)
    if book.filter is not None:
        book.filter.add(
            value
            for person in people
            for address in person.addresses
            for value in (address.exact, address.relaxed)
        )
    began = monotonic()
    settled = rematch(tx, rules, done.with_past)
    if found := settled.pending + len(settled.activities):
        took = round((monotonic() - began) * 1000)
        tx.after.append(
            lambda: emit(
                events.MATCH_BACKFILL_COMPLETED,
                contacts=len(people),
                activities=found,
                duration_ms=took,
            )
        )
    return done, settled


def rematch(tx: Tx, rules: Rules, keys: Sequence[KeyHash]) -> Settled:
    """Decide again what matched nobody and holds one of these address hashes (U2)."""
    done = Settled()
    if keys:
        for id_key in copies.holding(tx.db, _holds(frozenset(keys))):
            settle(rules, book_of(tx), id_key, done=done)
    return done


def _holds(keys: frozenset[KeyHash]) -> Callable[[bytes], bool]:
    """Whether packed facts hold one of these hashes; as quick for a million as for one."""
    if len(keys) <= FEW:
        needles = [key.to_bytes(8, "big") for key in keys]
        return lambda facts: any(needle in facts for needle in needles)
    nobody = bytes(16)
    return lambda facts: not keys.isdisjoint(keys_of(unpack(nobody, 0, facts)))


FEW = 32
"""Up to so many, looking for bytes is quicker than reading the facts."""
