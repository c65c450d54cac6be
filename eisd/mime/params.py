"""Content-Type and Content-Disposition values: the word, and its parameters (RFC 2045, RFC 2231).

Tolerant and linear: parameters without quotes, with stray semicolons, with raw 8-bit or encoded
words in them are all read; at most `eisd.mime.limits.PARAMETERS` of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from eisd.mime.charset import decode
from eisd.mime.limits import HEADER_FIELD, PARAMETERS
from eisd.mime.words import decode_text

_SKIP: Final = re.compile(rb"[\s;]*")
_NAME: Final = re.compile(rb"([^\s=;\"()]{1,80})[ \t]{0,20}=[ \t]{0,20}")
_TYPE: Final = re.compile(r"[!#$%&'*+.^_`{|}~0-9a-z-]{1,80}/[!#$%&'*+.^_`{|}~0-9a-z-]{1,80}")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_SEGMENTS_MAX: Final = 200
_SHORT: Final = 64
"""Values up to so long are remembered: most messages have the same few."""


def content_type(value: bytes) -> tuple[str, Mapping[str, str]]:
    """``type/subtype`` in lower case ("" if there is none) and the parameters."""
    word, parameters = word_and_parameters(value)
    kind = _TYPE.match(word)
    return (kind[0] if kind else ""), parameters


def word_and_parameters(value: bytes) -> tuple[str, Mapping[str, str]]:
    """What stands before the first ";" in lower case, and the parameters by lower-case name."""
    return _read_short(value) if len(value) <= _SHORT else _read(value[:HEADER_FIELD])


def _read(value: bytes) -> tuple[str, Mapping[str, str]]:
    word, _, rest = value.partition(b";")
    return decode_text(word).lower(), _together(raw_parameters(rest)) if rest else {}


_read_short = lru_cache(maxsize=512)(_read)


def boundary(value: bytes) -> bytes:
    """The boundary of a multipart's Content-Type as written, b"" if it has none."""
    for name, raw in raw_parameters(value[:HEADER_FIELD].partition(b";")[2]):
        if name.partition("*")[0] == "boundary":
            return raw.rstrip()
    return b""


def raw_parameters(value: bytes) -> list[tuple[str, bytes]]:
    """Names in lower case and values without their quotes, in the order written."""
    found: list[tuple[str, bytes]] = []
    position = 0
    unclosed = False
    while len(found) < PARAMETERS:
        skipped = _SKIP.match(value, position)
        position = skipped.end() if skipped else position
        if position >= len(value):
            break
        name = _NAME.match(value, position)
        if name is None:
            position = _after(value, position)
            continue
        start = name.end()
        end = -1
        if value.startswith(b'"', start) and not unclosed:
            end = _quote_end(value, start)
            unclosed = end < 0
        if end >= 0:
            text = _ESCAPE.sub(rb"\1", value[start + 1 : end])
            position = _after(value, end)
        else:
            position = _after(value, start)
            text = value[start:position].rstrip(b"; \t").strip(b'"')
            if b"name" not in name[1].lower():  # a file's may have brackets of its own
                text = _without_comment(text)
        found.append((name[1].decode("ascii", "replace").lower(), text))
    return found


def _without_comment(text: bytes) -> bytes:
    """A bare value without the comment that RFC 2045 5.1 lets stand behind it."""
    word, bracket, _ = text.partition(b"(")
    return word.rstrip() if bracket and word[-1:].isspace() else text


def _after(value: bytes, position: int) -> int:
    """Just behind the next ";"."""
    end = value.find(b";", position)
    return len(value) if end < 0 else end + 1


def _quote_end(value: bytes, start: int) -> int:
    """Where the quoted string that begins at ``start`` ends, -1 if it does not."""
    end = value.find(b'"', start + 1)
    while end >= 0:
        before = end - 1
        while value[before : before + 1] == b"\\":
            before -= 1
        if (end - before) % 2:
            return end
        end = value.find(b'"', end + 1)
    return -1


def _together(raw: list[tuple[str, bytes]]) -> dict[str, str]:
    """Join RFC 2231 continuations and decode; the first of several equal names counts."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for name, value in raw:
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, decode_text(value))
            continue
        index, _, _ = rest.partition("*")
        if rest and not index.isdecimal():
            continue
        number = int(index) if 0 < len(index) < 5 else 0  # noqa: PLR2004
        segments = pieces.setdefault(base, {})
        if number not in segments and len(segments) < _SEGMENTS_MAX:
            segments[number] = (value, name.endswith("*"))
    extended = {base: _extended(segments) for base, segments in pieces.items()}
    return plain | {name: text for name, text in extended.items() if text or name not in plain}


def _extended(segments: dict[int, tuple[bytes, bool]]) -> str:
    """The value of one RFC 2231 parameter."""
    charset = ""
    parts: list[bytes] = []
    for position, number in enumerate(sorted(segments)):
        value, encoded = segments[number]
        if encoded and position == 0 and value.count(b"'") > 1:
            label, _, value = value.split(b"'", 2)
            charset = label.decode("ascii", "replace")
        parts.append(unquote_to_bytes(value) if encoded else value)
    raw = b"".join(parts)
    return decode_text(decode(raw, charset).encode("utf-8", "replace") if charset else raw)
