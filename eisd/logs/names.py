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


def trace_id(mailbox: str, *message: str | int) -> str:
    """The id of a message's whole story: 32 hex digits, BLAKE2b-128, a valid W3C trace id.

    ``message`` is the Message-ID, or folder, UIDVALIDITY and UID. The same everywhere and for
    ever, so a retry next week has it too and `eisd explain` works it out offline.
    """
    digest = blake2b(digest_size=16, person=b"eisd-trace")
    for part in (mailbox, *message):
        text = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return digest.hexdigest()
