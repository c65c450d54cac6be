"""Header facts: the one extractor, its limits, identity and signals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.mime import headers
from eisd.mime.headers import (
    author,
    decode_text,
    extract,
    fingerprint,
    identity,
    read_fields,
    usual_fields,
)
from eisd.mime.limits import HEADER_BLOCK, HEADER_FIELD, REFERENCES
from eisd.mime.prefixes import base_subject, is_automatic, is_reply
from eisd.mime.signals import header_bits, local_part_signals
from eisd.model.mail import Headers, Signal

TYPICAL = b"""\
From: "Jane Roe" <Jane.Roe@customer.example>
To: John Doe <john@company.example>,
\tsales@company.example
Cc: Bob <bob@customer.example>
Date: Tue, 14 Nov 2023 09:13:22 +0100
Subject: Re: =?utf-8?q?Angebot_f=C3=BCr_Q4?=
Message-ID: <CAF=1@mail.customer.example>
In-Reply-To: <20231113.2@company.example>
References: <20231113.1@company.example>
 <20231113.2@company.example>

From: not@a.header
"""


def signals(*lines: bytes) -> Signal:
    return extract(b"\r\n".join(lines) + b"\r\n\r\n").signals


def test_facts_of_a_typical_header() -> None:
    """Every fact of an ordinary header is read, and nothing after the blank line."""
    facts = extract(TYPICAL)

    assert [address.key for address in facts.from_] == ["jane.roe@customer.example"]
    assert facts.from_[0].name == "Jane Roe"
    assert facts.from_[0].address == "Jane.Roe@customer.example"
    assert [a.key for a in facts.to] == ["john@company.example", "sales@company.example"]
    assert [a.key for a in facts.cc] == ["bob@customer.example"]
    assert facts.date == datetime(2023, 11, 14, 9, 13, 22, tzinfo=timezone(timedelta(hours=1)))
    assert decode_text(facts.subject_raw) == "Re: Angebot für Q4"
    assert facts.message_id == "CAF=1@mail.customer.example"
    assert facts.in_reply_to == "20231113.2@company.example"
    assert facts.references == ("20231113.1@company.example", "20231113.2@company.example")
    assert facts.signals == Signal.REPLY_PREFIX
    assert facts.defects == ()


@pytest.mark.parametrize("ends", [b"\r\n", b"\r", b"\n"])
def test_line_ends_do_not_matter(ends: bytes) -> None:
    """CRLF, CR and LF give the same facts."""
    assert extract(TYPICAL.replace(b"\n", ends)) == extract(TYPICAL)


def test_mixed_line_ends_do_not_matter() -> None:
    """A header that mixes its line ends gives the same facts."""
    lines = TYPICAL.split(b"\n")
    ends = [b"\r\n", b"\r", b"\n"]
    mixed = b"".join(line + ends[i % 3] for i, line in enumerate(lines))

    assert extract(mixed) == extract(TYPICAL)


@given(
    st.binary(max_size=400)
    | st.binary(max_size=60).map(lambda b: TYPICAL[:200] + b + TYPICAL[200:])
)
def test_extract_is_total(header: bytes) -> None:
    """No bytes make the extractor raise, and the same bytes give the same facts."""
    facts = extract(header)

    assert isinstance(facts, Headers)
    assert facts == extract(header)
    assert identity(facts)
    author(facts)


LINES = st.sampled_from(
    [
        b"From: a@b.test",
        b"from :x",
        b"To",
        b"X-Any: 1",
        b" folded ",
        b"\tand: so",
        b"",
        b"\r",
        b": ",
    ]
)


@given(st.lists(LINES | st.binary(max_size=6), max_size=8), st.sampled_from([b"\r\n", b"\n"]))
def test_a_block_as_servers_send_it_is_split_as_any_other(lines: list[bytes], end: bytes) -> None:
    """The quick way to the fields finds what the careful one finds, or leaves it to that one."""
    header = end.join(lines)
    found = usual_fields(header)

    assert found is None or found == read_fields(header.replace(b"\r\n", b"\n"))[0]


def test_what_is_no_name_is_not_remembered() -> None:
    """A line of any length before its colon leaves nothing behind, however lines end."""
    kept = headers._wanted.cache_info().currsize

    for end in (b"\r\n", b"\n"):
        block = end.join([b"%d" % number + b"x" * 900 + b": y" for number in range(50)])
        assert read_fields(block) == ({}, [])

    assert headers._wanted.cache_info().currsize == kept


def test_garbage_lines_are_passed_over() -> None:
    """Mbox lines, lines without a colon and a space before the colon hide nothing."""
    facts = extract(
        b"From x@y Mon Jan  1 00:00:00 2024\n>From z\ngarbage\nSubject : ok\nFROM:a@b.test\n"
    )

    assert facts.subject_raw == b"ok"
    assert facts.from_[0].key == "a@b.test"
    assert not facts.signals & Signal.AMBIGUOUS_FROM


def test_empty_header() -> None:
    """No header at all is a header without facts."""
    for header in (b"", b"\n", b"\r\n\r\nSubject: body"):
        facts = extract(header)

        assert (facts.message_id, facts.subject_raw, facts.from_) == (None, b"", ())
        assert identity(facts).startswith("fp:")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"<a@b>", "a@b"),
        (b"<A@B> (comment)", "A@B"),
        (b"<<a@b>>", "<a@b>"),
        (b"a@b", "a@b"),
        (b"< a \t@b >", "a@b"),
        (b"<a@b> <c@d>", "a@b><c@d"),
        (b"", None),
        (b"<>", None),
        (b"<" + b"x" * 999 + b">", None),
        (b"<" + b"x" * 998 + b">", "x" * 998),
    ],
)
def test_message_id(written: bytes, expected: str | None) -> None:
    """The text between the first "<" and the last ">", without white space (I1)."""
    assert expected == extract(b"Message-ID: " + written).message_id


def test_first_message_id_counts() -> None:
    """Of several Message-IDs the first is the identity."""
    assert identity(extract(b"Message-ID: <a@b>\nMessage-Id: <c@d>\n")) == "a@b"


def test_identity_without_message_id() -> None:
    """Without a Message-ID identity is a hash of facts; folding and order do not count."""
    one = extract(b"From: a@x.test\nTo: b@x.test, c@x.test\nSubject: long\r\n subject\nDate: x\n")
    two = extract(b"Date: x\nTo: C@x.test,\n b@x.test\nFrom: <a@x.test>\nSubject: long  subject\n")
    other = extract(b"Date: x\nTo: b@x.test\nFrom: <a@x.test>\nSubject: long subject\n")

    assert identity(one) == identity(two) == "fp:" + fingerprint(one)
    assert identity(one) != identity(other)


def test_references_are_the_last() -> None:
    """Of many references the last are kept, in order."""
    value = b" ".join(b"<%d@x>" % number for number in range(50))

    assert extract(b"References: " + value).references == tuple(
        f"{number}@x" for number in range(50 - REFERENCES, 50)
    )


def test_every_occurrence_is_read() -> None:
    """Recipients of repeated fields add up; a second From is a mark of doubt."""
    facts = extract(b"To: a@x.test\nTo: b@x.test\nFrom: c@x.test\nFrom: d@x.test\n")

    assert [a.key for a in facts.to] == ["a@x.test", "b@x.test"]
    assert [a.key for a in facts.from_] == ["c@x.test", "d@x.test"]
    assert facts.signals & Signal.AMBIGUOUS_FROM


def test_header_limits() -> None:
    """A huge block and a huge field are cut, and the facts say so."""
    long_block = extract(b"Subject: a\n" + b"X: y\n" * HEADER_BLOCK)
    long_field = extract(b"Subject: " + b"a" * (HEADER_FIELD + 9) + b"\nFrom: a@b.test\n")

    assert long_block.signals & long_field.signals & Signal.LIMITED
    assert long_block.defects == ("header_block",)
    assert long_field.defects == ("header_field:subject",)
    assert len(long_field.subject_raw) <= HEADER_FIELD
    assert long_field.from_[0].key == "a@b.test"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_what_follows_ten_thousand_recipients_is_read(end: bytes) -> None:
    """A field longer than a whole block may be takes nothing from those that follow it."""
    people = (b"," + end + b" ").join(b"Somebody <u%d@people.test>" % n for n in range(12_000))
    fields = [b"From: a@b.test", b"To: " + people, b"Subject: Hello", b"Message-ID: <m@b.test>"]
    facts = extract(end.join([*fields, b"", b"Subject: no header"]))

    assert (facts.subject_raw, facts.message_id) == (b"Hello", "m@b.test")
    assert facts.defects == ("header_field:to",)
    assert len(facts.to) > 1_000


@pytest.mark.parametrize(
    ("line", "signal"),
    [
        (b"List-Id: <l.x.test>", Signal.LIST),
        (b"List-Post: <mailto:l@x.test>", Signal.LIST),
        (b"List-Unsubscribe: <mailto:u@x.test>", Signal.UNSUBSCRIBE),
        (b"Precedence: Bulk", Signal.BULK),
        (b"Precedence: first-class", Signal(0)),
        (b"Feedback-ID: 1:2:3", Signal.BULK),
        (b"Precedence: auto_reply", Signal.AUTO_REPLY),
        (b"X-Autoreply: yes", Signal.AUTO_REPLY),
        (b"X-Autorespond: x", Signal.AUTO_REPLY),
        (b"X-Autoresponder: x", Signal.AUTO_REPLY),
        (b"Auto-Submitted: no", Signal(0)),
        (b"Auto-Submitted: No; x=y", Signal(0)),
        (b"Auto-Submitted: auto-generated", Signal.AUTO_GENERATED),
        (b"Auto-Submitted: auto-replied (vacation)", Signal.AUTO_REPLY | Signal.AUTO_GENERATED),
        (b"Return-Path: <>", Signal.NULL_RETURN_PATH),
        (b"Return-Path: <a@x.test>", Signal(0)),
        (b"Content-Type: multipart/report; report-type=delivery-status", Signal.DELIVERY_REPORT),
        (
            b'Content-Type: Multipart/Report;\r\n\tReport-Type="Delivery-Status"',
            Signal.DELIVERY_REPORT,
        ),
        (
            b"Content-Type: multipart/report; report-type=delivery-status (RFC 3462); boundary=b",
            Signal.DELIVERY_REPORT,
        ),
        (
            b"Content-Type: multipart/report; report-type=disposition-notification",
            Signal.READ_RECEIPT,
        ),
        (b'Content-Type: text/calendar; method=REQUEST; charset="utf-8"', Signal.CALENDAR),
        (b"Content-Type: text/calendar; method=publish", Signal(0)),
        (b"From: no-reply@x.test", Signal.AUTHOR_NO_REPLY),
        (b"From: donotreply+7@x.test", Signal.AUTHOR_NO_REPLY),
        (b"From: bounces-12@x.test", Signal.AUTHOR_NO_REPLY),
        (b"From: bouncer@x.test", Signal(0)),
        (b"From: noreen@x.test", Signal(0)),
        (b"From: Support@x.test", Signal.AUTHOR_ROLE),
        (b"From: MAILER-DAEMON@x.test", Signal.AUTHOR_DAEMON | Signal.AUTHOR_NO_REPLY),
        (b"From: postmaster@x.test", Signal.AUTHOR_DAEMON),
        (b"From: a@x.test, b@x.test", Signal.AMBIGUOUS_FROM),
        (b"From: a@x.test, A@x.test", Signal(0)),
        (b"From: <good@a.test> <evil@b.test>", Signal.AMBIGUOUS_FROM),
        (b"From: Roe, Jane <a@x.test>", Signal(0)),
    ],
)
def test_signal_of_a_field(line: bytes, signal: Signal) -> None:
    """Each bit is decided by its own field."""
    assert signal == signals(line)


@pytest.mark.parametrize(
    "subject",
    [
        "Re: x",
        "RE: x",
        "re[2]: x",
        "AW: x",
        "SV: x",
        "Antw: x",
        "Rif: x",
        "RES: x",
        "Odp: x",
        "Vá: x",
        "答复: x",
        "回复\uff1ax",
        "[list] Re: x",
        "Re : x",
        "VS: x",
        "Ynt: x",
        "Отв: x",
    ],
)
def test_reply_prefix(subject: str) -> None:
    """Reply prefixes are known in the languages people write in."""
    assert signals(b"Subject: " + subject.encode()) & Signal.REPLY_PREFIX
    assert base_subject(subject) in {"x", "[list] re: x"} or base_subject(subject) == "x"


@pytest.mark.parametrize("subject", ["Rechnung: x", "Fwd: x", "Reminder: x", "Project: Re x", "x"])
def test_no_reply_prefix(subject: str) -> None:
    """What only looks like a reply prefix is none."""
    assert not signals(b"Subject: " + subject.encode()) & Signal.REPLY_PREFIX


@pytest.mark.parametrize(
    "subject",
    [
        b"Automatic reply: x",
        b"Out of Office: x",
        b"OOO: x",
        b"Automatische Antwort: x",
        b"=?utf-8?q?R=C3=A9ponse_automatique_=3A_x?=",
        "自動回覆: x".encode(),
        b"Abwesenheitsnotiz",
        "Respuesta automática: x".encode("latin-1"),
    ],
)
def test_automatic_subject_needs_a_parent(subject: bytes) -> None:
    """An automatic reply's subject counts only where the message answers another (G2)."""
    assert not signals(b"Subject: " + subject) & Signal.AUTO_REPLY
    assert signals(b"Subject: " + subject, b"In-Reply-To: <a@b>") & Signal.AUTO_REPLY


def test_author_is_from() -> None:
    """The author is the first address of From, even behind an unquoted comma."""
    facts = extract(b"From: Roe, Jane <j@x.test>\nReply-To: r@x.test\nSender: s@x.test\n")

    writer = author(facts)

    assert writer is not None
    assert writer.key == "j@x.test"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            b"List-Id: <l>\nList-Post: <mailto:l@x.test>\nFrom: J <l@x.test>\nReply-To: j@y.test",
            "j@y.test",
        ),
        (
            (
                b"List-Id: <l>\nList-Post: <mailto:L%40x.test>\nFrom: l@x.test\n"
                b"X-Original-From: k@y.test"
            ),
            "k@y.test",
        ),
        (b"From: l@x.test\nX-Original-Sender: k@y.test", "k@y.test"),
        (b"List-Id: <l>\nList-Post: <mailto:l@x.test>\nFrom: l@x.test", "l@x.test"),
    ],
)
def test_author_behind_a_list(lines: bytes, expected: str) -> None:
    """When a list wrote itself into From, the author is whom the list names (S3)."""
    facts = extract(lines)
    writer = author(facts)

    assert facts.signals & Signal.LIST_REWRITE
    assert writer is not None
    assert expected == writer.key


def test_list_mail_that_left_from_alone() -> None:
    """A list that left From alone changes no author."""
    facts = extract(
        b"List-Id: <l>\nList-Post: <mailto:l@x.test>\nFrom: j@y.test\nReply-To: l@x.test\n"
    )
    writer = author(facts)

    assert not facts.signals & Signal.LIST_REWRITE
    assert writer is not None
    assert writer.key == "j@y.test"


def test_envelope_and_authentication() -> None:
    """Delivered-To, X-Original-To and Authentication-Results are read, topmost first."""
    facts = extract(
        b"Delivered-To: A@x.test\nAuthentication-Results: mx.x.test;\r\n dmarc=pass\n"
        b"Authentication-Results: forged; dmarc=pass\nX-Original-To: b@x.test\n"
        b"Delivered-To: a@x.test\n"
    )

    assert facts.delivered_to == ("a@x.test", "b@x.test")
    assert facts.authentication_results == (b"mx.x.test; dmarc=pass", b"forged; dmarc=pass")


def test_received_dates() -> None:
    """The dates of Received are read from behind the last semicolon."""
    facts = extract(
        b"Received: from a by b; id 1; Tue, 14 Nov 2023 09:00:00 +0000\nReceived: nothing here\n"
        b"Received: from c;\r\n Tue, 14 Nov 2023 08:00:00 GMT (some zone)\n"
    )

    assert facts.received == (
        datetime(2023, 11, 14, 9, tzinfo=UTC),
        datetime(2023, 11, 14, 8, tzinfo=UTC),
    )


def test_marks_of_any_address() -> None:
    """What a local part says can be asked of any address."""
    assert local_part_signals("Notifications@x.test") == Signal.AUTHOR_NO_REPLY
    assert local_part_signals("jane@x.test") == Signal(0)


BEGINNINGS = [
    *("Re", "AW", "r", "Odp", "é", "Out of Office", "OOO", "auto", "x y"),
    *(":", " : ", "[", "]", "(2)", "^3", "<", "\t", "=?", "  "),
]


@given(st.lists(st.sampled_from(BEGINNINGS), min_size=1, max_size=6), st.booleans())
def test_a_subject_is_judged_by_its_beginning(pieces: list[str], answers: bool) -> None:
    """Short cuts included, a subject's bits are what the lists of prefixes say of it."""
    raw = "".join(pieces).strip(" \t").encode()
    subject = decode_text(raw)
    bits = header_bits({}, raw, "", answers=answers)

    assert bool(bits & Signal.REPLY_PREFIX) == (bool(raw) and is_reply(subject))
    assert bool(bits & Signal.AUTO_REPLY) == (answers and is_automatic(subject))
