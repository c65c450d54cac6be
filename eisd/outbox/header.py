"""Header fields of outgoing mail: encoded by us, so that no value can become a field (RFC 5322).

Every value is cut into *tokens*, pieces that a line is never broken inside, and folded between
them. What is not plain ASCII becomes encoded words (RFC 2047), and so does what looks like one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from eisd.model.outgoing import Party
from eisd.outbox.address import wire_address

LINE: Final = 76
"""Where lines are folded, if they can be (RFC 5322 section 2.1.1)."""

_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_TOKEN: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~"
)
_WORD: Final = 52
"""Characters inside an encoded word: with what is around it, it fits beside ``Subject:``."""


def forbidden(text: str) -> bool:
    """Whether the text holds what no header value, name or file name may hold."""
    return _FORBIDDEN.search(text) is not None


def field(name: str, tokens: Iterable[str]) -> bytes:
    """A header field of tokens, folded between them; UTF-8 where a token is not ASCII."""
    lines = [f"{name}:"]
    for token in tokens:
        if len(lines[-1]) + 1 + len(token) > LINE and lines[-1] != f"{name}:":
            lines.append(f" {token}")
        else:
            lines[-1] += f" {token}"
    return "\r\n".join(lines).encode() + b"\r\n"


def words(text: str) -> list[str]:
    """Unstructured text, such as a subject, as tokens; decoding gives it back as it was."""
    plain = text.isascii() and text.isprintable() and "=?" not in text
    if plain and text == " ".join(text.split()) and all(len(w) < LINE for w in text.split()):
        return text.split()
    return encoded_words(text)


def encoded_words(text: str) -> list[str]:
    """The text as encoded words of at most 64 characters each, never cutting a character."""
    quoted = [_quoted(char) for char in text]
    if sum(map(len, quoted)) <= len(text.encode()) * 4 / 3:
        return [f"=?utf-8?q?{piece}?=" for piece in _chunks(quoted, _WORD)]
    pieces = _chunks(list(text), _WORD * 3 // 4, octets=True)
    return [f"=?utf-8?b?{b64encode(piece.encode()).decode()}?=" for piece in pieces]


def _quoted(char: str) -> str:
    """A character in the Q encoding, as it may stand in a name too (RFC 2047 section 5)."""
    if char == " ":
        return "_"
    return "".join(chr(b) if b in _PLAIN else f"={b:02X}" for b in char.encode())


def _chunks(pieces: list[str], size: int, *, octets: bool = False) -> list[str]:
    """Pieces joined to strings of at most so many characters, or octets of UTF-8."""
    chunks: list[str] = []
    room = 0
    for piece in pieces:
        weight = len(piece.encode()) if octets else len(piece)
        if weight > room:
            chunks.append("")
            room = size
        chunks[-1] += piece
        room -= weight
    return chunks


def parties(listed: Iterable[Party]) -> list[str]:
    """An address list as tokens."""
    tokens: list[str] = []
    for party in listed:
        address = wire_address(party.address) or ""
        name = _phrase(party.name)
        tokens += [*name, f"<{address}>,"] if name else [f"{address},"]
    if tokens:
        tokens[-1] = tokens[-1][:-1]
    return tokens


def _phrase(name: str) -> list[str]:
    """A display name as tokens: atoms, a quoted string, or encoded words."""
    if not name:
        return []
    if not name.isascii() or "=?" in name:
        return encoded_words(name)
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def ids(listed: Iterable[str]) -> list[str]:
    """Message-IDs as tokens, in their angle brackets."""
    return [f"<{one}>" for one in listed]


def parameter(name: str, value: str) -> str:
    """A parameter of a MIME header; what is not ASCII in RFC 2231's form."""
    if value.isascii():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{escaped}"'
    coded = "".join(chr(b) if b in _TOKEN else f"%{b:02X}" for b in value.encode())
    return f"{name}*=utf-8''{coded}"
