"""Names that logs use for people and messages: hashed addresses, trace ids."""

from __future__ import annotations

import os
from hashlib import blake2b

_key = os.urandom(32)


def use_key(key: bytes) -> None:
    """Set the key of `hash_address`; the index key, so that hashes outlive the process."""
    global _key  # noqa: PLW0603 - one key per process, set once at start
    _key = blake2b(key, digest_size=32, person=b"eisd-log").digest()


def hash_address(address: str) -> str:
    """What stands in a log for an email address: ``addr:`` and 8 hex digits, keyed."""
    plain = address.strip().lower().encode("utf-8", "surrogatepass")
    return "addr:" + blake2b(plain, digest_size=4, key=_key).hexdigest()


def trace_id(id_key: bytes) -> str:
    """The id of a message's whole story: 32 hex digits, a valid W3C trace id.

    It is the keyed hash of the message's identity, so the database has it (the ``message_key`` of
    the view ``message_outcomes``), a retry next week has it too, and a copy that cannot be read has
    the one of its message.
    """
    return id_key.hex()
