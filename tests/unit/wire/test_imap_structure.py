"""BODYSTRUCTURE to a tree whose numbers BODY[...] understands."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.errors import ProtocolError
from eisd.wire.imap_grammar import tokenize
from eisd.wire.imap_structure import parse_structure

PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 120 4 NIL NIL NIL NIL)'
PDF = (
    b'("application" "pdf" ("name" "a.pdf") "<id>" "desc" "base64" 4000 NIL '
    b'("ATTACHMENT" ("FILENAME" "a.pdf")) NIL NIL)'
)
ENVELOPE = b'("d" "s" NIL NIL NIL NIL NIL NIL NIL NIL)'


def parse(raw):
    return parse_structure(tokenize([raw])[0])


def test_a_single_part_is_number_one():
    """A message that is not multipart has one part, called 1."""
    part = parse(PLAIN)

    assert (
        part.number,
        part.content_type,
        part.params,
    ) == ("1", "text/plain", {"charset": "utf-8"})
    assert (part.encoding, part.size, part.children) == ("quoted-printable", 120, ())


def test_numbers_of_nested_multiparts():
    """RFC 9051 6.4.5.1: parts are numbered by their places."""
    alternative = b"(" + PLAIN + PLAIN + b' "ALTERNATIVE" ("BOUNDARY" "x") NIL NIL)'
    root = parse(b"(" + alternative + PDF + b' "mixed" ("boundary" "y") ("inline" NIL) NIL)')

    assert [part.number for part in root.walk()] == ["", "1", "1.1", "1.2", "2"]
    assert (root.content_type, root.params) == ("multipart/mixed", {"boundary": "y"})
    assert root.disposition == "inline"
    pdf = root.children[1]
    assert (pdf.disposition, pdf.disposition_params) == ("attachment", {"filename": "a.pdf"})
    assert (pdf.content_id, pdf.description, pdf.size) == ("<id>", "desc", 4000)


def test_numbers_inside_an_attached_message():
    """RFC 9051 6.4.5.1: 2.1 is the first part of the message that is part 2."""
    inner = b"(" + PLAIN + PDF + b' "mixed" NIL NIL NIL)'
    message = (
        b'("message" "rfc822" NIL NIL NIL "7bit" 9 ' + ENVELOPE + b" %s 3 NIL (%s NIL) NIL NIL)"
    )
    multi = parse(b"(" + PLAIN + message % (inner, b'"attachment"') + b' "mixed")')
    single = parse(b"(" + PLAIN + message % (PLAIN, b'"inline"') + b' "mixed")')

    assert [part.number for part in multi.walk()] == ["", "1", "2", "2", "2.1", "2.2"]
    assert [part.number for part in single.walk()] == ["", "1", "2", "2.1"]
    assert multi.children[1].disposition == "attachment"
    assert single.children[1].disposition == "inline"


def test_an_undescribed_message_part():
    """Some servers give a message/rfc822 no inner structure."""
    part = parse(b'("message" "rfc822" NIL NIL NIL "7bit" 9 NIL ("attachment" NIL) NIL NIL)')

    assert (
        part.content_type,
        part.children,
        part.disposition,
    ) == ("message/rfc822", (), "attachment")


def test_a_delivery_report_has_its_disposition():
    """message/delivery-status is no message: its eighth item is no envelope."""
    part = parse(b'("message" "delivery-status" NIL NIL NIL "7bit" 9 NIL ("inline" NIL) NIL NIL)')

    assert (part.disposition, part.children) == ("inline", ())


def test_short_forms_are_read():
    """BODY without extension data, a size that is no number, raw octets in a name."""
    part = parse(b'("text" "html" ("name" "\xfc") NIL NIL NIL x)')

    assert (
        part.content_type,
        part.size,
        part.encoding,
        part.params,
    ) == ("text/html", 0, "", {"name": "\xfc"})


@pytest.mark.parametrize("tokens", [None, b"x", [], [[]], [[[[]]]]])
def test_no_structure_is_a_protocol_error(tokens):
    """What is no list of parts is refused."""
    with pytest.raises(ProtocolError):
        parse_structure(tokens)


def test_a_nesting_bomb_is_a_protocol_error():
    """RR3: depth and number of parts are limited."""
    with pytest.raises(ProtocolError):
        parse(b"(" * 100 + PLAIN + b' "mixed")' * 100)
    with pytest.raises(ProtocolError):
        parse(b"(" + b'("text" "plain")' * 20_000 + b' "mixed")')


TOKENS = st.recursive(
    st.none() | st.binary(max_size=8), lambda inner: st.lists(inner, max_size=12), max_leaves=40
)


@given(TOKENS)
def test_any_tokens_are_a_tree_or_refused(tokens):
    """No other exception, whatever the server's tokens."""
    with contextlib.suppress(ProtocolError):
        parse_structure(tokens)
