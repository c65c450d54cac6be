"""Answers go to the right people, in the right thread, under the right name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from eisd.errors import UserError
from eisd.mime.quote import split_reply
from eisd.model.outgoing import File, Party
from eisd.outbox.compose import compose
from eisd.outbox.reply import Original, Words, forward, references, reply

ADA, BOB, EVE = (Party(f"{name.lower()}@people.test", name) for name in ("Ada", "Bob", "Eve"))
ME = Party("sales@example.org", "Sales")
OURS = ("sales@example.org", "hello@example.org")
LETTER = Original(
    ADA,
    message_id="a1@people.test",
    subject="Offer",
    to=(ME, BOB),
    cc=(EVE, Party("hello@example.org")),
    date=datetime(2026, 3, 1, 12, 5, tzinfo=UTC),
    text="Dear Sales,\n> old\n\nAda",
)


def answered(original: Original = LETTER, *, everyone: bool = False, **words: object):
    return reply(original, Words(text="Yes.", **words), sender=ME, ours=OURS, everyone=everyone)


def test_a_reply():
    """To its author alone, in the thread, quoting below; our own reader finds the new part."""
    made = answered()

    assert (made.to, made.cc, made.bcc) == ((ADA,), (), ())
    assert made.subject == "Re: Offer"
    assert (made.in_reply_to, made.references) == ("a1@people.test", ("a1@people.test",))
    assert made.text == (
        "Yes.\n\nOn Sun, 1 Mar 2026 at 12:05 +0000, Ada <ada@people.test> wrote:\n"
        "> Dear Sales,\n>> old\n>\n> Ada\n"
    )
    assert split_reply(made.text).reply == "Yes."
    assert answered(quote=False).text == "Yes."


@pytest.mark.parametrize(
    ("change", "to", "cc"),
    [
        ({}, (ADA,), (BOB, EVE)),
        ({"reply_to": (Party("list@people.test"),)}, (Party("list@people.test"),), (BOB, EVE)),
        ({"reply_to": (ME,)}, (ADA,), (BOB, EVE)),
        ({"sender": Party("Hello+x@Example.org"), "to": (ADA,)}, (ADA,), (EVE,)),
        ({"to": (ADA, BOB, Party("BOB@people.test")), "cc": ()}, (ADA,), (BOB,)),
        ({"cc": (Party("sales+crm@example.org"), Party("no address"))}, (ADA,), (BOB,)),
    ],
)
def test_a_reply_to_all(change, to, cc):
    """Everybody once; never ourselves, under whatever alias or tag; Reply-To before From."""
    made = answered(replace(LETTER, **change), everyone=True)
    assert (made.to, made.cc) == (to, cc)


def test_nobody_is_left():
    """A note to ourselves is answered by nobody: refused, and not sent to us."""
    with pytest.raises(UserError, match="nobody"):
        answered(replace(LETTER, sender=ME, to=(ME,), cc=()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Offer", "Re: Offer"),
        ("Re: Offer", "Re: Offer"),
        ("AW: Re: RE[2]: Offer", "Re: Offer"),
        ("회신: 견적", "Re: 견적"),
        ("Antw: Sv: Straße", "Re: Straße"),
        ("Fwd: Offer", "Re: Fwd: Offer"),
        ("Regarding: Offer", "Re: Regarding: Offer"),
        ("a\r\nBcc: x", "Re: a Bcc: x"),
        ("", "Re:"),
        ("x" * 2000, "Re: " + "x" * 996),
    ],
)
def test_subjects(before, after):
    """One prefix, whatever language put another there; forwards stay visible."""
    assert answered(replace(LETTER, subject=before)).subject == after


def test_references_are_bounded():
    """The first of the thread and the last nineteen; what is no Message-ID is left out."""
    parents = tuple(f"{n}@x" for n in range(60))
    found = references(replace(LETTER, references=(*parents, "a b", "<c>")))
    assert found == ("0@x", *(f"{n}@x" for n in range(42, 60)), "a1@people.test")
    assert references(replace(LETTER, in_reply_to="z@x")) == ("z@x", "a1@people.test")
    assert references(replace(LETTER, message_id="")) == ()


def test_a_rich_reply():
    """The quoted HTML is the letter's, without what runs, hides or phones home."""
    html = (
        "<html><head><style>p{}</style></head><body onload=x()><script>evil()</script>"
        '<p style="x" align=left>Hi &lt;b&gt; <a href="javascript:x">j</a>'
        '<a href="https://x.test/?a=1&amp;b=2">l</a><img src="http://spy.test/p.gif" alt="logo">'
        "<div><b>open</body></html>"
    )
    made = answered(replace(LETTER, html=html), html="<p>Yes.</p>")

    assert made.html is not None
    quoted = made.html.partition("<blockquote")[2].partition("\n")[2]
    assert quoted.startswith(
        '<p align="left">Hi &lt;b&gt; <a>j</a><a href="https://x.test/?a=1&amp;b=2">l</a>logo'
        "<div><b>open</b></div></p>\n</blockquote>"
    )
    assert made.text is not None
    assert made.text.startswith("Yes.\n\nOn Sun")


def test_a_forward():
    """Its words, its header, its attachments, its inline images; and a thread of its own."""
    image = File("logo.png", b"png", "image/png", content_id="logo")
    paper = File("offer.pdf", b"pdf", "application/pdf")
    original = replace(LETTER, html='<p>Dear <img src="cid:logo">', files=(image, paper))
    made = forward(original, Words("FYI"), sender=ME, to=[EVE])

    assert made.subject == "Fwd: Offer"
    assert made.files == (image, paper)
    assert (made.in_reply_to, made.references) == ("", ())
    assert made.text is not None
    assert made.text.startswith("FYI\n\n---------- Forwarded message ----------\nFrom: Ada")
    assert made.html is not None
    assert '<img src="cid:logo">' in made.html
    rfc822 = compose(made, message_id="f@x", date=datetime(2026, 3, 2, tzinfo=UTC))
    message = message_from_bytes(rfc822, policy=default)
    assert message["X-Forwarded-Message-Id"] == "<a1@people.test>"
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == [
        "logo.png",
        "offer.pdf",
    ]


def test_a_plain_forward():
    """Without HTML on either side an inline image is an attachment like any other."""
    image = File("logo.png", b"png", "image/png", content_id="logo")
    made = forward(replace(LETTER, files=(image,)), Words(), sender=ME, to=[EVE])
    assert made.html is None
    assert made.files == (replace(image, content_id=""),)
    again = forward(replace(LETTER, subject="Fwd: Offer"), Words(), sender=ME, to=[EVE])
    assert again.subject == "Fwd: Offer"
