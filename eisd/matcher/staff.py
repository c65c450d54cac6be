"""S, the staff set of a workspace: who is in it, and what follows for a message's direction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from eisd.matcher.keys import Hasher
from eisd.mime.addresses import (
    address_key,
    domain_of,
    is_freemail,
    registrable_domain,
    relaxed_key,
)
from eisd.model.activity import Direction
from eisd.model.facts import Facts, KeyHash, Participant, Staff

_OUTGOING: Final = Direction.OUTGOING
_INCOMING: Final = Direction.INCOMING


def staff_of(
    mailboxes: Iterable[str],
    *,
    hasher: Hasher,
    addresses: Iterable[str] = (),
    domains: Iterable[str] = (),
    scope: Literal["addresses", "mailbox_domains", "domains"] = "addresses",
    local_case: Literal["fold", "exact"] = "fold",
) -> Staff:
    """Build S of one workspace (S1).

    ``mailboxes`` are the addresses and aliases of every mailbox that ever fed it; ``addresses``
    and ``domains`` are those of `[internal]`. ``domains`` count with scope ``domains`` only, the
    mailboxes' registrable domains with ``mailbox_domains``. A free-mail domain never counts.
    """
    own = [address_key(address, local_case=local_case) for address in mailboxes]
    keys = {key for key in own if key}
    keys.update(filter(None, (address_key(text, local_case=local_case) for text in addresses)))
    return Staff(
        exact=frozenset(hasher.key(key) for key in keys),
        relaxed=frozenset(hasher.key(relaxed_key(key)) for key in keys),
        domains=frozenset(hasher.key(domain) for domain in _domains(own, domains, scope)),
    )


def _domains(own: Iterable[str], listed: Iterable[str], scope: str) -> set[str]:
    """Give the internal domains by scope, as A-labels, without the free-mail ones."""
    if scope == "domains":
        found = {domain_of(address_key(f"x@{domain.strip().lstrip('@')}")) for domain in listed}
    elif scope == "mailbox_domains":
        found = {registrable_domain(domain_of(key)) for key in own if key}
    else:
        return set()
    return {domain for domain in found if domain and not is_freemail(domain)}


def holds(staff: Staff, keys: tuple[KeyHash, KeyHash, KeyHash, KeyHash]) -> bool:
    """Say whether an address is in S: by exact key, by relaxed key, or by its domain.

    ``keys`` are in the order of `AddressKeys`.
    """
    exact, relaxed, domain, registrable = keys
    return (
        exact in staff.exact
        or relaxed in staff.relaxed
        or domain in staff.domains
        or registrable in staff.domains
    )


def is_staff(participant: Participant, staff: Staff) -> bool:
    """Say whether a participant is in S."""
    return holds(staff, participant[1:5])


def direction_of(facts: Facts, staff: Staff) -> Direction:
    """Outgoing if the author is in S, else incoming (S3); what M15 tells a mailbox's `sync` by."""
    return _OUTGOING if holds(staff, facts[1:5]) else _INCOMING
