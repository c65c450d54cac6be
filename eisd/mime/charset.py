"""Bytes with a charset label to text, whatever the label is worth (RR10).

The order: the label, if it names a charset of the list below; UTF-8, if the bytes are valid UTF-8;
the label again, bad bytes read as Windows-1252. Without a usable label: UTF-8, what the bytes look
like, Windows-1252. Labels are read as browsers read
them (WHATWG Encoding): ``iso-8859-1`` means Windows-1252, ``gb2312`` means GB 18030. Python's other
codecs (``idna``, ``unicode_escape``, ``zlib`` ...) are never reached from a message.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final

from eisd.mime.detect import DETECT_MAX, JIS, decode_jis, detect

_ALLOWED: Final = frozenset(
    [
        "utf_8",
        "utf_16",
        "utf_16_le",
        "utf_16_be",
        "utf_32",
        "utf_32_le",
        "utf_32_be",
        "gb18030",
        "hz",
        "big5hkscs",
        "cp949",
        "johab",
        "cp932",
        "euc_jp",
        "iso2022_jp_2",
        "iso2022_jp_ext",
        "iso2022_kr",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "cp874",
        "koi8_r",
        "koi8_u",
        "koi8_t",
        "kz1048",
        "ptcp154",
        "iso8859_2",
        "iso8859_3",
        "iso8859_4",
        "iso8859_5",
        "iso8859_6",
        "iso8859_7",
        "iso8859_8",
        "iso8859_10",
        "iso8859_13",
        "iso8859_14",
        "iso8859_15",
        "iso8859_16",
        "mac_roman",
        "mac_latin2",
        "mac_cyrillic",
        "mac_greek",
        "mac_turkish",
        "mac_iceland",
        "cp437",
        "cp737",
        "cp775",
        "cp850",
        "cp852",
        "cp855",
        "cp857",
        "cp858",
        "cp860",
        "cp861",
        "cp862",
        "cp863",
        "cp864",
        "cp865",
        "cp866",
        "cp869",
    ]
)

_WIDE: Final = ("utf_16", "utf_32")
_MEANT: Final = {
    "latin_1": "cp1252", "iso8859_9": "cp1254", "iso8859_11": "cp874", "tis_620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "x_gbk": "gb18030",
    "euc_cn": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs", "chinesebig5": "big5hkscs",
    "x_x_big5": "big5hkscs", "euc_kr": "cp949", "ks_c_5601": "cp949", "ks_c_5601_1987": "cp949",
    "ksc5601": "cp949", "uhc": "cp949", "shift_jis": "cp932", "sjis": "cp932", "x_sjis": "cp932",
    "iso2022_jp": "iso2022_jp_ext", "iso2022_jp_1": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext", "iso8859_8_i": "iso8859_8",
    "iso_8859_8_i": "iso8859_8", "iso_8859_8_e": "iso8859_8", "unicode": "utf_8",
    "utf8": "utf_8", "utf_8_sig": "utf_8", "utf8mb4": "utf_8", "unicode_1_1_utf_8": "utf_8",
    "unicode_1_1_utf_7": "utf_7", "utf7": "utf_7", "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman", "x_mac_ce": "mac_latin2", "x_mac_cyrillic": "mac_cyrillic",
    "x_mac_greek": "mac_greek", "x_mac_turkish": "mac_turkish", "x_mac_icelandic": "mac_iceland",
    "koi8_ru": "koi8_u", "koi": "koi8_r", "koi8": "koi8_r",
    "ansi": "cp1252", "ansi_x3.4_1986": "cp1252", "koi8r": "koi8_r", "koi8u": "koi8_u",
    "ksc_5601": "cp949", "ks_c_5601_1989": "cp949", "iso_ir_149": "cp949", "cseuckr": "cp949",
    "csksc56011987": "cp949", "gb_2312": "gb18030", "gb_2312_80": "gb18030",
    "csgb2312": "gb18030", "gb2312_charset": "gb18030", "cp54936": "gb18030",
    "big_5": "big5hkscs", "cn_big5": "big5hkscs", "big5_eten": "big5hkscs", "cp51932": "euc_jp",
    "cp943": "cp932", "windows_31j": "cp932", "iso2022_jp_3": "iso2022_jp_ext",
    "iso2022_jp_2004": "iso2022_jp_ext", "iso_2022_jp_ms": "iso2022_jp_ext", "mac": "mac_roman",
    "mac_ukrainian": "mac_cyrillic", "logical": "iso8859_8", "visual": "iso8859_8",
    "cp20866": "koi8_r", "cp21866": "koi8_u", "ucs_2": "utf_16", "iso_10646_ucs_2": "utf_16",
    "unicodefeff": "utf_16_le", "unicodefffe": "utf_16_be",
}  # fmt: skip

_PAGE: Final = re.compile(r"(?:windows|win|cp|ms|dos|ibm)_?([0-9]{3,5})")
_LATIN: Final = re.compile(r"(?:iso_?)?8859_?([0-9]{1,2})(?:_[ei])?")
_SEPARATORS: Final = re.compile(r"[^a-z0-9.]+")
_WINDOWS: Final = "".join(
    bytes((code,)).decode("cp1252", "ignore") or chr(code) for code in range(256)
)
"""Windows-1252 as browsers have it: its five holes are controls, which `clean` drops."""
_ESCAPED: Final = {0xDC00 + code: _WINDOWS[code] for code in range(128, 256)}


@lru_cache(maxsize=512)
def codec(label: str, *, body: bool = False) -> str:
    """Python's codec for a charset label, or "" where the label says nothing usable.

    UTF-7 counts in a ``body`` alone: in a header it is a way to smuggle markup.
    """
    name = _SEPARATORS.sub("_", label[:80].lower()).strip("_")
    if name not in _MEANT:
        name = name.removeprefix("x_")
    if page := _PAGE.fullmatch(name):
        name = f"cp{page[1]}"
    elif part := _LATIN.fullmatch(name):
        name = f"iso8859_{part[1]}"
    name = _MEANT.get(name) or aliases.get(name.replace(".", "_"), name)
    name = _MEANT.get(name, name)
    if name == "utf_7":
        return name if body else ""
    return name if name in _ALLOWED else ""


def windows(raw: bytes) -> str:
    """``raw`` as Windows-1252; never fails, never U+FFFD."""
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:  # one of the holes
        return raw.decode("latin-1").translate(_WINDOWS_TABLE)


_WINDOWS_TABLE: Final = {code: char for code, char in enumerate(_WINDOWS) if ord(char) != code}


def guess(raw: bytes) -> str:
    """Unlabelled bytes to text: ASCII, ISO-2022-JP by its escapes, UTF-8, else Windows-1252."""
    if raw.isascii():
        return decode_jis(raw) if b"\x1b" in raw and JIS.search(raw) else raw.decode("ascii")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _mostly_utf8(raw) or _detected(raw) or windows(raw)


def _detected(raw: bytes) -> str:
    """``raw`` by the charset its bytes look like, or ""."""
    try:
        return raw.decode(detect(raw[:DETECT_MAX]) or "ascii")
    except UnicodeDecodeError:
        return ""


def decode(raw: bytes, label: str, *, body: bool = False) -> str:
    """``raw`` as text by ``label``; total. U+FFFD only where every other reading fails."""
    name = codec(label, body=body) if label else ""
    if not name or (body and name.startswith(_WIDE) and _is_narrow(raw)):
        return guess(raw)
    if name == "cp1252":
        return windows(raw)
    if name.startswith("iso2022_jp"):
        return decode_jis(raw)
    for attempt, errors in ((name, "strict"), ("utf-8", "strict"), (name, "surrogateescape")):
        try:
            text = raw.decode(attempt, errors)
        except (UnicodeError, ValueError):
            continue
        if errors == "strict":
            return text
        return text.translate(_ESCAPED)
    return raw.decode(name, "replace")


def _is_narrow(raw: bytes) -> bool:
    """Whether a body said to be UTF-16 or UTF-32 is not: every line of these ends in a NUL."""
    if b"\0" in raw or raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(raw: bytes) -> str:
    """``raw`` as UTF-8 with a few bad bytes, or "" where it is no UTF-8 at all."""
    text = raw.decode("utf-8", "surrogateescape")
    bad = len(_BAD.findall(text))
    good = len(text.encode("utf-8", "surrogateescape")) - len(text)  # what multi-byte forms add
    return text.translate(_ESCAPED) if good > bad * 2 else ""


_BAD: Final = re.compile("[\udc80-\udcff]")
