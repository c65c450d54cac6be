"""Contacts going in: the one way, whether from a file, a command or a watched source."""

from __future__ import annotations

from collections.abc import Sequence

from eisd.model.facts import KeyHash
from eisd.store import contacts, copies
from eisd.store.contacts import ContactIn, Imported
from eisd.store.database import Tx
from eisd.sync.record import book_of
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, settle


def import_contacts(
    tx: Tx, rules: Rules, people: Sequence[ContactIn], *, replace: bool = False
) -> tuple[Imported, Settled]:
    """Record contacts; addresses that are always known are given their past at once (M3).

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
    return done, rematch(tx, rules, done.always_known)


def rematch(tx: Tx, rules: Rules, keys: Sequence[KeyHash]) -> Settled:
    """Decide again what matched nobody and holds one of these address hashes (U2)."""
    done = Settled()
    needles = [key.to_bytes(8, "big") for key in set(keys)]
    for id_key in copies.holding(tx.db, needles):
        settle(rules, book_of(tx), id_key, done=done)
    return done
