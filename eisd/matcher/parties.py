"""Whom plain address fields name, as octets: for the short way through a scan.

What is learned of a field's value, of an address and of a domain is remembered: the same people
write, and the same mailbox is written to. Of a stranger it takes one hash to know enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from eisd.matcher.codec import Home, octets_of, pack_home, to_octets
from eisd.matcher.judge import NOBODY
from eisd.matcher.reading import Context
from eisd.mime.addresses import plain_spellings, relaxed_octets
from eisd.mime.plain import Plain
from eisd.mime.signals import local_part_bits
from eisd.model.facts import KeyHash, Mark
from eisd.model.mail import Address, Role

# Plain ints: `&` on two IntFlag members costs ten times as much.
_RECIPIENT: Final = int(Mark.RECIPIENT)
_BLOCKS_MESSAGE: Final = int(Mark.BLOCKS_MESSAGE)
_FIELDS: Final = (
    (b"from", Role.FROM, 0),
    (b"to", Role.TO, _RECIPIENT),
    (b"cc", Role.CC, _RECIPIENT),
    (b"bcc", Role.BCC, _RECIPIENT),
    (b"reply-to", Role.REPLY_TO, 0),
)
"""By the strength of the roles; the marks of who is named there alone."""
_RANK: Final = {role: rank for rank, role in enumerate(Role)}
_PEOPLE: Final = 1 << 14
_HOMES: Final = 1 << 13
_VALUES: Final = 1 << 12
_VALUE_MAX: Final = 200

Party = tuple[bytes, bytes, bytes, int, bool, int]
"""One address in one role, whatever message it is met in.

Its exact key; what `octets_of` makes of it; its keys, which are the exact one and the relaxed one
if that is another; what a verdict can depend on, which is its role, its marks, whether it is the
mailbox's own and of which workspaces it is staff; whether the block list stops all mail that names
it; what is said of a message it wrote.
"""
_EXACT: Final = itemgetter(0)


class Parties:
    """Those of the copies of one context."""

    def __init__(self, context: Context) -> None:
        people = context.people
        staff = [people.staff.get(name, NOBODY) for name in people.feeds.get(context.mailbox, {})]
        own = {context.key, *context.aliases}
        self._hasher = context.hasher
        self._octets = context.hasher.octets
        self._blocklist = context.blocklist
        self._exact = _standings([own, *(each.exact for each in staff)])
        self._relaxed = _standings([own, *(each.relaxed for each in staff)])
        self._by_domain = _standings([(), *(each.domains for each in staff)])
        self._values: dict[bytes, dict[bytes, list[Party]]] = {name: {} for name, _, _ in _FIELDS}
        self._by_strength = tuple(self._values.items())
        self._people: dict[tuple[bytes, Role, int], Party] = {}
        self._homes: dict[bytes, tuple[Home, int]] = {}

    def of(self, fields: Plain) -> list[Party] | None:
        """Every address once, in its strongest role; None without one plain author."""
        if b"from" not in fields:
            return None
        found: list[Party] = []
        for name, known in self._by_strength:
            value = fields.get(name)
            if value is not None:
                named = known.get(value) or self._named(name, value)
                if named is None:
                    return None
                found += named
        return found if len({*map(_EXACT, found)}) == len(found) else self._once(fields)

    def _named(self, field: bytes, value: bytes) -> list[Party] | None:
        """Who is named by one value, as if by no other; None if it is not plain."""
        keys = _spelled(value)
        if keys is None or (field == b"from" and len(keys) != 1):
            return None
        role, marks = _PLACES[field]
        found = [self._party(key, role, marks) for key in dict.fromkeys(keys)]
        if len(found) > 1:
            found.sort()
        if len(value) <= _VALUE_MAX:
            known = self._values[field]
            if len(known) >= _VALUES:
                known.clear()
            known[value] = found
        return found

    def _once(self, fields: Plain) -> list[Party]:
        """`of` where somebody is named more than once."""
        named = {name: _spelled(fields[name]) or () for name, _, _ in _FIELDS if name in fields}
        recipients = {key for name in _RECEIVING for key in named.get(name, ())}
        seen: set[bytes] = set()
        found: list[Party] = []
        for name, keys in named.items():
            role, _ = _PLACES[name]
            new = dict.fromkeys(key for key in keys if key not in seen)
            seen.update(new)
            found += sorted(
                self._party(key, role, _RECIPIENT if key in recipients else 0) for key in new
            )
        return found

    def _party(self, key: bytes, role: Role, marks: int) -> Party:
        """An address by its exact key, with the marks it has beside the block list's."""
        place = (key, role, marks)
        known = self._people.get(place)
        if known is not None:
            return known
        if len(self._people) >= _PEOPLE:
            self._people.clear()
        local, _, domain = key.rpartition(b"@")
        home, standing = self._homes.get(domain) or self._visit(domain)
        loose = relaxed_octets(key)
        exact = self._octets(key)
        relaxed = exact if loose == key else self._octets(loose)
        standing |= self._exact.get(exact, 0) | self._relaxed.get(relaxed, 0)
        bits = marks
        if self._blocklist:
            bits |= self._blocklist.marks(Address(key.decode("ascii"), loose.decode("ascii")))
        party = self._people[place] = (
            exact,
            octets_of(role, bits, exact, relaxed, home),
            exact if relaxed == exact else exact + relaxed,
            _RANK[role] | bits << 3 | standing << 8,
            bool(bits & _BLOCKS_MESSAGE),
            local_part_bits(local.decode("ascii")) if role is _AUTHOR else 0,
        )
        return party

    def _visit(self, domain: bytes) -> tuple[Home, int]:
        """A domain, and of which workspaces everybody is staff who lives there."""
        if len(self._homes) >= _HOMES:
            self._homes.clear()
        keys = [*map(to_octets, self._hasher.domain(domain.decode("ascii")))]
        standing = self._by_domain.get(keys[0], 0) | self._by_domain.get(keys[1], 0)
        known = self._homes[domain] = (pack_home(*keys), standing)
        return known


_AUTHOR: Final = Role.FROM
_PLACES: Final = {name: (role, marks) for name, role, marks in _FIELDS}
_RECEIVING: Final = tuple(name for name, _, marks in _FIELDS if marks)


def _spelled(value: bytes) -> list[bytes] | None:
    """The exact keys of the addresses of a plain value, None for any other."""
    spelled = plain_spellings(value)
    return None if spelled is None else [one.lower() for one in spelled]


def _standings(groups: Iterable[Iterable[KeyHash]]) -> dict[bytes, int]:
    """A bit for each group that a key is in, by its octets."""
    found: dict[bytes, int] = {}
    for place, group in enumerate(groups):
        for key in group:
            octets = to_octets(key)
            found[octets] = found.get(octets, 0) | 1 << place
    return found
