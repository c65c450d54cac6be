"""A message as it goes over the wire (RFC 5321 sections 2.3.8 and 4.5.2). Pure."""

from __future__ import annotations

import re
from typing import Final

_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_DOT: Final = re.compile(rb"(?m)^\.")
_BLIND: Final = re.compile(
    rb"^(?:Resent-)?Bcc[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")


def without_bcc(rfc822: bytes) -> bytes:
    """The message without its Bcc headers: what its recipients may see."""
    end = _END_OF_HEADER.search(rfc822)
    cut = len(rfc822) if end is None else end.start() + 1 + (end[0][0] == 13)  # noqa: PLR2004 - CR
    return _BLIND.sub(b"", rfc822[:cut]) + rfc822[cut:]


def crlf(rfc822: bytes) -> bytes:
    """Every line ended by CRLF, the last one too; no CR or LF alone (the way to smuggle mail)."""
    if _BARE.search(rfc822):
        rfc822 = _BARE.sub(b"\r\n", rfc822)
    return rfc822 if rfc822.endswith(b"\r\n") else rfc822 + b"\r\n"


def stuffed(rfc822: bytes) -> bytes:
    """The message between DATA and its last dot, which is not included."""
    lines = crlf(rfc822)
    if lines.startswith(b".") or b"\n." in lines:
        return _DOT.sub(b"..", lines)
    return lines
