"""Facts of an unmatched copy as bytes, for one BLOB column (U1).

Every exact and relaxed hash stands in the bytes as 8 contiguous octets, big-endian, so that
SQLite's ``instr(facts, hash)`` finds the copies that show an address. What repeats is left out:
a relaxed key equal to the exact one, a registrable domain equal to the domain, the author where
a participant has the same keys.

    header       B version, I signals, q date, Q subject, H participants, H parents, H author
    author       4 Q, only if the author's index is 0xFFFF
    participant  H bits (role 0-2, relaxed 3, registrable 4-5, marks 6-15), Q exact, Q domain,
                 [Q relaxed], [Q registrable]
    parent       Q
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from eisd.matcher.facts import KEPT_PARENTS
from eisd.matcher.keys import NO_KEY, AddressKeys
from eisd.model.facts import Facts, KeyHash, Mark, Participant
from eisd.model.mail import Role, Signal

_VERSION: Final = 1
_HEADER: Final = struct.Struct(">BIq8sHHH")
_AUTHOR: Final = struct.Struct(">QQQQ")
_PARTICIPANT: Final = struct.Struct(">HQQ")
_BITS: Final = struct.Struct(">H")
_KEY: Final = struct.Struct(">Q")

_NO_DATE: Final = -(1 << 63)
_APART: Final = 0xFFFF
_MAX_PARTICIPANTS: Final = 0xFFFE

_ROLES: Final = tuple(Role)
# A member made of bits takes a microsecond, and there are few combinations.
_signal_of: Final = lru_cache(1 << 10)(Signal)
_mark_of: Final = lru_cache(1 << 6)(Mark)
_ROLE_BITS: Final = {role: bits for bits, role in enumerate(_ROLES)}
_ROLE_MASK: Final = 0b111
_HAS_RELAXED: Final = 1 << 3
_HAS_REGISTRABLE: Final = 1 << 4
_NO_REGISTRABLE: Final = 1 << 5
_MARKS_AT: Final = 6


Home = tuple[int, bytes, bytes]
"""A domain's share of a participant's bits, its key, and what is written of its registrable one."""


def pack(facts: Facts) -> bytes:
    """Give the bytes of what `strip` keeps, without id_key and gate_at, which have columns."""
    people = facts.participants[:_MAX_PARTICIPANTS]
    author = facts[1:5]
    index = next((at for at, one in enumerate(people) if one[1:5] == author), _APART)
    parts = [_pack_participant(one) for one in people]
    if index == _APART:
        parts.insert(0, _AUTHOR.pack(*author))
    return join(
        int(facts.signals),
        facts.date,
        to_octets(facts.subject_key),
        parts,
        [*map(to_octets, facts.parents[:KEPT_PARENTS])],
        people=len(people),
        author=index,
    )


def join(
    signals: int,
    date: int | None,
    subject: bytes,
    parts: Sequence[bytes],
    parents: Sequence[bytes],
    *,
    people: int,
    author: int = 0,
) -> bytes:
    """Put the bytes of an unmatched copy together; keys are octets already.

    ``parts`` are those of ``people`` participants, before them the author's where he is none;
    ``parents`` are `KEPT_PARENTS` at most.
    """
    head = _HEADER.pack(
        _VERSION,
        signals,
        _NO_DATE if date is None else date,
        subject,
        people,
        len(parents),
        author,
    )
    return b"".join((head, *parts, *parents))


def to_octets(key: KeyHash) -> bytes:
    """A key as it stands in the bytes."""
    return key.to_bytes(8, "big")


def each_once(keys: bytes) -> bytes:
    """Keys that stand one after the other, without those that stood before."""
    return b"".join(dict.fromkeys(keys[at : at + 8] for at in range(0, len(keys), 8)))


def pack_home(domain: bytes, registrable: bytes) -> Home:
    """Pack the keys of a domain and of its registrable one."""
    if registrable == NO_KEY:
        return _NO_REGISTRABLE, domain, b""
    if registrable == domain:
        return 0, domain, b""
    return _HAS_REGISTRABLE, domain, registrable


def octets_of(role: Role, marks: int, exact: bytes, relaxed: bytes, home: Home) -> bytes:
    """Give the bytes of one participant, who lives at ``home``."""
    bits, domain, registrable = home
    bits |= _ROLE_BITS[role] | marks << _MARKS_AT
    if relaxed == exact:
        return _BITS.pack(bits) + exact + domain + registrable
    return _BITS.pack(bits | _HAS_RELAXED) + exact + domain + relaxed + registrable


def unpack(id_key: bytes, gate_at: int, blob: bytes) -> Facts:
    """Read what `pack` wrote; ``ValueError`` for bytes of another version or cut short."""
    try:
        version, signals, date, subject, people, parents, index = _HEADER.unpack_from(blob)
        if version != _VERSION:
            raise ValueError(f"facts of version {version} cannot be read")
        at = _HEADER.size
        author = None
        if index == _APART:
            author = AddressKeys(*_AUTHOR.unpack_from(blob, at))
            at += _AUTHOR.size
        participants: list[Participant] = []
        for _ in range(people):
            one, at = _unpack_participant(blob, at)
            participants.append(one)
        if author is None:
            author = AddressKeys(*participants[index][1:5])
        return Facts(
            id_key,
            *author,
            None if date == _NO_DATE else date,
            int.from_bytes(subject, "big"),
            gate_at,
            _signal_of(signals),
            tuple(participants),
            struct.unpack_from(f">{parents}Q", blob, at),
        )
    except (struct.error, IndexError) as error:
        raise ValueError("facts are cut short") from error


def _pack_participant(one: Participant) -> bytes:
    """Write one participant."""
    exact, relaxed, domain, registrable = map(to_octets, one[1:5])
    return octets_of(one.role, int(one.marks), exact, relaxed, pack_home(domain, registrable))


def _unpack_participant(blob: bytes, at: int) -> tuple[Participant, int]:
    """Read one participant; also where the next begins."""
    bits, exact, domain = _PARTICIPANT.unpack_from(blob, at)
    at += _PARTICIPANT.size
    relaxed, registrable = exact, 0 if bits & _NO_REGISTRABLE else domain
    if bits & _HAS_RELAXED:
        (relaxed,) = _KEY.unpack_from(blob, at)
        at += _KEY.size
    if bits & _HAS_REGISTRABLE:
        (registrable,) = _KEY.unpack_from(blob, at)
        at += _KEY.size
    role = _ROLES[bits & _ROLE_MASK]
    return Participant(role, exact, relaxed, domain, registrable, _mark_of(bits >> _MARKS_AT)), at


NOTHING: Final = pack(Facts(bytes(16), 0, 0, 0, 0, None, 0, 0, Signal(0), ()))
"""What is kept of a copy that concerns nobody when the index is off."""
