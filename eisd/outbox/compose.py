"""From what an author means to the bytes that are stored, sent and filed (RFC 5322, RFC 2045).

Pure. The standard library's header code is not used: a line feed in an encoded word became a
header of its own in releases that are still about (CVE-2024-6923). Ours refuses such a value
before it encodes anything, and looks at the result again. DKIM is the server's to add.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

from eisd.mime.addresses import address_key
from eisd.mime.html import html_to_text
from eisd.model.outgoing import Envelope, File, Outgoing, Party
from eisd.outbox import header
from eisd.outbox.address import needs_utf8, wire_address
from eisd.outbox.check import Problem, Unsendable, check, is_structured
from eisd.outbox.parts import Chunks, file_part, multipart, text_part

_LONGEST = 998  # octets of a line without its CRLF (RFC 5322 section 2.1.1)


def mint_message_id(sender: str) -> str:
    """A Message-ID nobody else has, under the sender's domain, without angle brackets."""
    domain = (wire_address(sender) or "").rpartition("@")[2].strip("[]") or "localhost"
    return f"{secrets.token_hex(16)}@{domain.replace(':', '.').lower()}"


def compose(outgoing: Outgoing, *, message_id: str, date: datetime) -> bytes:
    """The message, Bcc included; who hands it over leaves that out. Raises `Unsendable`."""
    check(outgoing)
    fields = list(_fields(outgoing, message_id, date))
    head = b"".join(fields) + b"MIME-Version: 1.0\r\n"
    chunks = _body(outgoing, message_id)
    _look_again(head + chunks[0], [one.partition(b":")[0] for one in fields])
    return b"".join([head, *chunks])


def envelope(outgoing: Outgoing, *, envelope_id: str = "") -> Envelope:
    """Who sends and who receives, each once, in the order given. Raises `Unsendable`."""
    check(outgoing)
    recipients: dict[str, str] = {}
    for party in (*outgoing.to, *outgoing.cc, *outgoing.bcc):
        address = wire_address(party.address) or ""
        recipients.setdefault(address_key(address, local_case="exact") or address, address)
    everyone = (outgoing.sender, *outgoing.reply_to, *outgoing.to, *outgoing.cc, *outgoing.bcc)
    return Envelope(
        wire_address(outgoing.sender.address) or "",
        tuple(recipients.values()),
        utf8=any(needs_utf8(party.address) for party in everyone),
        envelope_id=envelope_id,
    )


def _fields(outgoing: Outgoing, message_id: str, date: datetime) -> Iterator[bytes]:
    yield header.field("Date", [format_datetime(date.astimezone(date.tzinfo or UTC))])
    yield header.field("From", header.parties([outgoing.sender]))
    for name, parties in _lists(outgoing):
        if parties:
            yield header.field(name, header.parties(parties))
    if not outgoing.to and not outgoing.cc:
        yield header.field("To", ["undisclosed-recipients:;"])
    yield header.field("Subject", header.words(outgoing.subject))
    yield header.field("Message-ID", header.ids([message_id]))
    if outgoing.in_reply_to:
        yield header.field("In-Reply-To", header.ids([outgoing.in_reply_to]))
    if outgoing.references:
        yield header.field("References", header.ids(outgoing.references))
    for name, value in outgoing.headers:
        yield header.field(name, value.split() if is_structured(name) else header.words(value))


def _lists(outgoing: Outgoing) -> Iterator[tuple[str, tuple[Party, ...]]]:
    yield "Reply-To", outgoing.reply_to
    yield "To", outgoing.to
    yield "Cc", outgoing.cc
    yield "Bcc", outgoing.bcc


def _body(outgoing: Outgoing, seed: str) -> Chunks:
    """Text; text and HTML; those with what the HTML shows; those with attachments."""
    shown = [file for file in outgoing.files if file.content_id]
    attached = [file for file in outgoing.files if not file.content_id]
    body = _text(outgoing, shown, seed)
    if attached:
        body = multipart("mixed", [body, *map(file_part, attached)], seed)
    return body


def _text(outgoing: Outgoing, shown: list[File], seed: str) -> Chunks:
    if outgoing.html is None:
        return text_part(outgoing.text or "", "plain")
    text = html_to_text(outgoing.html) if outgoing.text is None else outgoing.text
    rich = text_part(outgoing.html, "html")
    if shown:
        rich = multipart("related", [rich, *map(file_part, shown)], seed)
    return multipart("alternative", [text_part(text, "plain"), rich], seed)


def _look_again(head: bytes, intended: list[bytes]) -> None:
    """The header as a stranger reads it has the fields that were meant, and no other."""
    block = head.partition(b"\r\n\r\n")[0]
    lines = block.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines):
        raise AssertionError("a header holds a bare line break")
    names = [line.partition(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]
    meant = [*intended, b"MIME-Version"]
    rest = names[len(meant) :]
    if names[: len(meant)] != meant or not all(n.startswith(b"Content-") for n in rest):
        raise AssertionError("the header has fields that nobody meant")
    if any(len(line) > _LONGEST for line in lines):
        raise Unsendable([Problem("headers", "a line of the header would be over 998 octets")])
