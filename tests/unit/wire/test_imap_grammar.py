"""Names, sets, dates and tokens of IMAP."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.errors import ProtocolError, Rejected
from eisd.wire.imap_grammar import (
    MAX_UID,
    UidSet,
    compress,
    decode_name,
    encode_name,
    expand,
    parse_internaldate,
    quote,
    search_date,
    tokenize,
)

UIDS = st.integers(1, MAX_UID)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", "INBOX"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Q&A", "Q&-A"),
        ("😀", "&2D3eAA-"),
        ("tab\t", "tab&AAk-"),
    ],
)
def test_names_are_written_in_modified_utf7(name, wire):
    """RFC 3501 5.1.3: & is &-, printable ASCII stays, the rest is base64 of UTF-16."""
    assert wire == encode_name(name)
    assert name == decode_name(wire)


@given(st.text())
def test_any_name_survives_the_wire(name):
    """What is encoded is ASCII and decodes to itself, whatever a folder is called."""
    wire = encode_name(name)

    assert wire.isascii()
    assert name == decode_name(wire)


@pytest.mark.parametrize("wire", ["a&", "&!!-", "&AGE-", "&2D0-", "&AP-", "x&APw", "&AA-&-"])
def test_what_is_not_modified_utf7_stays_as_it_is(wire):
    """A wrong or a second spelling is shown as sent, so that two names never look the same."""
    assert decode_name(wire).replace("&", "") == wire.replace("&-", "&").replace("&", "")


def test_raw_utf8_names_are_read():
    """A server that sends UTF-8 unasked: readable, and its octets go back untouched."""
    wire = "Entwürfe".encode().decode("latin-1")

    assert decode_name(wire) == "Entwürfe"
    assert "Entwürfe".encode() == wire.encode("latin-1")
    assert decode_name("\xff") == "\xff"


@given(st.text())
def test_a_quoted_string_holds_one_argument(text):
    """Nothing quoted ends the command or the string; what could is refused."""
    try:
        quoted = quote(text)
    except Rejected:
        assert set(text) & set("\0\r\n")
    else:
        assert [text.encode()] == tokenize([quoted.encode()])


def test_a_folder_name_cannot_carry_a_second_command():
    """ROBUSTNESS 6.19: line breaks in a name are refused, quotes are escaped."""
    with pytest.raises(Rejected):
        quote('x" NOOP\r\na1 DELETE INBOX')
    assert quote('a"b\\c') == r'"a\"b\\c"'


@given(st.sets(UIDS, max_size=200))
def test_sets_expand_to_what_was_compressed(uids):
    """compress and expand are each other's inverse, and the set answers for its members."""
    if uids:
        text = compress(uids)
        assert sorted(uids) == expand(text.replace("*", str(MAX_UID)))
        assert all(uid in UidSet.parse(text) for uid in uids)


@given(st.sets(st.integers(1, 40)), st.integers(1, 41))
def test_membership_is_exact(uids, probe):
    """A neighbour of a range is not in it."""
    assert (probe in uids) == (probe in UidSet.of(uids))


def test_sets_are_written_short():
    """Runs become ranges, the highest UID there can be is *."""
    assert compress([10, 1, 2, 3, 5, 9, 9]) == "1:3,5,9:10"
    assert UidSet.parse("*:7").text == "7:*"
    assert 5_000_000_000 not in UidSet.parse("7:*")


@pytest.mark.parametrize("text", ["", "0", "1,,2", "a", "1:", "4294967296", "1:²", "99999999999"])
def test_a_bad_set_is_a_protocol_error(text):
    """A server's set that is none is refused."""
    with pytest.raises(ProtocolError):
        expand(text)


def test_a_set_too_large_to_be_true_is_refused():
    """ESEARCH ALL 1:4294967295 does not fill the memory."""
    with pytest.raises(ProtocolError):
        expand("1:4294967295")


@pytest.mark.parametrize(
    ("segments", "tokens"),
    [
        ([b'* LIST (\\Noselect) "/" a'], [b"*", b"LIST", [b"\\Noselect"], b"/", b"a"]),
        ([b'"a\\"b" NIL "NIL"'], [b'a"b', None, b"NIL"]),
        ([b"x {3}", b'"(x', b" (y)"], [b"x", b'"(x', [b"y"]]),
        ([b"(() (a))"], [[[], [b"a"]]]),
        ([b'""'], [b""]),
    ],
)
def test_tokens(segments, tokens):
    """Strings, literals, NIL and nesting."""
    assert tokens == tokenize(segments)


@pytest.mark.parametrize(
    "line", [b"(", b")", b"(a", b'"', b'"abc', b'"abc\\"', b"(" * 500 + b")" * 500, b'(a "b)']
)
def test_unbalanced_tokens_are_a_protocol_error(line):
    """Parentheses and quotes must close, and not nest for ever."""
    with pytest.raises(ProtocolError):
        tokenize([line])


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.booleans())
def test_tokenize_raises_nothing_but_ours(parts, fetch):
    """Whatever octets come, the answer is tokens or ProtocolError."""
    segments = [part if at % 2 else part + b"{1}" for at, part in enumerate(parts)]
    if len(segments) % 2 == 0:
        segments.append(b")")
    with contextlib.suppress(ProtocolError):
        tokenize(segments, fetch=fetch)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("piece", [b'"\\', b"a[ ", b'\\"', b"(", b"{", b'" ', b"aaaa", b"BODY["])
def test_hostile_lines_are_read_in_linear_time(piece):
    """A megabyte of the same piece costs no more than a moment."""
    for fetch in (False, True):
        with contextlib.suppress(ProtocolError):
            tokenize([piece * (1_000_000 // len(piece))], fetch=fetch)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"17-Jul-1996 02:44:25 -0700",
            datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=-7))),
        ),
        (b" 1-feb-2024 00:00:00 +0000", datetime(2024, 2, 1, tzinfo=UTC)),
        (b"31-Dec-2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_internal_dates_are_aware(raw, expected):
    """INTERNALDATE keeps its offset."""
    found = parse_internaldate(raw)

    assert (expected, expected.utcoffset()) == (found, found.utcoffset())


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_internal_dates_round_trip(when):
    """Every second of every year is read back."""
    when = when.replace(microsecond=0)
    text = f"{search_date(when).rjust(11)} {when:%H:%M:%S} +0530"

    assert when == parse_internaldate(text.encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"32-Jan-2024 00:00:00 +0000",
        b"01-Foo-2024 00:00:00 +0000",
        b"x" * 26,
        b"01-Jan-0000 00:00:00 +0000",
        b"01-Jan-2024 00:00:00 +2400",
    ],
)
def test_a_bad_internal_date_is_a_protocol_error(raw):
    """No other exception comes out of a date."""
    with pytest.raises(ProtocolError):
        parse_internaldate(raw)


def test_search_dates_are_in_english():
    """SEARCH SINCE knows English months only, whatever the locale."""
    assert search_date(date(2024, 3, 1)) == "1-Mar-2024"
