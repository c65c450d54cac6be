"""FETCH responses (RFC 9051 section 7.5.2) as values. Pure, and the hottest code of the wire."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from eisd.errors import ProtocolError
from eisd.wire.imap_grammar import MAX_UID, Token, tokenize


class Fetched(NamedTuple):
    """What a server said of one message; None where it did not.

    A tuple rather than a dataclass: one is made per message, at a third of the cost.
    """

    uid: int
    flags: tuple[bytes, ...] | None = None
    internaldate: bytes | None = None
    """As sent; `eisd.wire.imap_grammar.parse_internaldate` reads it."""
    size: int | None = None
    """RFC822.SIZE in octets; servers lie."""
    modseq: int | None = None
    sections: dict[bytes, bytes] = {}  # noqa: RUF012 - never written to
    """Contents by section in capitals, without the field list and the origin: ``b""`` for
    ``BODY[]``, ``b"HEADER.FIELDS"``, ``b"1.2"``, ``b"1.2.MIME"``. NIL is left out."""
    bodystructure: Token = None
    """Tokens for `eisd.wire.imap_structure.parse_structure`."""
    others: dict[bytes, Token] = {}  # noqa: RUF012 - never written to
    """Every other item by its name in capitals, such as ``X-GM-MSGID``."""


# The line of a usual answer, up to its end or its literal; nothing in it spans lines.
_USUAL = re.compile(
    rb"\* \d+ FETCH \((?:(?:UID (\d{1,10})|FLAGS \(([^()]*)\)|"
    rb'INTERNALDATE "([^"\\\n]{26})"|RFC822\.SIZE (\d{1,18})|MODSEQ \((\d{1,19})\))'
    rb"(?: |\)(?=\r\n|\Z)))*+(?:BODY\[([^\]]*)\](?:<\d+>)? ~?\{(\d{1,18})\}(?:\r\n|\Z))?"
)
_START = re.compile(rb"\* \d+ FETCH (?=\()", re.IGNORECASE)
_WHOLE = re.compile(rb"BODY\[([^\]]*)\](?:<\d+>)?|BINARY\[([^\]]*)\](?:<\d+>)?")
_ALIASES = {b"RFC822": b"", b"RFC822.HEADER": b"HEADER", b"RFC822.TEXT": b"TEXT"}
_THREE = 3
_CACHE_LIMIT = 1024

_flags: dict[bytes, tuple[bytes, ...]] = {}
_sections: dict[bytes, bytes] = {}


def swift(data: bytes, pos: int, limit: int) -> tuple[Fetched, int, int] | None:
    """The usual answer that stands whole at ``pos`` of the stream, its end, its literal's size.

    None if another stands there, or a literal of more than ``limit`` octets. It is the answer that
    `quick` makes of the same response, without its lines ever being cut out.
    """
    match = _USUAL.match(data, pos)
    if match is None:
        return None
    begin, groups = match.end(), match.groups()
    octets = groups[-1]
    if octets is None:
        end, size, content = begin - 1, 0, None
    else:
        size = int(octets)
        end = begin + size
        content = data[begin:end]
    if size > limit or not data.startswith(b")\r\n", end):
        return None
    found = _usual(groups, content)
    return None if found is None else (found, end + 3, size)


def quick(segments: Sequence[bytes]) -> Fetched | None:
    """The usual answer: no literal, or one at the end; None if it is another."""
    match = _USUAL.fullmatch(segments[0])
    if match is None or segments[-1][-1:] != b")":
        return None
    if match[7] is None:
        return _usual(match.groups(), None)
    if len(segments) != _THREE or segments[2] != b")":
        return None
    return _usual(match.groups(), segments[1])


def _usual(groups: tuple[bytes | Any, ...], content: bytes | None) -> Fetched | None:
    uid, raw_flags, internaldate, size, modseq, raw_section, _ = groups
    if uid is None:
        return None
    flags = _flags.get(raw_flags)
    if flags is None and raw_flags is not None:
        if b"\n" in raw_flags:
            return None
        flags = _remember_flags(raw_flags)
    sections: dict[bytes, bytes] = {}
    if content is not None:
        section = _sections.get(raw_section)
        if section is None:
            if b"\n" in raw_section:
                return None
            section = _remember_section(raw_section)
        sections[section] = content
    return Fetched(
        int(uid),
        flags,
        internaldate,
        None if size is None else int(size),
        None if modseq is None else int(modseq),
        sections,
    )


def _remember_flags(raw: bytes) -> tuple[bytes, ...]:
    if len(_flags) > _CACHE_LIMIT:
        _flags.clear()
    flags = _flags[raw] = tuple(raw.split())
    return flags


def _remember_section(raw: bytes) -> bytes:
    if len(_sections) > _CACHE_LIMIT:
        _sections.clear()
    section = _sections[raw] = raw.partition(b" ")[0].upper()
    return section


def parse_fetch(segments: Sequence[bytes]) -> Fetched | None:
    """Any FETCH response; None when it names no UID, so tells only that something changed."""
    match = _START.match(segments[0])
    if match is None:
        raise ProtocolError("a FETCH response cannot be read", code="grammar")
    match tokenize(segments, match.end(), fetch=True):
        case [list() as items]:
            return _build(items)
        case _:
            raise ProtocolError("a FETCH response is no list", code="grammar")


def _build(items: list[Token]) -> Fetched | None:
    if len(items) % 2:
        raise ProtocolError("a FETCH item has no value", code="grammar")
    sections: dict[bytes, bytes] = {}
    others: dict[bytes, Token] = {}
    for name, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(name, bytes):
            raise ProtocolError("a FETCH item has no name", code="grammar")
        section = _section(name)
        if section is None:
            others[name.upper()] = value
        elif isinstance(value, bytes):
            sections[section] = value
        elif value is not None:
            raise ProtocolError("the content of a section is a list", code="grammar")
    if others.get(b"UID") is None:
        return None
    modseq = others.pop(b"MODSEQ", None)
    if isinstance(modseq, list):
        modseq = modseq[0] if modseq else None
    structure = others.pop(b"BODYSTRUCTURE", None)
    return Fetched(
        uid=_number(others.pop(b"UID"), MAX_UID) or 0,
        flags=_flag_list(others.pop(b"FLAGS", None)),
        internaldate=_text(others.pop(b"INTERNALDATE", None)),
        size=_number(others.pop(b"RFC822.SIZE", None)),
        modseq=_number(modseq),
        sections=sections,
        bodystructure=structure if structure is not None else others.pop(b"BODY", None),
        others=others,
    )


def _section(name: bytes) -> bytes | None:
    """The key in `Fetched.sections` of an item's name, None if it is no content."""
    upper = name.upper()
    if (alias := _ALIASES.get(upper)) is not None:
        return alias
    match = _WHOLE.fullmatch(upper)
    if match is None:
        return None
    if match[1] is None:
        return match[2]
    return match[1].partition(b" ")[0]


def _number(value: Token, limit: int = 1 << 63) -> int | None:
    if value is None:
        return None
    if not (isinstance(value, bytes) and value.isdigit() and len(value) < 20):  # noqa: PLR2004
        raise ProtocolError("a FETCH item is no number", code="grammar")
    number = int(value)
    if number > limit:
        raise ProtocolError("a FETCH item is out of range", code="grammar")
    return number


def _text(value: Token) -> bytes | None:
    if isinstance(value, list):
        raise ProtocolError("a FETCH item is a list", code="grammar")
    return value


def _flag_list(value: Token) -> tuple[bytes, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise ProtocolError("FLAGS is no list", code="grammar")
    return tuple(flag for flag in value if isinstance(flag, bytes))


def merge(old: Fetched, new: Fetched) -> Fetched:
    """Two answers for one message as one; what the newer one says counts."""
    return Fetched(
        new.uid,
        old.flags if new.flags is None else new.flags,
        old.internaldate if new.internaldate is None else new.internaldate,
        old.size if new.size is None else new.size,
        old.modseq if new.modseq is None else new.modseq,
        {**old.sections, **new.sections},
        old.bodystructure if new.bodystructure is None else new.bodystructure,
        {**old.others, **new.others},
    )
