"""BODYSTRUCTURE (RFC 9051 section 7.5.2) as a tree of parts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from eisd.errors import ProtocolError
from eisd.wire.imap_grammar import Token

_MAX_DEPTH = 50
_MAX_PARTS = 10_000

# Positions in the list of a single part (RFC 9051 body-type-1part).
_TYPE, _SUBTYPE, _PARAMS, _ID, _DESCRIPTION, _ENCODING, _SIZE = range(7)
_ENVELOPE, _INNER = 7, 8  # of message/rfc822 alone
_PLAIN_EXTENSION, _TEXT_EXTENSION, _MESSAGE_EXTENSION = 7, 8, 10
_MESSAGES = frozenset({"rfc822", "global"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message; words in lower case, text as the server sent it (not decoded)."""

    number: str
    """What ``BODY[...]`` calls it: ``1.2``; empty for the whole of a multipart message."""
    type: str
    subtype: str
    params: Mapping[str, str] = field(default_factory=dict)
    content_id: str = ""
    description: str = ""
    encoding: str = ""
    size: int = 0
    """Octets as transferred, so before base64 or quoted-printable is decoded."""
    disposition: str = ""
    """``attachment``, ``inline`` or empty."""
    disposition_params: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Part, ...] = ()
    """The parts of a multipart; the inner message of a message/rfc822."""

    @property
    def content_type(self) -> str:
        """``text/plain`` and the like."""
        return f"{self.type}/{self.subtype}"

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the message."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse_structure(tokens: Token) -> Part:
    """The tree from the tokens of ``BODYSTRUCTURE`` or ``BODY``."""
    if not isinstance(tokens, list):
        raise ProtocolError("a BODYSTRUCTURE is no list", code="grammar")
    return _part(tokens, "", 0, [0])


def _part(tokens: list[Token], number: str, depth: int, count: list[int]) -> Part:
    count[0] += 1
    if depth > _MAX_DEPTH or count[0] > _MAX_PARTS or not tokens:
        raise ProtocolError("a BODYSTRUCTURE is too deep, too large or empty", code="grammar")
    if isinstance(tokens[0], list):
        return _multipart(tokens, number, depth, count)
    return _single(tokens, number or "1", depth, count)


def _multipart(tokens: list[Token], number: str, depth: int, count: list[int]) -> Part:
    children: list[Part] = []
    at = 0
    while at < len(tokens) and isinstance(inner := tokens[at], list):
        at += 1
        child = f"{number}.{at}" if number else str(at)
        children.append(_part(inner, child, depth + 1, count))
    disposition, disposition_params = _disposition(_at(tokens, at + 2))
    return Part(
        number=number,
        type="multipart",
        subtype=_word(_at(tokens, at)),
        params=_pairs(_at(tokens, at + 1)),
        disposition=disposition,
        disposition_params=disposition_params,
        children=tuple(children),
    )


def _single(tokens: list[Token], number: str, depth: int, count: list[int]) -> Part:
    kind, subtype = _word(_at(tokens, _TYPE)), _word(_at(tokens, _SUBTYPE))
    extension = _TEXT_EXTENSION if kind == "text" else _PLAIN_EXTENSION
    children: tuple[Part, ...] = ()
    inner = _at(tokens, _INNER)
    described = isinstance(_at(tokens, _ENVELOPE), list)  # some servers do not
    if kind == "message" and subtype in _MESSAGES and described and isinstance(inner, list):
        # A multipart inside is numbered by its message; anything else gets a number of its own.
        own = number if inner and isinstance(inner[0], list) else f"{number}.1"
        children = (_part(inner, own, depth + 1, count),)
        extension = _MESSAGE_EXTENSION
    # after MD5 comes the disposition
    disposition, disposition_params = _disposition(_at(tokens, extension + 1))
    return Part(
        number=number,
        type=kind,
        subtype=subtype,
        params=_pairs(_at(tokens, _PARAMS)),
        content_id=_text(_at(tokens, _ID)),
        description=_text(_at(tokens, _DESCRIPTION)),
        encoding=_word(_at(tokens, _ENCODING)),
        size=_size(_at(tokens, _SIZE)),
        disposition=disposition,
        disposition_params=disposition_params,
        children=children,
    )


def _at(tokens: list[Token], index: int) -> Token:
    return tokens[index] if index < len(tokens) else None


def _text(value: Token) -> str:
    if not isinstance(value, bytes):
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _word(value: Token) -> str:
    return _text(value).lower()


def _size(value: Token) -> int:
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < 20 else 0  # noqa: PLR2004


def _pairs(value: Token) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    return {_word(k): _text(v) for k, v in zip(value[::2], value[1::2], strict=False)}


def _disposition(value: Token) -> tuple[str, dict[str, str]]:
    if not isinstance(value, list) or not value:
        return "", {}
    return _word(value[0]), _pairs(_at(value, 1))
