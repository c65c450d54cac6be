"""What is done to contacts inside the writer's transaction, with its look at the past."""

from __future__ import annotations

from eisd.matcher.keys import Hasher
from eisd.mime.addresses import LocalCase, address_key, relaxed_key
from eisd.model.contact import AddressIn
from eisd.store import contact_life
from eisd.store.contact_life import Created
from eisd.store.database import Tx
from eisd.sync.retro import changed


def address_in(
    hasher: Hasher, address: str, local_case: LocalCase, *, added_at: int | None = None
) -> AddressIn:
    """An address with the keys that mail is compared by; it is to be its contact's primary one."""
    key = address_key(address, local_case=local_case)
    keys = hasher.address(key, relaxed_key(key))
    return AddressIn(address, key, keys.exact, keys.relaxed, primary=True, added_at=added_at)


def create(tx: Tx, workspace: str, address: AddressIn, *, name: str, company: str = "") -> Created:
    """Make a contact of an address, and have what was seen before looked at (C3).

    ``address.added_at`` is the earliest receive time of the messages that asked for it. Whoever
    comes later gets the contact that is there; if his message is older, it is known from then on.
    When the result is ``earlier``, ring whoever works off the jobs on the past.
    """
    made = contact_life.create(tx.db, workspace, address, name=name, company=company)
    if made.earlier:
        changed(
            tx,
            "create",
            addresses=(made.address, made.address),
            fresh=(address.exact, address.relaxed),
        )
    return made
