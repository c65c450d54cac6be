"""Messages for the tests: `make` one as wanted, or a `corpus` that looks like a mailbox."""

from __future__ import annotations

import email.policy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import lru_cache
from string import ascii_letters

OWNER = "anna@lab.test"
NOW = datetime(2025, 6, 2, 9, 0, tzinfo=UTC)
"""The newest message of a corpus, so that runs compare; give another where age matters."""

Addresses = str | Sequence[str]


def make(
    from_: Addresses = "Bob Stranger <bob@elsewhere.test>",
    to: Addresses = OWNER,
    subject: str = "Hello",
    text: str = "Hi.\n",
    *,
    cc: Addresses = (),
    bcc: Addresses = (),
    html: str = "",
    attachments: Mapping[str, bytes] | None = None,
    message_id: str | None = None,
    in_reply_to: str = "",
    date: datetime | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """One well-formed message as bytes. ``message_id`` empty: none; None: a fresh one."""
    message = EmailMessage(email.policy.SMTP)
    written = {
        "From": _joined(from_),
        "To": _joined(to),
        "Cc": _joined(cc),
        "Bcc": _joined(bcc),
        "Subject": subject,
        "Date": format_datetime(date or datetime.now(UTC)),
        "Message-ID": make_msgid(domain="lab.test") if message_id is None else message_id,
        "In-Reply-To": in_reply_to,
        "References": in_reply_to,
        **(headers or {}),
    }
    for name, value in written.items():
        if value:
            message[name] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for filename, content in (attachments or {}).items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=filename
        )
    return message.as_bytes()


def _joined(addresses: Addresses) -> str:
    return addresses if isinstance(addresses, str) else ", ".join(addresses)


@dataclass(frozen=True, slots=True)
class Sample:
    """A message of a corpus, and what a right matcher says of it."""

    rfc822: bytes
    when: datetime
    """Its internal date."""
    kind: str
    """personal, newsletter or notification."""
    sent: bool
    """Written by the mailbox's owner."""
    contact: str | None
    """The contact whom it concerns, from `contact_address`, or None."""


def contact_address(number: int) -> str:
    """The address of the n-th contact; no stranger of a corpus has one like it."""
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]
    return f"{first}.{last}{number}@customer{number % 997}.test".lower()


def corpus(
    count: int,
    *,
    seed: int = 1,
    match_ratio: float = 0.05,
    contacts: int = 1000,
    owner: str = OWNER,
    days: float = 365,
    newest: datetime = NOW,
) -> Iterator[Sample]:
    """Messages of a mailbox, oldest first: about 9 KB each, of which 2 KB header.

    Always the same for the same arguments. ``match_ratio`` of them concern one of ``contacts``
    contacts, half of these sent by the owner; of the rest half are newsletters and notifications.
    """
    dice = random.Random(seed)  # noqa: S311 - the same every time is what is wanted
    step = timedelta(days=days) / max(count, 1)
    for number in range(count):
        when = newest - step * (count - 1 - number)
        matched = dice.random() < match_ratio
        contact = contact_address(dice.randrange(contacts)) if matched else None
        yield _sample(dice, f"{seed}.{number}", when, owner, contact)


def _sample(
    dice: random.Random, name: str, when: datetime, owner: str, contact: str | None
) -> Sample:
    kind = "personal" if contact else dice.choices(_KINDS, _KIND_WEIGHTS)[0]
    other = contact or f"{dice.choice(_LAST)}@stranger{dice.randrange(5000)}.test".lower()
    sent = kind == "personal" and dice.random() < 0.5
    person = _display(dice, other)
    author, recipient = (owner, person) if sent else (person, owner)
    header = (
        _trace(dice, when, owner)
        + f"From: {author}\r\nTo: {recipient}{_copied(dice, kind)}\r\n"
        + f"Subject: {_subject(dice)}\r\nDate: {format_datetime(when)}\r\n"
        + f"Message-ID: <{name}.{dice.getrandbits(64):x}@{other.partition('@')[2]}>\r\n"
        + _thread(dice)
        + _EXTRA[kind]
    )
    return Sample((header + _body(dice, kind)).encode(), when, kind, sent, contact)


def _display(dice: random.Random, address: str) -> str:
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    shapes = (
        f"{first} {last} <{address}>",
        f'"{last}, {first}" <{address}>',
        f"=?utf-8?q?{first}_M=C3=BCller?= <{address}>",
        address,
    )
    return dice.choices(shapes, (70, 15, 10, 5))[0]


def _copied(dice: random.Random, kind: str) -> str:
    if kind != "personal" or dice.random() < 0.6:
        return ""
    others = [
        f"{dice.choice(_FIRST)} <{dice.choice(_LAST).lower()}@stranger{dice.randrange(5000)}.test>"
        for _ in range(dice.randrange(1, 6))
    ]
    return "\r\nCc: " + ",\r\n\t".join(others)


def _subject(dice: random.Random) -> str:
    words = " ".join(dice.choices(_WORDS, k=dice.randrange(2, 9)))
    return dice.choice(("", "Re: ", "Re: ", "Fwd: ")) + words.capitalize()


def _thread(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return ""
    parents = [f"<{dice.getrandbits(80):x}@mail.test>" for _ in range(dice.randrange(1, 5))]
    return f"In-Reply-To: {parents[-1]}\r\nReferences: " + "\r\n ".join(parents) + "\r\n"


def _trace(dice: random.Random, when: datetime, owner: str) -> str:
    stamp = format_datetime(when)
    hops = "".join(
        f"Received: from mx{hop}.relay.test (relay{dice.randrange(90)}.test [192.0.2.{hop}])"
        f"\r\n\tby mx{hop + 1}.lab.test (Postfix) with ESMTPS id {dice.getrandbits(48):012X}"
        f"\r\n\tfor <{owner}>; {stamp}\r\n"
        for hop in range(dice.randrange(2, 6))
    )
    begin = dice.randrange(40_000)
    signature = "\r\n\t ".join(_noise()[at : at + 70] for at in range(begin, begin + 350, 70))
    return (
        f"Return-Path: <bounce@relay.test>\r\nDelivered-To: {owner}\r\n{hops}"
        "Authentication-Results: mx.lab.test; dkim=pass header.i=@relay.test header.s=s1;\r\n"
        "\tspf=pass smtp.mailfrom=bounce@relay.test; dmarc=pass header.from=relay.test\r\n"
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=relay.test; s=s1;\r\n"
        f"\th=from:to:subject:date:message-id; bh={signature[:44]}; b={signature}\r\n"
        "X-Spam-Status: No, score=-2.1 required=5.0 tests=BAYES_00,DKIM_SIGNED,DKIM_VALID\r\n"
        f"X-Originating-Data: {signature[:300]}\r\nMIME-Version: 1.0\r\n"
    )


def _body(dice: random.Random, kind: str) -> str:
    lines = min(int(dice.lognormvariate(3.4, 1.0)), 800) + 1
    begin = dice.randrange(1500)
    text = "\r\n".join(_prose()[begin : begin + lines])
    if kind == "personal" and dice.random() < 0.5:
        return (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            f"{text}\r\n"
        )
    # The HTML of real mail weighs more than its text.
    return (
        'Content-Type: multipart/alternative; boundary="=_part"\r\n\r\n'
        f"--=_part\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        "--=_part\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f'<html><body><div class="mail">{text}</div>{_MARKUP}</body></html>\r\n--=_part--\r\n'
    )


@lru_cache(1)
def _prose() -> list[str]:
    dice = random.Random(0)  # noqa: S311
    return ["Grüße, " + " ".join(dice.choices(_WORDS, k=11)) for _ in range(2500)]


@lru_cache(1)
def _noise() -> str:
    return "".join(random.Random(0).choices(ascii_letters + "0123456789+/", k=50_000))  # noqa: S311


_KINDS = ("personal", "newsletter", "notification")
_KIND_WEIGHTS = (50, 30, 20)
_EXTRA = {
    "personal": "",
    "newsletter": "List-Id: News <news.relay.test>\r\nPrecedence: bulk\r\n"
    "List-Unsubscribe: <https://relay.test/u/1>, <mailto:u@relay.test>\r\n",
    "notification": "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n",
}
_MARKUP = '<table width="100%"><tr><td style="font:12px sans-serif">&nbsp;</td></tr></table>' * 12


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_FIRST = _split("Ada Ben Carla Dov Eva Farid Gina Hugo Ines Jan Kira Luis Mona Nils Olga Per")
_LAST = _split(
    "Adler Brandt Costa Dumont Eriksen Fischer Garcia Hansen Ivanov Jensen Kowalski Lindt Meyer"
    " Novak Okafor Petrov Quist Rossi Schmidt Tanaka Ueda Vargas Weber Xu Yilmaz Zapata"
)
_WORDS = _split(
    "about after answer before begin bring budget call change clear contract day delay draft early"
    " figure find first friday good help invoice know later letter look meeting monday month need"
    " next note number offer order office open paper people plan please price project question"
    " ready report review room send sign start still talk team thank time today tomorrow tuesday"
    " under update visit wait week welcome when work write yesterday"
)
