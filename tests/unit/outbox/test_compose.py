"""What is composed says what was meant, to every reader, and nothing else."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import EmailMessage
from email.policy import SMTPUTF8, default
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisd.mime.headers import extract
from eisd.mime.parse import parse
from eisd.mime.words import decode_text
from eisd.model.outgoing import Envelope, File, Outgoing, Party
from eisd.outbox.address import read_parties, wire_address
from eisd.outbox.check import Unsendable
from eisd.outbox.compose import compose, envelope, mint_message_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Party("ada@people.test", "Ada Lovelace")
LETTER = Outgoing(Party("sales@example.org", "Example Sales"), (ADA,), subject="Hi", text="Hello")


def made(outgoing: Outgoing) -> bytes:
    return compose(outgoing, message_id="m1@example.org", date=NOON)


def read(rfc822: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(rfc822, policy=default))


def text_of(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def fields(rfc822: bytes) -> list[str]:
    """The names of the header's fields, as the bytes have them."""
    head = rfc822.partition(b"\r\n\r\n")[0]
    return [
        line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"
    ]


def test_a_plain_letter():
    """The whole of it, byte for byte."""
    assert made(LETTER).decode().split("\r\n") == [
        "Date: Sun, 01 Mar 2026 12:00:00 +0000",
        "From: Example Sales <sales@example.org>",
        "To: Ada Lovelace <ada@people.test>",
        "Subject: Hi",
        "Message-ID: <m1@example.org>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "Hello",
        "",
    ]


def test_a_rich_letter():
    """Text from the HTML, the image beside it, the attachment around them; all as it was."""
    image = File("logo.png", b"\x89PNG" * 50, content_id="logo")
    paper = File("Ünïcode 보고서.pdf", bytes(range(256)), "application/pdf")
    rich = replace(
        LETTER,
        text=None,
        html='<p>Dear <b>Ada</b>, 안녕</p><img src="cid:logo">',
        files=(image, paper),
        cc=(Party("bob@x.test", "Größe, Bob (QA)"),),
        bcc=(Party("eve@x.test"),),
        reply_to=(Party("team@example.org"),),
        in_reply_to="a@b",
        references=("z@b", "a@b"),
        headers=(("List-Unsubscribe", "<https://x.test/?u=1>, <mailto:off@x.test>"),),
    )
    rfc822 = made(rich)
    message = read(rfc822)

    assert message.get_content_type() == "multipart/mixed"
    shape = [part.get_content_type() for part in message.walk()]
    assert shape[1:4] == ["multipart/alternative", "text/plain", "multipart/related"]
    body = message.get_body(("plain",))
    assert body is not None
    assert text_of(body) == "Dear Ada, 안녕\n"
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert attached == {paper.filename: paper.data}
    assert message["Bcc"] == "eve@x.test"
    assert message["Cc"].addresses[0].display_name == "Größe, Bob (QA)"
    assert message["References"] == "<z@b> <a@b>"
    assert message["List-Unsubscribe"] == "<https://x.test/?u=1>, <mailto:off@x.test>"

    ours = parse(rfc822)
    assert ours.text.strip() == "Dear Ada, 안녕"
    assert [a.filename for a in ours.attachments if not a.inline] == [paper.filename]
    facts = extract(rfc822)
    assert facts.references == ("z@b", "a@b")
    assert [a.key for a in facts.bcc] == ["eve@x.test"]


@pytest.mark.parametrize(
    "subject",
    ["Größe", "日本語の件名" * 20, "a  b", " a", "=?utf-8?q?a=0ABcc:_x?=", "x" * 500, "😀" * 60],
)
def test_any_subject_comes_back(subject):
    """However long and in whatever script, on lines of at most 78, for our reader and theirs."""
    rfc822 = made(replace(LETTER, subject=subject))
    assert read(rfc822)["Subject"] == subject
    assert decode_text(extract(rfc822).subject_raw) == subject.strip()
    assert max(map(len, rfc822.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "From here\n.\n..\nFrom there\n",
        "é" * 3000,
        "tail   \nof spaces \t",
        "-- \nme",
        "\0a\x07b",
    ],
)
def test_any_text_comes_back(text):
    """Long lines, lone dots, "From " at the start, spaces at the end; controls do not."""
    rfc822 = made(replace(LETTER, text=text))
    expected = text.replace("\0", "").replace("\x07", "").rstrip("\n") + "\n"
    assert text_of(read(rfc822)) == expected
    assert max(map(len, rfc822.split(b"\r\n"))) <= 998
    assert b"\r\nFrom " not in rfc822.partition(b"\r\n\r\n")[2]


def test_an_attached_message_stays_a_message():
    """RFC 2046 5.2.1 allows it no encoding; one with wide lines goes as a file."""
    inner = made(LETTER)
    attached = File("letter.eml", inner, "message/rfc822")
    message = read(made(replace(LETTER, files=(attached,))))
    (part,) = message.iter_attachments()
    assert part.get_content_type() == "message/rfc822"
    assert part.get_content()["Subject"] == "Hi"

    wide = File("wide.eml", b"a" * 2000, "message/rfc822")
    (part,) = read(made(replace(LETTER, files=(wide,)))).iter_attachments()
    assert part.get_content_type() == "application/octet-stream"


def test_a_boundary_is_never_in_the_text():
    """The text of a message that quotes our own boundary gets another one."""
    first = made(replace(LETTER, html="<p>x</p>"))
    mark = first.partition(b'boundary="')[2].partition(b'"')[0].decode()
    again = made(replace(LETTER, html="<p>x</p>", text=f"--{mark}--"))
    assert len(list(read(again).iter_parts())) == 2


VECTORS = [
    "a\r\nBcc: evil@x.test",
    "a\nBcc: evil@x.test",
    "a\rBcc: evil@x.test",
    "a\r\n Bcc: evil@x.test",
    "a\r\n\r\nbody",
    "a\0b",
    "a\x0bb",
    "a\x0cb",
    "a\x1eb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\udc80b",
    "a\x7fb",
]


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("place", ["subject", "name", "address", "header", "file", "id", "to"])
def test_no_value_becomes_a_header(vector, place):
    """ROBUSTNESS 6.1: a break or a control is refused wherever it stands, never mended."""
    hostile = {
        "subject": replace(LETTER, subject=vector),
        "name": replace(LETTER, sender=Party("s@x.test", vector)),
        "address": replace(LETTER, sender=Party(f"{vector}@x.test")),
        "header": replace(LETTER, headers=(("X-Tag", vector),)),
        "file": replace(LETTER, files=(File(vector, b""),)),
        "id": replace(LETTER, in_reply_to=vector),
        "to": replace(LETTER, to=(Party(f"b@y>{vector}"),)),
    }[place]
    with pytest.raises(Unsendable) as caught:
        made(hostile)
    assert caught.value.problems


ENCODED = [
    "=?utf-8?q?a=0ABcc:_evil=40x?=",
    "=?utf-8?b?YQpCY2M6IHg=?=",
    "=?x?",
    "a =?utf-8?q?=0D=0A?= b",
]


@pytest.mark.parametrize("vector", ENCODED)
def test_encoded_words_stay_text(vector):
    """What looks like an encoded word is encoded itself: readers show it as it was typed."""
    rfc822 = made(replace(LETTER, subject=vector, to=(Party("b@y.test", vector),)))
    assert fields(rfc822)[:5] == ["Date", "From", "To", "Subject", "Message-ID"]
    assert read(rfc822)["Subject"] == vector
    assert read(rfc822)["To"].addresses[0].display_name == vector


@pytest.mark.parametrize(
    "name", ["Bcc", "FROM", "Content-Type", "Subject", "Resent-To", "X:", "", "a b"]
)
def test_headers_that_are_ours(name):
    """A further header is never one that eisd writes, and always a header."""
    with pytest.raises(Unsendable):
        made(replace(LETTER, headers=((name, "x"),)))


any_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(subject=any_text, name=any_text, tag=any_text.filter(str.strip), filename=any_text)
def test_the_fields_are_those_meant(subject, name, tag, filename):
    """Whatever the words: these fields, these recipients, and every line ended by CRLF."""
    outgoing = replace(
        LETTER,
        to=(Party("b@y.test", name),),
        subject=subject,
        headers=(("X-Tag", tag),),
        files=(File(filename, b"x"),) if len(filename.encode()) <= 200 else (),
        allow_empty=True,
    )
    rfc822 = made(outgoing)
    wanted = ["Date", "From", "To", "Subject", "Message-ID", "X-Tag", "MIME-Version"]
    assert [f for f in fields(rfc822) if not f.startswith("Content-")] == wanted
    assert rfc822.replace(b"\r\n", b"").count(b"\n") == 0
    assert [a.key for a in extract(rfc822).to] == ["b@y.test"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_is_refused_or_safe(local, domain):
    """What goes behind RCPT TO has no space, no bracket and no control outside quotes (6.2)."""
    found = wire_address(f"{local}@{domain}")
    if found is not None:
        bare = found.partition('"')[0] if found.startswith('"') else found
        assert not set(bare) & set(" <>\r\n\t\0()\\,;")
        assert found.rpartition("@")[2].isascii()


@pytest.mark.parametrize(
    ("written", "wire"),
    [
        ("a@x.test", "a@x.test"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("ärger@x.test", "ärger@x.test"),
        ("abc.@docomo.test", '"abc."@docomo.test'),
        ('"a b"@x.test', '"a b"@x.test'),
        ("a@[127.0.0.1]", "a@[127.0.0.1]"),
        ("a@localhost", "a@localhost"),
        ("b@y>\r\nRCPT TO:<evil", None),
        ("a b@x.test", None),
        ("a@x..test", None),
        ("@x.test", None),
        ("a@", None),
        ("a@-x.test", None),
        ("<a@x.test>", None),
        ("a" * 65 + "@x.test", None),
    ],
)
def test_addresses(written, wire):
    """Real ones pass, in A-labels; others are refused and not stripped."""
    assert wire_address(written) == wire


def test_parties_as_people_type_them():
    """Names, lists and bare addresses; the piece that is no address is named."""
    assert read_parties('Ada <a@x.test>, "B, C" <b@x.test>, c@x.test') == (
        Party("a@x.test", "Ada"),
        Party("b@x.test", "B, C"),
        Party("c@x.test"),
    )
    with pytest.raises(ValueError, match="nobody"):
        read_parties("a@x.test, nobody")


def test_the_envelope():
    """Everybody once, the blind ones too; SMTPUTF8 only where an address needs it."""
    outgoing = replace(LETTER, cc=(ADA,), bcc=(Party("ADA@people.test"), Party("e@x.test")))
    assert envelope(outgoing) == Envelope(
        "sales@example.org", ("ada@people.test", "ADA@people.test", "e@x.test")
    )
    utf8 = replace(LETTER, to=(Party("ärger@x.test", "Ä"),))
    assert envelope(utf8).utf8
    raw = message_from_string(made(utf8).decode(), policy=SMTPUTF8)
    assert raw["To"].addresses[0].addr_spec == "ärger@x.test"


def test_an_empty_message_must_be_meant():
    """No recipient, subject or text: each is named; with allow_empty they are fine."""
    empty = Outgoing(Party("s@example.org"))
    with pytest.raises(Unsendable) as caught:
        made(empty)
    assert {p.field for p in caught.value.problems} == {"to", "subject", "body"}
    assert read(made(replace(empty, allow_empty=True)))["To"] == "undisclosed-recipients:;"


def test_a_minted_id():
    """Unique, and under the sender's domain."""
    one, other = mint_message_id("a@Münch.test"), mint_message_id("a@Münch.test")
    assert one != other
    assert one.endswith("@xn--mnch-0ra.test")
    assert mint_message_id("nobody").endswith("@localhost")


def test_korean_text_is_base64():
    """Where every letter takes three octets, base64 is the shorter."""
    rfc822 = made(replace(LETTER, text="안녕하세요 " * 20))
    body = rfc822.partition(b"\r\n\r\n")[2]
    assert b"base64" in rfc822
    assert b64decode(body).decode() == "안녕하세요 " * 20 + "\r\n"
