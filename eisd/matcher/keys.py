"""Keyed hashes: what the matcher compares instead of readable addresses and Message-IDs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from eisd.mime.addresses import domain_of, is_freemail, registrable_domain
from eisd.model.facts import Facts, KeyHash

_CACHED_ADDRESSES = 1 << 14
_CACHED_TEXTS = 1 << 13
NO_KEY: Final = bytes(8)
"""What stands for "no key" where keys are octets."""
_FIRST: Final = (1).to_bytes(8, "big")


class AddressKeys(NamedTuple):
    """The hashes of one address, in the order `Participant` has them."""

    exact: KeyHash
    relaxed: KeyHash
    domain: KeyHash
    registrable: KeyHash
    """0 for free-mail domains, which are nobody's own."""


class Hasher:
    """BLAKE2b under the index key (RFC 7693 2.9), with bounded caches for what repeats.

    Keys of addresses and domains and keys of Message-IDs are two families (RFC 7693 calls the
    difference personalisation), so that one never stands for the other.
    """

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("the index key is empty")
        self._secret = key
        self._key = blake2b(digest_size=8, key=key, person=b"eisd-key")
        self._identity = blake2b(digest_size=16, key=key, person=b"eisd-id")
        self.domain = lru_cache(_CACHED_TEXTS)(self._domain_keys)
        self.address = lru_cache(_CACHED_ADDRESSES)(self._address)
        self.parent = lru_cache(_CACHED_TEXTS)(self._parent)

    def __reduce__(self) -> tuple[Callable[[bytes], Hasher], tuple[bytes]]:
        """Pickled, it is its key; the other side makes one hasher of it and keeps that."""
        return _hasher, (self._secret,)

    def key(self, text: str) -> KeyHash:
        """Hash an address key, a domain or any other text; 0 for the empty text, never else."""
        return self.raw(text.encode("utf-8", "surrogatepass"))

    def raw(self, octets: bytes) -> KeyHash:
        """Hash octets as `key` hashes text."""
        return int.from_bytes(self.octets(octets), "big")

    def octets(self, octets: bytes) -> bytes:
        """`raw` as eight octets, as facts are packed."""
        if not octets:
            return NO_KEY
        state = self._key.copy()
        state.update(octets)
        digest = state.digest()
        return _FIRST if digest == NO_KEY else digest

    def identity(self, text: str) -> bytes:
        """Hash a message's identity (I1) to the 16 bytes of ``Facts.id_key``."""
        return self.identity_of(text.encode("utf-8", "surrogatepass"))

    def identity_of(self, octets: bytes) -> bytes:
        """Hash octets as `identity` hashes text."""
        state = self._identity.copy()
        state.update(octets)
        return state.digest()

    def _parent(self, message_id: str) -> KeyHash:
        return parent_key(self.identity(message_id))

    def _address(self, exact: str, relaxed: str) -> AddressKeys:
        """Hash an address by its exact and relaxed key, its domain and its registrable domain."""
        exact_key = self.key(exact)
        domain, registrable = self.domain(domain_of(exact))
        return AddressKeys(
            exact_key,
            exact_key if relaxed == exact else self.key(relaxed),
            domain,
            registrable,
        )

    def _domain_keys(self, domain: str) -> tuple[KeyHash, KeyHash]:
        """Hash a domain and its registrable one, which free mail has not."""
        key = self.key(domain)
        registrable = "" if is_freemail(domain) else registrable_domain(domain)
        return key, key if registrable == domain else self.key(registrable)


@lru_cache(2)
def _hasher(key: bytes) -> Hasher:
    return Hasher(key)


def parent_key(id_key: bytes) -> KeyHash:
    """Name a message as its answers do in ``Facts.parents``: by the first half of its id_key."""
    return int.from_bytes(parent_octets(id_key), "big")


def parent_octets(id_key: bytes) -> bytes:
    """`parent_key` as eight octets, as facts are packed."""
    octets = id_key[:8]
    return _FIRST if octets == NO_KEY else octets


def keys_of(facts: Facts) -> tuple[KeyHash, ...]:
    """Give every exact and relaxed key worth looking up in the contact book, each once."""
    keys: dict[KeyHash, None] = {}
    for participant in facts.participants:
        keys[participant.exact] = None
        keys[participant.relaxed] = None
    return tuple(keys)
