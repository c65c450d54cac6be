"""One header block to the facts the matcher needs; the only reader of headers (rule N8).

`extract` is total and runs on the event loop for every copy of every mailbox, so it costs tens of
microseconds and is bounded whatever it is given. Line ends may be CRLF, LF, CR or mixed; lines that
are no header (mbox ``From ``, garbage) are passed over; white space before the colon is accepted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from eisd.mime.addresses import AddressList, LocalCase, address_key, read_addresses
from eisd.mime.block import shortened
from eisd.mime.charset import guess
from eisd.mime.dates import parse_date
from eisd.mime.limits import (
    ADDRESSES,
    HEADER_BLOCK,
    HEADER_COUNT,
    HEADER_FIELD,
    MESSAGE_ID,
    RECEIVED,
    REFERENCES,
)
from eisd.mime.signals import author_bits, first_keyed, header_bits, is_list_rewrite
from eisd.mime.text import clean
from eisd.mime.words import decode_text
from eisd.model.mail import Address, Headers, Signal

__all__ = [
    "AS_WRITTEN",
    "Fields",
    "author",
    "decode_text",
    "extract",
    "fingerprint",
    "header_block",
    "header_lines",
    "identity",
    "message_id",
    "plain_message_id",
    "plain_references",
    "usual_fields",
]

Fields = dict[bytes, list[bytes]]
"""Unfolded values by lower-case name, topmost first."""

WANTED: Final = frozenset(
    b"""
    from sender reply-to to cc bcc date subject message-id in-reply-to references received
    return-path delivered-to x-original-to list-id list-post list-unsubscribe precedence
    auto-submitted x-autoreply x-autorespond x-autoresponder feedback-id x-original-from
    x-original-sender authentication-results content-type
    """.split()
)
"""The fields a scan asks for (Q1), in lower case."""

AS_WRITTEN: Final = {name.title(): name for name in WANTED} | {b"Message-ID": b"message-id"}
"""The usual spellings."""

_BLANK: Final = b" \t"
_IN_ANGLES: Final = re.compile(r"<([^<>]+)>")
_MAILTO: Final = re.compile(rb"mailto:([^>?\s,]{1,500})", re.IGNORECASE)
_TYPE: Final = re.compile(rb"[!#$%&'*+.^_`{|}~0-9a-z-]{1,80}/[!#$%&'*+.^_`{|}~0-9a-z-]{1,80}")
_USUAL_ID: Final = re.compile(rb"<([!-;=?-~]{1,998})>")
_RESULTS_MAX: Final = 16
_NAME_MAX: Final = 40
_ORIGINAL: Final = frozenset({b"x-original-from", b"x-original-sender"})
_ADDRESS_FIELDS: Final = (b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to")
_REFERENCES_READ: Final = 16 << 10
_NO_ADDRESSES: Final = AddressList(())


def header_block(rfc822: bytes) -> bytes:
    """A message's header block (RFC 5322 2.1): up to the first empty line."""
    ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := rfc822.find(mark)) >= 0]
    return rfc822[: min(ends) + 2] if ends else rfc822


def header_lines(header: bytes) -> tuple[list[bytes], bool]:
    """The unfolded lines of a header block, and whether it was cut at a limit (RR5).

    The block may be followed by a body; it ends at the first empty line.
    """
    block, limited = shortened(header) if len(header) > HEADER_BLOCK else (header, False)
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        if b"\r" in block:
            block = block.replace(b"\r", b"\n")
    if block.startswith(b"\n"):
        return [], False
    if (end := block.find(b"\n\n")) >= 0:
        block = block[:end]
    if b"\n " in block:
        block = block.replace(b"\n ", b" ")
    if b"\n\t" in block:
        block = block.replace(b"\n\t", b"\t")
    lines = block.split(b"\n", HEADER_COUNT)
    if len(lines) > HEADER_COUNT:
        lines.pop()
        limited = True
    return lines, limited


def extract(header: bytes, *, local_case: LocalCase = "fold") -> Headers:
    """The facts of one header block; total, bounded, the same for the same bytes."""
    return _facts(*read_fields(header), local_case)


def read_fields(header: bytes) -> tuple[Fields, list[str]]:
    """The wanted fields of a block, and the defects met."""
    fields = usual_fields(header)
    return (fields, []) if fields is not None else _fields(header)


def usual_fields(header: bytes) -> Fields | None:
    """The wanted fields of a block as servers send it, None if it is any other."""
    if len(header) > HEADER_FIELD:
        return None
    lines = header.split(b"\r\n", HEADER_COUNT)
    ends = len(lines) - 1
    if ends == HEADER_COUNT or header.count(b"\r") != ends or header.count(b"\n") != ends:
        return None
    if b"" in lines:
        del lines[lines.index(b"") :]
    fields: Fields = {}
    name: bytes | None = None
    value = b""
    for line in lines:
        head, colon, rest = line.partition(b":")
        found = AS_WRITTEN.get(head)
        if found is None and line[0] in _BLANK:
            if name is not None:
                value += line
                fields[name][-1] = value.strip(b" \t")
            continue
        if not colon:
            return None
        name, value = found or _name(head), rest
        if name is None:
            continue
        if name in fields:
            fields[name].append(rest.strip(b" \t"))
        else:
            fields[name] = [rest.strip(b" \t")]
    return fields


def _fields(header: bytes) -> tuple[Fields, list[str]]:
    """The wanted fields of any block, line by line, and the defects met."""
    lines, limited = header_lines(header)
    fields: Fields = {}
    defects: list[str] = ["header_block"] if limited else []
    for line in lines:
        head, colon, value = line.partition(b":")
        name = _name(head)
        if name is None or not colon:
            continue
        if len(value) > HEADER_FIELD:
            value = value[:HEADER_FIELD]
            defects.append("header_field:" + name.decode("ascii"))
        fields.setdefault(name, []).append(value.strip(b" \t"))
    return fields, defects


def _name(head: bytes) -> bytes | None:
    """`_wanted`, which remembers what it was asked, of nothing too long to be a name."""
    return _wanted(head) if len(head) < _NAME_MAX else None


@lru_cache(maxsize=1_024)
def _wanted(head: bytes) -> bytes | None:
    """The lower-case name of a field that is asked for, as a line spells it."""
    name = head.rstrip(b" \t").lower()
    return name if name in WANTED else None


def _facts(fields: Fields, defects: list[str], local_case: LocalCase) -> Headers:
    """Read each field once; ``defects`` are those of the block."""
    lists = dict.fromkeys(_ADDRESS_FIELDS, _NO_ADDRESSES)
    for name in _ADDRESS_FIELDS:
        if name in fields:
            read = lists[name] = _addresses(fields[name], local_case)
            if read.truncated:
                defects.append("addresses")
    from_ = lists[b"from"]
    reply_to = lists[b"reply-to"].addresses
    list_post = _list_post(fields.get(b"list-post"), local_case)
    original = None if _ORIGINAL.isdisjoint(fields) else _original(fields, local_case)
    rewritten = is_list_rewrite(
        from_.addresses, original, list_post, has_list_id=b"list-id" in fields
    )
    subject = _first(fields, b"subject")
    date_raw = _first(fields, b"date")
    in_reply_to = _references(fields.get(b"in-reply-to"))
    content_type = _content_type(_first(fields, b"content-type"))
    bits = header_bits(fields, subject, content_type, answers=bool(in_reply_to)) | author_bits(
        from_.addresses,
        _author(from_.addresses, reply_to, original, rewritten=rewritten),
        contested=from_.contested or (b"from" in fields and len(fields[b"from"]) > 1),
    )
    if rewritten:
        bits |= Signal.LIST_REWRITE.value
    if defects:
        bits |= Signal.LIMITED.value
    references = fields.get(b"references")
    return Headers(
        message_id(_first(fields, b"message-id")),
        subject,
        date_raw,
        parse_date(date_raw) if date_raw else None,
        _received(fields.get(b"received")),
        from_.addresses,
        lists[b"sender"].addresses,
        reply_to,
        lists[b"to"].addresses,
        lists[b"cc"].addresses,
        lists[b"bcc"].addresses,
        in_reply_to[0] if in_reply_to else None,
        _references(references)[-REFERENCES:] if references else (),
        _signal(bits),
        list_post,
        original,
        tuple(fields.get(b"authentication-results", ())[:_RESULTS_MAX]),
        _delivered_to(fields, local_case),
        content_type,
        tuple(dict.fromkeys(defects)) if defects else (),
    )


@lru_cache(maxsize=4_096)
def _signal(bits: int) -> Signal:
    """The flags of these bits; making one anew costs more than looking it up."""
    return Signal(bits)


def _first(fields: Fields, name: bytes) -> bytes:
    values = fields.get(name)
    return values[0] if values else b""


def _addresses(values: list[bytes], local_case: LocalCase) -> AddressList:
    """The addresses of every occurrence of a field (RR7)."""
    if len(values) == 1:
        return read_addresses(values[0], local_case=local_case)
    read = [read_addresses(value, local_case=local_case) for value in values]
    together = tuple(address for each in read for address in each.addresses)
    return AddressList(
        together[:ADDRESSES],
        any(each.contested for each in read),
        len(together) > ADDRESSES or any(each.truncated for each in read),
    )


def message_id(value: bytes) -> str | None:
    """I1: the text between the first "<" and the last ">", else the value; no white space."""
    if not value:
        return None
    plain = plain_message_id(value)
    if plain is not None:
        return plain.decode("ascii")
    start = value.find(b"<")
    end = value.rfind(b">")
    inside = value[start + 1 : end] if 0 <= start < end else value
    text = "".join(clean(guess(inside[: MESSAGE_ID * 2])).split())
    return text if text and len(text.encode()) <= MESSAGE_ID else None


def plain_message_id(value: bytes) -> bytes | None:
    """`message_id` of a value as it ought to be, None for any other."""
    usual = _USUAL_ID.fullmatch(value)
    return usual[1] if usual else None


def _references(values: list[bytes] | None) -> tuple[str, ...]:
    """The message ids of In-Reply-To or References, in the order written."""
    if not values:
        return ()
    plain = plain_references(values)
    if plain is not None:
        return tuple([each.decode("ascii") for each in plain])
    text = clean(guess(b" ".join(values)[-_REFERENCES_READ:]))
    found = _IN_ANGLES.findall(text)
    if not found:
        found = [word for word in text.replace(",", " ").split() if "@" in word]
    ids = ("".join(each.split()) for each in found)
    return tuple(each for each in ids if each and len(each.encode()) <= MESSAGE_ID)


def plain_references(values: Sequence[bytes]) -> list[bytes] | None:
    """Message ids as they ought to be written, at least one; None for anything else."""
    raw = values[0] if len(values) == 1 else b" ".join(values)
    usual = _USUAL_ID.findall(raw)
    plain = usual and len(usual) == raw.count(b"<") and len(raw) <= _REFERENCES_READ
    return usual if plain else None


def _received(values: list[bytes] | None) -> tuple[datetime, ...]:
    """The dates of the topmost Received headers that have one that can be read."""
    if not values:
        return ()
    found: list[datetime] = []
    for value in values[: RECEIVED * 4]:
        before, _, date = value.rpartition(b";")
        when = parse_date(date.strip()) if before else None
        if when is not None:
            found.append(when)
            if len(found) == RECEIVED:
                break
    return tuple(found)


def _list_post(values: list[bytes] | None, local_case: LocalCase) -> str:
    """The exact key of the address that posts to the list (RFC 2369 3.4), or ""."""
    target = _MAILTO.search(values[0]) if values else None
    if target is None:
        return ""
    return address_key(unquote(guess(target[1])), local_case=local_case)


def _content_type(value: bytes) -> str:
    """``type/subtype``, or "" where there is none."""
    written = _TYPE.match(value.lower())
    return written[0].decode("ascii") if written else ""


def _original(fields: Fields, local_case: LocalCase) -> Address | None:
    """The author a list names after it wrote itself into From (S3)."""
    for name in (b"x-original-from", b"x-original-sender"):
        for value in fields.get(name, ()):
            for address in read_addresses(value, local_case=local_case).addresses:
                if address.key:
                    return address
    return None


def _delivered_to(fields: Fields, local_case: LocalCase) -> tuple[str, ...]:
    """The exact keys of the envelope's recipients, as far as the header tells them."""
    if b"delivered-to" not in fields and b"x-original-to" not in fields:
        return ()
    values = fields.get(b"delivered-to", []) + fields.get(b"x-original-to", [])
    if not values:
        return ()
    found = (address.key for address in _addresses(values, local_case).addresses)
    return tuple(dict.fromkeys(key for key in found if key))


def _author(
    from_: tuple[Address, ...],
    reply_to: tuple[Address, ...],
    original: Address | None,
    *,
    rewritten: bool,
) -> Address | None:
    if not rewritten:
        return first_keyed(from_)
    return original or first_keyed(reply_to) or first_keyed(from_)


def author(headers: Headers) -> Address | None:
    """Who wrote the message (S3): the first address of From, unless a list put itself there."""
    return _author(
        headers.from_,
        headers.reply_to,
        headers.original_from,
        rewritten=bool(headers.signals & Signal.LIST_REWRITE),
    )


def identity(headers: Headers) -> str:
    """What makes two copies one message (I1)."""
    return headers.message_id or "fp:" + fingerprint(headers)


def fingerprint(headers: Headers) -> str:
    """SHA-256, in hex, of the facts that tell messages apart without a Message-ID (I1, I2).

    White space does not count: gateways fold the same header differently.
    """
    writer = next((address.key for address in headers.from_ if address.key), "")
    facts = [
        b" ".join(headers.date_raw.split()),
        writer.encode(),
        " ".join(sorted({address.key for address in headers.to})).encode(),
        " ".join(sorted({address.key for address in headers.cc})).encode(),
        b" ".join(headers.subject_raw.split()),
    ]
    return hashlib.sha256(b"\n".join(facts)).hexdigest()
