"""The fields of a plain block are those that the careful reader finds, one value of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.mime.headers import read_fields
from eisd.mime.limits import HEADER_COUNT, HEADER_FIELD
from eisd.mime.plain import plain_fields

REPEATED = {b"received", b"authentication-results", b"delivered-to", b"x-original-to"}
PIECES = st.sampled_from(
    [
        b"From: a@b.test", b"From:  a@b.test ", b"from :x", b"FROM:x", b"To", b"To:",
        b"To: c@d.test", b"Received: x; y", b"Received: z", b"Return-Path: <>", b"X-Any: 1",
        b"Message-Id: <a@b>", b"Subject: a: b", b"Subject:\tx", b" folded ", b"\tand: so", b" ",
        b"\r", b"\n", b": ", b" : ",
    ]
)  # fmt: skip


@given(
    st.lists(PIECES | st.binary(max_size=6), max_size=9),
    st.sampled_from([b"", b"\r\n", b"\r\n\r\nz"]),
)  # fmt: skip
def test_a_plain_block_holds_what_the_careful_reader_finds(lines: list[bytes], end: bytes) -> None:
    """It finds the topmost value of each field, or leaves the block to who looks closer."""
    header = b"\r\n".join(lines) + end
    found = plain_fields(header)

    if found is not None:
        fields, defects = read_fields(header.replace(b"\r\n", b"\n"))
        assert not defects
        assert found == {name: values[0] for name, values in fields.items()}
        assert all(len(fields[name]) == 1 for name in fields.keys() - REPEATED)


@pytest.mark.parametrize(
    "header",
    [
        b"Message-ID: <1@a.test>\r\nFrom: a@b.test\r\nSubject: x\r\n y\r\n\r\n",
        b"Message-Id: <1@a.test>\r\nfrom: a@b.test\r\nX-Other: 1\r\n",
        b"Received: a\r\nReceived: b\r\nMessage-ID: <1@a.test>\r\nReceived: c",
    ],
)
def test_ordinary_blocks_are_plain(header: bytes) -> None:
    """Folded lines, another spelling and every server's own field are nothing to look closer at."""
    fields = plain_fields(header)

    assert fields is not None
    assert fields[b"message-id"] == b"<1@a.test>"


@pytest.mark.parametrize(
    "header",
    [
        b"To: a@b.test\r\nTo: c@d.test\r\n",
        b"to: a@b.test\r\nTO: c@d.test\r\n",
        b"Received: a\r\nReceived: b\r\nFrom: a@b.test\r\nFrom: c@d.test\r\n",
        b"From: a@b.test\nTo: c@d.test\n",
        b"From: a@b.test\r\nSubject: a\rb\r\n",
        b"From: a@b.test\r\nno field\r\n",
        b"Received: x\r\n" * HEADER_COUNT,
        b"Subject: " + b"x" * HEADER_FIELD,
    ],
)
def test_others_are_not(header: bytes) -> None:
    """A field twice that ought to stand once, other line ends, and what is beyond the limits."""
    assert plain_fields(header) is None
