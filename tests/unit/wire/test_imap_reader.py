"""The reader: the same responses whatever the slices, and limits on all of them."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.errors import ProtocolError
from eisd.wire.imap_reader import Limits, Reader

DEFAULT = Limits()
STREAM = (
    b'* 1 FETCH (UID 1 BODY[HEADER] {12}\r\nA: b\r\n\r\nxx\r\n X-Y "q")\r\n'
    b"* 2 FETCH (UID 2 BODY[] {0}\r\n FLAGS ())\r\n"
    b"* 3 FETCH (UID 3 BINARY[1] ~{3+}\r\n\r\n\0 BODY[2] {1}\r\n})\r\n"
    b"* 3 EXISTS\r\n\r\n"
    b"* OK free text that ends like a literal {5}\r\n"
    b'* LIST () "/" {5}\r\na*b(c\r\n'
    b"+ go on {3}\r\n"
    b"T1 OK done {7}\r\n"
)
RESPONSES = [
    [b"* 1 FETCH (UID 1 BODY[HEADER] {12}", b"A: b\r\n\r\nxx\r\n", b' X-Y "q")'],
    [b"* 2 FETCH (UID 2 BODY[] {0}", b"", b" FLAGS ())"],
    [b"* 3 FETCH (UID 3 BINARY[1] ~{3+}", b"\r\n\0", b" BODY[2] {1}", b"}", b")"],
    [b"* 3 EXISTS"],
    [b""],
    [b"* OK free text that ends like a literal {5}"],
    [b'* LIST () "/" {5}', b"a*b(c", b""],
    [b"+ go on {3}"],
    [b"T1 OK done {7}"],
]


def read(slices, limits=DEFAULT):
    out = []
    reader = Reader(out.append, limits)
    for piece in slices:
        reader.feed(piece)
    return out, reader


def test_one_slice():
    """Text, literals of every kind, free text, and an empty line."""
    out, reader = read([STREAM])

    assert out == RESPONSES
    assert not reader.midway


def test_every_single_cut_gives_the_same():
    """RF12: a segment may end anywhere."""
    for at in range(len(STREAM)):
        assert read([STREAM[:at], STREAM[at:]])[0] == RESPONSES, at


def test_one_octet_at_a_time_gives_the_same():
    """RF12: one-octet segments."""
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))])[0] == RESPONSES


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cuts_give_the_same(cuts):
    """RF12: any number of cuts anywhere, empty slices too."""
    edges = [0, *sorted(cuts), len(STREAM)]

    assert read([STREAM[a:b] for a, b in itertools.pairwise(edges)])[0] == RESPONSES


@pytest.mark.parametrize(
    "stream", [b"* 1 EXISTS", b"* 1 FETCH (BODY[] {9}\r\nabc", b"* 1 F {1}\r\n"]
)
def test_it_knows_when_it_is_midway(stream):
    """A begun line, literal or response is not nothing: STARTTLS must see it."""
    assert read([stream])[1].midway


@pytest.mark.parametrize("cut", range(3))
def test_a_bare_line_feed_is_refused_at_once(cut):
    """RF29: a line that ends in LF alone, wherever the segments end."""
    stream = b"* 1 EXISTS\r\n\n"
    edge = len(stream) - cut

    with pytest.raises(ProtocolError):
        read([stream[:edge], stream[edge:]])


def test_a_line_feed_after_a_literal_that_ends_in_cr_is_bare():
    """The CR of a literal does not make a line end."""
    with pytest.raises(ProtocolError):
        read([b"* 1 FETCH (BODY[] {1}\r\n\r\n)\r\n"])


@pytest.mark.parametrize("announced", [3, 4, 6, 7])
def test_a_literal_of_another_length_is_noticed(announced):
    """RF27: what follows a literal must be a space or a parenthesis."""
    stream = b"* 1 FETCH (BODY[] {%d}\r\nhello)\r\n* 2 EXISTS\r\n" % announced
    out = []
    try:
        out, _ = read([stream])
    except ProtocolError:
        return
    assert [b"* 1 FETCH (BODY[] {5}", b"hello", b")"] not in out
    assert announced == 6  # swallowed ")": the rest of the line is empty, the grammar sees it
    assert out[0][2] == b""


@pytest.mark.parametrize(
    "stream",
    [
        b"* 1 FETCH (BODY[] {10000000000}\r\n",
        b"* 1 FETCH (BODY[] {%s}\r\n" % (b"9" * 5000),
        b"* 1 FETCH (BODY[] {101}\r\n",
        b"* 1 FETCH (BODY[1] {90}\r\n" + b"x" * 90 + b" BODY[2] {90}\r\n",
        b"x" * 101,
    ],
)
def test_limits(stream):
    """RF26: a literal, all literals of a response, and a line have their limits, at once."""
    with pytest.raises(ProtocolError):
        read([stream], Limits(line=100, literal=100, response=150))


@pytest.mark.parametrize("size", [7, 120])
@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 BODYSTRUCTURE (" + b"x" * 200 + b"))\r\n",
        b"* 1 FETCH (UID 1 X (" + b"x" * 200 + b' {3}\r\n"\r\n "y" {2+}\r\nzz))\r\n',
        b"* 1 FETCH (UID 1 BODY[HEADER] {2}\r\n\r\n BODYSTRUCTURE (" + b"x" * 200 + b"))\r\n",
    ],
)
def test_an_answer_with_a_long_line_is_passed_over(answer, size):
    """What one message's structure is like does not cost the connection."""
    stream = b"* 2 EXISTS\r\n" + answer + b"* 3 EXISTS\r\n"
    slices = [stream[at : at + size] for at in range(0, len(stream), size)]
    out, reader = read(slices, Limits(line=100))

    assert out == [[b"* 2 EXISTS"], [b"* 3 EXISTS"]]
    assert not reader.midway


def test_an_endless_answer_is_refused():
    """What is passed over has its limit, too."""
    with pytest.raises(ProtocolError):
        read([b"* 1 FETCH (X " + b"x" * 90, *[b"x" * 50] * 10], Limits(line=100, response=300))


def test_endless_empty_literals_are_refused():
    """A response of nothing but {0} has an end."""
    with pytest.raises(ProtocolError):
        read([b"* 1 FETCH (X {0}\r\n" + b" {0}\r\n" * 50_000])


@pytest.mark.parametrize("size", [1, 100])
def test_small_segments_cost_linear_time(size):
    """A one-octet trickle of a long line and a large literal is not quadratic."""
    payload = 400_000
    stream = (
        b"* 1 FETCH (X {%d}\r\n" % payload + b"y" * payload + b' "' + b"z" * payload + b'")\r\n'
    )
    began = time.perf_counter()
    out, _ = read([stream[at : at + size] for at in range(0, len(stream), size)])

    assert len(out) == 1
    assert payload == len(out[0][1])
    assert time.perf_counter() - began < 10


@given(st.lists(st.binary(max_size=40)))
def test_any_octets_are_read_or_refused(slices):
    """The reader raises ProtocolError or nothing."""
    with contextlib.suppress(ProtocolError):
        read(slices)
