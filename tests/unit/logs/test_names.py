"""Names in logs are stable and say nothing to strangers."""

from __future__ import annotations

import re

from eisd.logs import hash_address, trace_id, use_key


def test_trace_id_is_a_fixed_function():
    """The same message has the same id in every process and version."""
    assert trace_id("sales", "<q7@analytical.test>") == "962319bb21f77d8bff21e84030e42b69"


def test_trace_id_parts_do_not_run_together():
    """Folder and number are kept apart, and mailboxes from each other."""
    ids = {trace_id("a", "b1", 2), trace_id("a", "b", 12), trace_id("ab", "1", 2)}

    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", i) for i in ids)


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
