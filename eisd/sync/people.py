"""What is done to contacts inside the writer's transaction, with its look at the past.

Each function takes a transaction and leaves a job on the past in it (U3). Once the transaction is
durable, whoever works the jobs off is to be told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from eisd.matcher.codec import NOTHING
from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase, address_key, relaxed_key
from eisd.model.contact import AddressIn, ContactIn
from eisd.model.facts import KeyHash
from eisd.store import contact_import, contact_life, contact_move, contact_purge
from eisd.store import rekey as rekeying
from eisd.store.contact_import import Imported, Run
from eisd.store.contact_purge import Purged
from eisd.store.database import Tx
from eisd.sync.record import BOOK
from eisd.sync.retro import changed
from eisd.sync.rules import Rules


def address_in(
    hasher: Hasher,
    address: str,
    local_case: LocalCase,
    *,
    primary: bool = True,
    added_at: int | None = None,
    ended_at: int | None = None,
) -> AddressIn:
    """An address with the keys that mail is compared by. Times in milliseconds."""
    key = address_key(address, local_case=local_case)
    relaxed, exact = relaxed_key(key), hasher.key(key)
    other = exact if relaxed == key else hasher.key(relaxed)
    return AddressIn(address, key, exact, other, primary, added_at, ended_at)


def rekey(tx: Tx, hasher: Hasher, local_case: LocalCase) -> None:
    """Have contacts and messages found by the hashes that mail is found by from now on.

    They are others when the index key was lost (U1), or `normalize.local_case` has changed.
    """
    mark = f"{hasher.key('mark'):016x}"
    if rekeying.changed(tx.db, "address_keys", f"{mark} {local_case}"):
        rekeying.contacts(tx.db, lambda given: address_in(hasher, given, local_case))
        tx.cache.pop(BOOK, None)
    if rekeying.changed(tx.db, "message_keys", mark):

        def hashes(address: str) -> Sequence[KeyHash]:
            key = address_key(address, local_case=local_case)
            return hasher.address(key, relaxed_key(key))

        rekeying.messages(tx.db, hasher.identity, hashes, NOTHING)


def put(tx: Tx, rules: Rules, people: Collection[ContactIn], run: Run, done: Imported) -> None:
    """Record a part of an import (M3 to M7)."""
    contact_import.put(tx.db, list(people), run, done)
    _after(tx, rules, people, done, "import")


def add(tx: Tx, rules: Rules, person: ContactIn) -> Imported:
    """Add a contact, or addresses to one that is there; nothing of it ends.

    A contact that was deleted is there again.
    """
    run, done = contact_import.begin(tx.db, [person.workspace]), Imported()
    contact_import.put(tx.db, [person], run, done, ending=False)
    contact_import.end(tx.db, run)
    _after(tx, rules, [person], done, "add")
    return done


def _after(tx: Tx, rules: Rules, people: Collection[ContactIn], done: Imported, why: str) -> None:
    """What follows from recorded and ended intervals: moves, contacts made before, the past."""
    if done.rows is not None:
        for contact in contact_move.adopt(tx.db, done.rows):
            done.keys |= contact_life.hashes(tx.db, contact)
    _move(tx, rules, done)
    changed(
        tx,
        why,
        addresses=done.rows,
        keys=done.keys,
        fresh=[
            value
            for person in people
            for address in person.addresses
            for value in (address.exact, address.relaxed)
        ],
    )


def _move(tx: Tx, rules: Rules, done: Imported) -> None:
    """With match.reassign = move, an address takes its activities along (M7)."""
    if rules.policy.reassign == "move":
        for one in contact_move.moves(tx.db, done.rows, done.ended):
            contact_move.move(tx.db, one)
            done.keys |= {one.exact, one.relaxed}


def end_address(tx: Tx, rules: Rules, contact: int, key: str, hashes: AddressIn) -> bool:
    """End one address of a contact (M6); False: it does not have it."""
    if not contact_life.end_address(tx.db, contact, key):
        return False
    done = Imported(ended=[(contact, hashes.exact)], keys={hashes.exact, hashes.relaxed})
    _move(tx, rules, done)
    changed(tx, "end", keys=done.keys)
    return True


def remove(tx: Tx, contact: int) -> None:
    """Delete a contact; its activities stay (M10)."""
    contact_life.remove(tx.db, contact)
    _look_again(tx, "remove", contact)


def restore(tx: Tx, contact: int) -> int:
    """Take a deletion back; returns how many addresses are open again (M10)."""
    opened = contact_life.restore(tx.db, contact)
    _look_again(tx, "restore", contact)
    return opened


def merge(tx: Tx, source: int, target: int) -> int:
    """Merge a contact into another; returns how many activities moved (M9)."""
    moved = contact_life.merge(tx.db, source, target)
    _look_again(tx, "merge", target)
    return moved


def purge(tx: Tx, contact: int) -> Purged:
    """Erase a contact and all that is readable of it (M10)."""
    done = contact_purge.purge(tx.db, contact)
    changed(tx, "purge", keys=done.keys)
    return done


def backfill(tx: Tx, contact: int, since: int) -> None:
    """Give a contact its past from ``since`` on, as far as it was ever listed (M4)."""
    contact_life.backfill(tx.db, contact, since)
    _look_again(tx, "backfill", contact)


def _look_again(tx: Tx, why: str, contact: int) -> None:
    keys: set[KeyHash] = contact_life.hashes(tx.db, contact)
    changed(tx, why, keys=keys)
