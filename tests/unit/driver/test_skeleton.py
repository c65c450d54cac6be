"""Large messages as skeletons: what is fetched, what is left out, what a parser reads."""

from __future__ import annotations

import email
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from eisd.driver.imap.skeleton import build, wanted
from eisd.wire.imap_structure import Part

HEADER = (
    b"From: a@b.test\r\nSubject: big\r\nContent-Type: multipart/mixed;\r\n boundary=old\r\n"
    b"X-Long: one\r\n two\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)
TEXT = Part("1.1", "text", "plain", {"charset": "utf-8"}, encoding="quoted-printable", size=20)
HTML = Part("1.2", "text", "html", {"charset": "utf-8"}, encoding="base64", size=24)
PDF = Part(
    "2", "application", "pdf", {"name": "old.pdf"}, encoding="base64", size=4_000_000,
    disposition="attachment", disposition_params={"filename": "Rechnung \u00e4.pdf"},
)  # fmt: skip
LOG = Part("3", "text", "plain", {}, size=900_000, disposition="attachment")
LOGO = Part("4", "image", "png", {}, content_id="<logo@x>", encoding="base64", size=40_000)
MIXED = Part(
    "", "multipart", "mixed", {"boundary": "old"},
    children=(
        Part("1", "multipart", "alternative", {"boundary": "inner"}, children=(TEXT, HTML)),
        PDF, LOG, LOGO,
    ),
)  # fmt: skip


def test_texts_are_wanted_and_attachments_are_not():
    """Plain and HTML text, but no attachment, be it text."""
    assert wanted(MIXED) == ("1.1", "1.2")


def test_a_skeleton_reads_like_the_message():
    """The standard library finds the texts decoded, the header kept, and no attachment."""
    contents = {"1.1": b"Gr=C3=BC=C3=9Fe\r\n", "1.2": b"PGI+aGk8L2I+\r\n"}
    rfc822, _ = build(HEADER, MIXED, contents)
    message = email.message_from_bytes(rfc822, policy=default)
    assert message["Subject"] == "big"
    assert message["X-Long"] == "one two"
    assert len(message.get_all("Content-Type")) == 1
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content() == "Gr\u00fc\u00dfe\r\n"
    assert html.get_content() == "<b>hi</b>"
    assert list(message.iter_attachments()) == []


def test_what_is_left_out_is_listed():
    """Omitted parts have name, type, an estimate of their decoded size, and no digest."""
    _, omitted = build(HEADER, MIXED, {"1.1": b"x", "1.2": b"eA=="})
    pdf, log, logo = omitted
    assert (pdf.filename, pdf.content_type, pdf.size) == (
        "Rechnung \u00e4.pdf", "application/pdf", 3_000_000,
    )  # fmt: skip
    assert (log.content_type, log.size, log.inline) == ("text/plain", 900_000, False)
    assert (logo.inline, logo.content_id, logo.sha256) == (True, "logo@x", "")


def test_names_are_decoded_and_harmless():
    """RFC 2231 and RFC 2047 names, paths and controls."""
    for params, name in (
        ({"filename*0*": "utf-8''R%C3%A4t", "filename*1": "sel.txt"}, "R\u00e4tsel.txt"),
        ({"filename": "=?utf-8?q?R=C3=A4t=2Etxt?="}, "R\u00e4t.txt"),
        ({"filename": "..\\..\\evil\r\n.exe"}, "evil .exe"),
        ({"filename": "/etc/passwd"}, "passwd"),
    ):
        part = Part("1", "application", "x", disposition="attachment", disposition_params=params)
        assert build(b"", part, {})[1][0].filename == name


def test_a_single_text_is_cut_not_lost():
    """A message that is one huge text keeps its header and what was fetched of it."""
    part = Part("1", "text", "plain", {"charset": "iso-8859-1"}, encoding="8bit", size=9_000_000)
    assert wanted(part) == ("1",)
    rfc822, omitted = build(b"From: a@b.test\r\n\r\n", part, {"1": b"caf\xe9"})
    message = email.message_from_bytes(rfc822, policy=default)
    assert message.get_content() == "caf\u00e9"
    assert omitted == ()


def test_a_single_attachment_leaves_an_empty_text():
    """A message that is one huge PDF is a header and an omitted attachment."""
    part = Part("1", "application", "pdf", {}, encoding="base64", size=9_000_000)
    rfc822, (pdf,) = build(HEADER, part, {})
    message = email.message_from_bytes(rfc822, policy=default)
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == ""
    assert pdf.content_type == "application/pdf"


def test_a_delivery_report_keeps_what_it_says():
    """The status and the header of the original are fetched, the original itself is not."""
    original = Part("3", "message", "rfc822", {}, size=9_000_000, children=(TEXT,))
    report = Part(
        "", "multipart", "report", {"report-type": "delivery-status", "boundary": "b"},
        children=(
            Part("1", "text", "plain", {}),
            Part("2", "message", "delivery-status", {}),
            original,
        ),
    )  # fmt: skip
    assert wanted(report) == ("1", "2", "3.HEADER")
    said = {"1": b"Sorry", "2": b"Action: failed\r\n", "3.HEADER": b"Message-ID: <m@x>\r\n\r\n"}
    rfc822, omitted = build(HEADER, report, said)
    message = email.message_from_bytes(rfc822, policy=default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    inner = next(p for p in message.walk() if p.get_content_type() == "message/rfc822")
    assert inner.get_payload(0)["Message-ID"] == "<m@x>"
    assert omitted == ()


def test_a_forwarded_message_is_an_attachment():
    """A message/rfc822 outside of a report is not looked into."""
    inner = Part("2", "message", "rfc822", {}, size=800_000, children=(TEXT,))
    mixed = Part("", "multipart", "mixed", {}, children=(Part("1", "text", "plain"), inner))
    assert wanted(mixed) == ("1",)
    assert [a.content_type for a in build(HEADER, mixed, {"1": b"fwd"})[1]] == ["message/rfc822"]


def test_a_boundary_is_never_the_senders():
    """Content that holds boundaries, ours of another message too, breaks nothing."""
    nested, _ = build(HEADER, MIXED, {"1.1": b"a", "1.2": b"Yg=="})
    rfc822, _ = build(HEADER, MIXED, {"1.1": nested, "1.2": b"Yg=="})
    message = email.message_from_bytes(rfc822, policy=default)
    assert [p.get_content_type() for p in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip


texts = st.text(max_size=20)


@given(
    texts, texts, st.dictionaries(texts, texts, max_size=3), texts, texts, st.binary(max_size=50)
)
def test_no_structure_breaks_out_of_its_line(
    kind: str, subtype: str, params: dict[str, str], encoding: str, cid: str, content: bytes
):
    """Whatever a server claims of a part, it adds no header field and raises nothing."""
    part = Part("1", kind, subtype, params, cid, "", encoding, 5, "attachment", params)
    rfc822, _ = build(b"From: a@b.test\r\n\r\n", part, {"1": content})
    head = rfc822.partition(b"\r\n\r\n")[0]
    names = {line.split(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] != b" "}
    assert names <= {
        b"from", b"mime-version", b"content-type", b"content-transfer-encoding",
        b"content-disposition", b"content-id",
    }  # fmt: skip
