"""Names in logs are stable and say nothing to strangers."""

from __future__ import annotations

import re

from eisd.logs import hash_address, trace_id, use_key


def test_trace_id_is_a_fixed_function():
    """The id is what the database has of a message: its keyed hash in hex."""
    assert trace_id(bytes(range(16))) == "000102030405060708090a0b0c0d0e0f"


def test_hash_depends_on_the_key_alone():
    """With the installation's key an admin finds an address again; with another it is unknown."""
    use_key(b"one")
    first = hash_address(" Ada@X.test")
    use_key(b"two")
    other = hash_address("ada@x.test")
    use_key(b"one")

    assert re.fullmatch("addr:[0-9a-f]{8}", first)
    assert first != other
    assert first == hash_address("ada@x.test")
