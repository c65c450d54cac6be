"""Header bytes to text: raw 8-bit and RFC 2047 encoded words (RR9 to RR12).

Adjacent encoded words of one charset are joined before they are decoded, since mailers cut
multi-byte characters in two; a word glued to its neighbours is read; what cannot be read stays as
it was written. Addresses are split first (rule N1): nothing here decides who is meant.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from eisd.mime.charset import decode, guess
from eisd.mime.limits import HEADER_FIELD
from eisd.mime.text import one_line

_START: Final = re.compile(r"=\?([^?\s]{1,75})\?([bBqQ])\?")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]+")


def decode_text(raw: bytes) -> str:
    """An unfolded, undecoded header value as clean text on one line; total."""
    return decode_words(guess(raw[:HEADER_FIELD]))


def decode_words(text: str) -> str:
    """``text`` with its encoded words read, on one line."""
    if "=?" not in text:
        return one_line(text)
    return one_line(_join(_pieces(text)))


_Piece = tuple[str, str, bytes]
"""Plain text, or the charset and the bytes of an encoded word (then the text is as written)."""


def _pieces(text: str) -> list[_Piece]:
    """Cut ``text`` into plain text and encoded words, in one pass."""
    pieces: list[_Piece] = []
    done = 0
    position = 0
    while (start := _START.search(text, position)) is not None:
        end = text.find("?=", start.end())
        if end < 0:
            break
        another = text.find("=?", start.end(), end)
        if another >= 0 and _START.match(text, another):  # the first was never closed
            position = another
            continue
        word = _unword(start[2], text[start.end() : end])
        position = end + 2
        if word is None:
            continue
        pieces.append((text[done : start.start()], "", b""))
        pieces.append((text[start.start() : position], start[1].partition("*")[0].lower(), word))
        done = position
    pieces.append((text[done:], "", b""))
    return pieces


def _unword(encoding: str, text: str) -> bytes | None:
    """The bytes of one encoded word, None if they cannot be had."""
    if encoding in "qQ":
        raw = text.encode("utf-8", "surrogatepass")
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    letters = _NOT_BASE64.sub("", text)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    if not letters and text.strip("= "):
        return None
    try:
        return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return None


def _join(pieces: list[_Piece]) -> str:
    """Decode neighbouring words of one charset together; drop the white space between words."""
    out: list[str] = []
    charset = ""
    pending: list[bytes] = []

    def flush() -> None:
        if pending:
            out.append(decode(b"".join(pending), charset))
            pending.clear()

    for index, (plain, label, word) in enumerate(pieces):
        if label:
            if label != charset:
                flush()
                charset = label
            pending.append(word)
        elif plain and not (plain.isspace() and 0 < index < len(pieces) - 1):
            flush()
            out.append(plain)
    flush()
    return "".join(out)
