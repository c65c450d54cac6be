"""Bytes whose charset nobody names, or names wrongly: what they look like, and Japanese by hand.

Western text has single bytes above 127 among ASCII letters. Runs of them are another alphabet
(Cyrillic: one byte a letter) or another script (Chinese, Korean: two). That is all that is
guessed; what fits none of it is left to the caller.
"""

from __future__ import annotations

import re
from typing import Final

DETECT_MAX: Final = 4_096
"""Bytes that are looked at."""

JIS: Final = re.compile(rb"\x1b(?:\$[@B]|\$\([DQ]|\([JIB])")
"""An escape sequence of ISO-2022-JP."""

_RUN: Final = re.compile(rb"[\x80-\xff]+")
_BIG5: Final = re.compile(rb"(?:[\xa1-\xf9][\x40-\x7e\xa1-\xfe])+")
_FEW: Final = 4
_MOST: Final = 0.9


def detect(raw: bytes) -> str:
    """Python's codec for unlabelled 8-bit text that is not UTF-8, or "" for "looks Western"."""
    runs = _RUN.findall(raw)
    high = sum(map(len, runs))
    if high < _FEW or high < len(runs) * 2:
        return ""
    if all(len(run) % 2 == 0 for run in runs) and _valid(raw, "gb2312", "euc_kr"):
        leads = [byte for run in runs for byte in run[::2]]
        korean = sum(0xB0 <= byte <= 0xC8 for byte in leads)  # noqa: PLR2004 - hangul, KS X 1001
        if korean >= _MOST * sum(byte >= 0xB0 for byte in leads) and _valid(raw, "euc_kr"):  # noqa: PLR2004
            return "cp949"
        return "gb18030" if _valid(raw, "gb2312") else "cp949"
    lower = sum(byte >= 0xE0 for run in runs for byte in run)  # noqa: PLR2004 - small letters of cp1251
    upper = sum(0xC0 <= byte < 0xE0 for run in runs for byte in run)  # noqa: PLR2004
    if lower + upper >= _MOST * high:
        return "cp1251" if lower >= upper else "koi8_r"
    if _valid(raw, "big5") and _BIG5.search(raw):
        return "big5hkscs"
    return ""


def _valid(raw: bytes, *codecs: str) -> bool:
    """Whether ``raw``, which may be cut in the middle of a character, is text in any of these."""
    for codec in codecs:
        try:
            raw.decode(codec)
        except UnicodeDecodeError as problem:
            if problem.start < DETECT_MAX - 1:
                continue
        return True
    return False


def decode_jis(raw: bytes) -> str:
    """ISO-2022-JP as mailers write it: with NEC's and IBM's characters, which Python's lacks."""
    try:
        return raw.decode("iso2022_jp_ext")
    except UnicodeDecodeError:
        return _by_escapes(raw)


def _by_escapes(raw: bytes) -> str:
    """Decode run by run; two-byte runs by way of Shift JIS (cp932)."""
    out: list[str] = []
    done = 0
    wide = False
    for escape in JIS.finditer(raw):
        out.append(_run(raw[done : escape.start()], wide=wide))
        wide = escape[0].startswith(b"\x1b$")
        done = escape.end()
    out.append(_run(raw[done:], wide=wide))
    return "".join(out)


def _run(raw: bytes, *, wide: bool) -> str:
    if not wide:
        return raw.decode("cp932", "replace")
    shifted = bytearray()
    for row, cell in zip(raw[::2], raw[1::2], strict=False):
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):  # noqa: PLR2004 - ISO 2022's graphics
            continue
        lead = (row - 0x21 >> 1) + 0x81
        shifted.append(lead if lead <= 0x9F else lead + 0x40)  # noqa: PLR2004
        shifted.append(cell + (0x7E if row % 2 == 0 else 0x1F + (cell >= 0x60)))  # noqa: PLR2004
    return shifted.decode("cp932", "replace")
