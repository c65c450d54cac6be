"""FETCH responses: one regex for the usual ones, the tokenizer for the rest, one result."""

from __future__ import annotations

import contextlib
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.errors import ProtocolError
from eisd.wire import imap_fetch
from eisd.wire.imap_fetch import Fetched, merge, parse_fetch, quick, swift
from eisd.wire.imap_reader import Limits, Reader

DATE = b"17-Jul-1996 02:44:25 -0700"
ITEMS = (
    b"UID 7",
    b"FLAGS (\\Seen $x)",
    b'INTERNALDATE "' + DATE + b'"',
    b"RFC822.SIZE 99",
    b"MODSEQ (12)",
)
USUAL = Fetched(7, (b"\\Seen", b"$x"), DATE, 99, 12, {b"HEADER.FIELDS": b"A: b\r\n\r\n"})


@pytest.mark.parametrize("items", list(permutations(ITEMS))[::7])
def test_the_usual_answer_in_any_order(items):
    """The regex takes every order of the items, and the tokenizer agrees."""
    head = b"* 3 FETCH (" + b" ".join(items) + b" BODY[HEADER.FIELDS (From To)] {8}"
    segments = [head, b"A: b\r\n\r\n", b")"]

    assert USUAL == quick(segments) == parse_fetch(segments)


def test_the_literal_may_come_first():
    """Some servers put the content before the rest."""
    segments = [
        b"* 3 FETCH (BODY[header.fields (from)] {8}",
        b"A: b\r\n\r\n",
        b" " + b" ".join(ITEMS) + b")",
    ]

    assert quick(segments) is None
    assert parse_fetch(segments) == USUAL


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([b"* 1 FETCH (UID 5 FLAGS ())"], Fetched(5, ())),
        ([b"* 1 FETCH (FLAGS (\\Seen) UID 5)"], Fetched(5, (b"\\Seen",))),
        ([b"* 1 FETCH (UID 5)"], Fetched(5)),
        ([b"* 1 FETCH (UID 5 BODY[]<0> {0}", b"", b")"], Fetched(5, sections={b"": b""})),
        ([b'* 1 FETCH (UID 5 BODY[] "q\\"x")'], Fetched(5, sections={b"": b'q"x'})),
        ([b"* 1 FETCH (UID 5 BODY[] NIL)"], Fetched(5)),
        ([b'* 1 FETCH (UID 5 BODY[] "")'], Fetched(5, sections={b"": b""})),
        (
            [b"* 1 FETCH (UID 5 BINARY[1.2] ~{2}", b"\0x", b")"],
            Fetched(5, sections={b"1.2": b"\0x"}),
        ),
        (
            [b"* 1 FETCH (UID 5 RFC822.HEADER {1}", b"h", b")"],
            Fetched(5, sections={b"HEADER": b"h"}),
        ),
        (
            [b"* 1 FETCH (UID 5 BODY[1.MIME] {1}", b"m", b" BODY[1] {1}", b"t", b")"],
            Fetched(5, sections={b"1.MIME": b"m", b"1": b"t"}),
        ),
        (
            [b'* 1 FETCH (X-GM-LABELS ("\\\\Sent" "a b") UID 5 X-GM-MSGID 12)'],
            Fetched(5, others={b"X-GM-LABELS": [b"\\Sent", b"a b"], b"X-GM-MSGID": b"12"}),
        ),
        ([b'* 1 fetch (uid 5 BODYSTRUCTURE ("TEXT"))'], Fetched(5, bodystructure=[b"TEXT"])),
        (
            [b'* 1 FETCH (UID 5 ENVELOPE ("5* hotel"))'],
            Fetched(5, others={b"ENVELOPE": [b"5* hotel"]}),
        ),
        (
            [b'* 1 FETCH (UID 5 ENVELOPE ("smile :("))'],
            Fetched(5, others={b"ENVELOPE": [b"smile :("]}),
        ),
    ],
)
def test_every_other_answer(segments, expected):
    """Quoted, NIL, empty, literal8, aliases, extensions, and subjects that look like grammar."""
    assert expected == parse_fetch(segments)
    assert quick(segments) in (None, expected)


PIECES = st.sampled_from(
    [
        *(
            b"* 3 FETCH (",
            b"UID 7",
            b"UID 8 ",
            b"FLAGS (\\Seen)",
            b"FLAGS (\r\n) ",
            b"MODSEQ (12) ",
        ),
        *(
            b"RFC822.SIZE 99 ",
            b'INTERNALDATE "' + DATE + b'"',
            b'INTERNALDATE "' + b"\n" * 26 + b'"',
        ),
        *(
            b"BODY[HEADER.FIELDS (From)] {4}",
            b"BODY[] ~{2+}",
            b"BODY[\r\n] {1}",
            b"BODY[1]<0> {99}",
        ),
        *(b"\r\n", b"\n", b" ", b")", b"ab", b"* 3 EXISTS\r\n", b")\r\n", b"T1 OK done\r\n"),
    ]
)
WHOLE = b"* 3 FETCH (UID 7 FLAGS () BODY[HEADER.FIELDS (From)] {4}\r\nab\r\n)\r\n"


def told(stream, cuts, *, shortcut):
    """What a reader makes of a stream: answers, other responses, and how it ends."""
    found = []

    def deliver(segments):
        found.append(quick(segments) or list(segments))

    def take(data, pos):
        while shortcut and (taken := swift(data, pos, 50)) is not None:
            answer, pos, _ = taken
            found.append(answer)
        return pos

    reader = Reader(deliver, Limits(literal=50), take)
    edges = [0, *sorted(cuts), len(stream)]
    try:
        for begin, end in pairwise(edges):
            reader.feed(stream[begin:end])
    except ProtocolError as error:
        found.append(str(error))
    return found


@given(st.lists(PIECES | st.just(WHOLE), max_size=12).map(b"".join), st.lists(st.integers(0, 99)))
def test_the_short_way_is_only_shorter(stream, cuts):
    """Whatever a stream holds and wherever it is cut, what is taken out of it is the same."""
    assert told(stream, cuts, shortcut=True) == told(stream, cuts, shortcut=False)


def test_the_short_way_is_taken():
    """Answers that stand whole in a slice are taken one after the other."""
    first, end, octets = swift(WHOLE * 2, 0, 4)

    assert (first, end, octets) == (
        quick([WHOLE.split(b"\r\n")[0], b"ab\r\n", b")"]),
        len(WHOLE),
        4,
    )
    assert swift(WHOLE * 2, end, 4) == (first, 2 * end, 4)
    assert swift(WHOLE, 0, 3) is None
    assert [at for at in range(len(WHOLE)) if swift(WHOLE[:at], 0, 4)] == []


def test_without_a_uid_it_is_news_only():
    """A FETCH that names no UID cannot be anybody's answer."""
    assert parse_fetch([b"* 1 FETCH (FLAGS (\\Seen))"]) is None
    assert quick([b"* 1 FETCH (FLAGS (\\Seen))"]) is None


@pytest.mark.parametrize(
    "segments",
    [
        [b"* 1 FETCH"],
        [b"* 1 FETCH UID 5"],
        [b"* 1 FETCH (UID)"],
        [b"* 1 FETCH (UID x)"],
        [b"* 1 FETCH (UID 4294967296)"],
        [b"* 1 FETCH (UID 5 FLAGS x)"],
        [b"* 1 FETCH (UID 5 INTERNALDATE (x))"],
        [b"* 1 FETCH (UID 5 BODY[] (x))"],
        [b"* 1 FETCH (UID 5 RFC822.SIZE 99999999999999999999)"],
        [b"* 1 FETCH ((UID) 5)"],
        [b"* 1 FETCH (UID 5))"],
        [b"* 1 FETCH (UID 5 BODY[] {5}", b"hello", b""],
        [b"* 1 FETCH (UID 5 BODY[] {5}", b"hello", b" rest)"],
    ],
)
def test_a_wrong_answer_is_a_protocol_error(segments):
    """Wrong types, ranges and parentheses are refused, not guessed at."""
    with pytest.raises(ProtocolError):
        parse_fetch(segments)


@given(st.binary(max_size=80), st.binary(max_size=20), st.binary(max_size=40))
def test_parse_raises_nothing_but_ours(head, literal, tail):
    """Any octets: a value, None, or ProtocolError."""
    for segments in (
        [b"* 1 FETCH (" + head],
        [b"* 1 FETCH (UID 1 " + head + b"{1}", literal, tail],
    ):
        quick(segments)
        with contextlib.suppress(ProtocolError):
            parse_fetch(segments)


def test_two_answers_for_one_message_become_one():
    """Flags that come apart from the content do not displace it; the newer flags count."""
    old = Fetched(5, (b"a",), DATE, 1, None, {b"": b"x"})
    new = Fetched(5, (b"b",), modseq=4, sections={b"1": b"y"})

    assert Fetched(5, (b"b",), DATE, 1, 4, {b"": b"x", b"1": b"y"}) == merge(old, new)


def test_the_caches_are_bounded():
    """A server cannot fill the memory with flags or section names."""
    for at in range(3000):
        quick([b"* 1 FETCH (UID 1 FLAGS (k%d) BODY[X%d] {1}" % (at, at), b"x", b")"])
    assert len(imap_fetch._flags) < 2000
    assert len(imap_fetch._sections) < 2000
