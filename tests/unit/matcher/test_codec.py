"""U1: facts as bytes."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.matcher.strategies import facts as some_facts
from unit.matcher.world import ME, facts

from eisd.matcher.codec import pack, unpack
from eisd.matcher.facts import strip
from eisd.matcher.keys import keys_of

TEXT = f"From: Ann <ann+x@mail.a.com>\nTo: {ME}\nCc: b@gmail.com\nIn-Reply-To: <1@a>\n"


@given(some_facts())
def test_u1_bytes_give_the_facts_back(a):
    """Packing and unpacking stripped facts gives them back as they were."""
    bare = strip(a)

    assert unpack(bare.id_key, bare.gate_at, pack(bare)) == bare


@given(some_facts())
def test_u1_packing_strips(a):
    """What may not be kept never gets into the bytes, stripped before or not."""
    assert pack(a) == pack(strip(a))


def test_u1_real_facts_come_back():
    """The same for facts of a header, whose author is one of the participants."""
    bare = strip(facts(TEXT))

    assert unpack(bare.id_key, bare.gate_at, pack(bare)) == bare
    assert len(pack(bare)) < 110


def test_u1_nothing_readable_is_in_the_bytes():
    """No address, name, domain or Message-ID of the header stands in the BLOB."""
    blob = pack(strip(facts(f"{TEXT}Subject: Secret\n")))

    for word in (b"ann", b"Ann", b"mail.a.com", b"gmail", b"1@a", b"Secret", b"ours"):
        assert word not in blob


@given(some_facts())
def test_u1_every_key_is_found_by_instr(a):
    """SQLite's instr(blob, hash) finds each exact and relaxed key, as 8 octets big-endian."""
    blob = pack(strip(a))
    with sqlite3.connect(":memory:") as connection:
        for hashed in keys_of(a):
            found = connection.execute(
                "SELECT instr(?, ?) > 0", (blob, hashed.to_bytes(8, "big"))
            ).fetchone()
            assert found == (1,)
    connection.close()


@given(some_facts(), st.data())
def test_bytes_cut_short_are_refused(a, data):
    """A BLOB that ends early is a ValueError, never other facts."""
    blob = pack(strip(a))
    short = blob[: data.draw(st.integers(0, len(blob) - 1))]

    with pytest.raises(ValueError, match="cut short"):
        unpack(a.id_key, a.gate_at, short)


def test_another_version_is_refused():
    """Bytes that a newer eisd wrote are not guessed at."""
    blob = pack(strip(facts(TEXT)))

    with pytest.raises(ValueError, match="version 9"):
        unpack(b"", 0, b"\x09" + blob[1:])


def test_dates_before_1970_and_no_date_are_told_apart():
    """A missing Date is none, not the beginning of time."""
    bare = strip(facts(TEXT))

    for date in (None, 0, -1, -(2**40)):
        assert unpack(b"", 0, pack(bare._replace(date=date))).date == date
