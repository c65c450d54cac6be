"""Text that may be stored, shown and logged: one cleaning function for all of it.

`clean` is what every text passes before it leaves this package: valid UTF-8, no NUL, no control
but tab and line feed, LF line ends, NFC. `one_line` is the same for header values and names.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_C0: Final = bytes((*range(9), *range(11, 32), 127))
_C1: Final = re.compile(b"\xc2[\x80-\x9f]")
"""The same in UTF-8."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_BIDI: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BREAKS: Final = re.compile("[\t\n\u2028\u2029]+")

_MARKS_MAX: Final = 30
"""Combining marks in a row, as in the Stream-Safe Text Format (UAX 15): putting a run of them in
order costs the square of its length, and no script needs more."""


_SUSPECT: Final = re.compile(r"[^\x00-\u02ff\w\s]{16}")
"""What may be such a run: combining marks are neither letters nor digits nor spaces. Half as long
as is allowed, since composing may double a run (U+0344 is two marks)."""

_HIGH: Final = bytes(range(128)) + b"\xff" * 128
_HIGH_RUN: Final = b"\xff" * 32
"""Sixteen characters above U+02FF in UTF-8, by the table `_HIGH`. Almost no text has that many in
a row, and bytes are looked through many times faster than characters."""


@cache
def _long_run() -> re.Pattern[str]:
    """More combining marks than a script needs, the allowed ones in group 1."""
    spans: list[list[int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.combining(chr(code)):
            if spans and spans[-1][1] == code - 1:
                spans[-1][1] = code
            else:
                spans.append([code, code])
    marks = "".join(f"{chr(first)}-{chr(last)}" for first, last in spans)
    return re.compile(f"([{marks}]{{{_MARKS_MAX}}})[{marks}]+")


def normal(text: str) -> str:
    """``text`` in NFC, with absurd runs of combining marks cut first."""
    if text.isascii():
        return text
    if _HIGH_RUN not in _utf8(text).translate(_HIGH) or not _SUSPECT.search(text):
        return unicodedata.normalize("NFC", text)
    long_run = _long_run()
    text = unicodedata.normalize("NFC", long_run.sub(r"\1", text))
    return long_run.sub(r"\1", text)  # composing may have lengthened a run


def clean(text: str) -> str:
    """Make ``text`` fit to be stored (RR8); total and idempotent."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.isprintable():
        return text
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return normal(_SURROGATES.sub("\ufffd", _CONTROLS.sub("", text)))
    if len(raw.translate(None, _C0)) != len(raw) or _C1.search(raw):
        text = _CONTROLS.sub("", text)
    return normal(text)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def one_line(text: str) -> str:
    """Make ``text`` fit for one line of display (RR9): no breaks, no bidi tricks, trimmed."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    text = _BREAKS.sub(" ", clean(text))
    return normal(_BIDI.sub("", text)).strip()


def cut(text: str, size: int) -> str:
    """The longest beginning of ``text`` that takes at most ``size`` bytes of UTF-8."""
    if len(text) * 4 <= size:
        return text
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")


def snippet(text: str, length: int = 200) -> str:
    """The beginning of ``text`` on one line, at most ``length`` characters."""
    line = one_line(" ".join(text[: length * 3].split()))
    if len(line) <= length + _MARKS_MAX:  # all, or so much was dropped that there is more to see
        line = one_line(" ".join(text[: length * 20].split()))
    if len(line) <= length:
        return line
    head = line[: length - 1]
    space = head.rfind(" ", length // 2)
    return (head[:space] if space > 0 else head).rstrip() + "…"
