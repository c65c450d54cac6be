"""The small grammar of IMAP: names, sets, dates and tokens. Pure; raises `ProtocolError` alone.

RFC 9051 says mailbox, we say folder. A folder's *wire name* is the server's own octets, held as
latin-1 text so that it goes back exactly as it came; its *name* is the readable one.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone

from eisd.errors import ProtocolError, Rejected

Token = bytes | list["Token"] | None
"""An atom or string, a parenthesised list, or NIL."""

MAX_UID = 0xFFFFFFFF
_MAX_DEPTH = 200
_MAX_EXPANDED = 5_000_000

_FORBIDDEN = re.compile(r"[\x00\r\n]")
_SPECIAL = re.compile(r'(["\\])')
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_QUOTED = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# An unterminated quote takes the rest of the text, so that hostile input is read once.
_TOKEN = re.compile(rb'[()]|"(?:[^"\\]++|\\.)*+"|[^\s()"]+|".*', re.DOTALL)
# In FETCH responses a section in brackets belongs to its item (RFC 9051 section-binary, section).
_FETCH_TOKEN = re.compile(
    rb'[()]|"(?:[^"\\]++|\\.)*+"|[A-Za-z0-9.]+\[[^\[\]]*\](?:<\d+>)?|[^\s()"]+|".*', re.DOTALL
)


def quote(text: str) -> str:
    """``text`` as a quoted string (RFC 9051 section 9); what would end a command is refused."""
    if _FORBIDDEN.search(text):
        raise Rejected("NUL, CR and LF cannot be sent in an IMAP command", code="argument")
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'


def encode_name(name: str) -> str:
    """A readable folder name in modified UTF-7 (RFC 3501 section 5.1.3)."""
    return re.sub(r"&|[^\x20-\x7e]+", _encode_run, name)


def _encode_run(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    packed = b64encode(match[0].encode("utf-16-be", "surrogatepass"))
    return "&" + packed.decode("ascii").rstrip("=").replace("/", ",") + "-"


def decode_name(wire: str) -> str:
    """The readable form of a wire name; what is not modified UTF-7 stays as it is."""
    if not wire.isascii():  # a server that sends UTF-8 without being asked
        try:
            return wire.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return wire
    return re.sub(r"&([A-Za-z0-9+,]*)-", _decode_run, wire) if "&" in wire else wire


def _decode_run(match: re.Match[str]) -> str:
    packed = match[1]
    if not packed:
        return "&"
    try:
        raw = b64decode(packed.replace(",", "/") + "=" * (-len(packed) % 4))
        text = raw.decode("utf-16-be")
    except ValueError:
        return match[0]
    # Only the one spelling of a name is decoded: two names must never look the same.
    return text if encode_name(text) == match[0] else match[0]


class UidSet:
    """UIDs as ascending ranges, for asking whether one is a member (RFC 9051 sequence-set)."""

    __slots__ = ("_highs", "_lows", "text")

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in sorted(ranges):
            if self._lows and low <= self._highs[-1] + 1:
                self._highs[-1] = max(self._highs[-1], high)
            else:
                self._lows.append(low)
                self._highs.append(high)
        self.text = ",".join(
            str(low) if low == high else f"{low}:{'*' if high >= MAX_UID else high}"
            for low, high in zip(self._lows, self._highs, strict=True)
        )

    @classmethod
    def parse(cls, text: str) -> UidSet:
        """Read ``1:5,7,10:*``; ``*`` counts as the highest UID there can be."""
        return cls(_range(part) for part in text.split(","))

    @classmethod
    def of(cls, uids: Iterable[int]) -> UidSet:
        """The set of these UIDs."""
        members = sorted(uids)
        for uid in members[:1] + members[-1:]:
            _checked(uid)
        return cls(_runs(members))

    def __contains__(self, uid: int) -> bool:
        at = bisect_right(self._lows, uid) - 1
        return at >= 0 and uid <= self._highs[at]

    def __len__(self) -> int:
        return sum(h - low + 1 for low, h in zip(self._lows, self._highs, strict=True))

    def uids(self) -> list[int]:
        """Every member, ascending; a set too large to be meant is a `ProtocolError`."""
        if len(self) > _MAX_EXPANDED:
            raise ProtocolError("a set of UIDs is too large to be true", code="grammar")
        ranges = zip(self._lows, self._highs, strict=True)
        return [uid for low, high in ranges for uid in range(low, high + 1)]


def _runs(members: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending UIDs as ranges."""
    begin = 0
    for at in range(1, len(members) + 1):
        if at == len(members) or members[at] > members[at - 1] + 1:
            yield members[begin], members[at - 1]
            begin = at


def _range(part: str) -> tuple[int, int]:
    low, colon, high = part.partition(":")
    first = _uid(low)
    last = _uid(high) if colon else first
    return (first, last) if first <= last else (last, first)


def _uid(text: str) -> int:
    if text == "*":
        return MAX_UID
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:  # noqa: PLR2004 - 32 bits
        raise ProtocolError("a set of UIDs cannot be read", code="grammar")
    return _checked(int(text))


def _checked(uid: int) -> int:
    if not 0 < uid <= MAX_UID:
        raise ProtocolError("a UID is not between 1 and 2^32-1", code="grammar")
    return uid


def compress(uids: Iterable[int]) -> str:
    """UIDs as a sequence set: ``1:3,5``."""
    return UidSet.of(uids).text


def expand(text: str) -> list[int]:
    """The members of a sequence set, ascending and unique."""
    return UidSet.parse(text).uids()


def tokenize(segments: Sequence[bytes], start: int = 0, *, fetch: bool = False) -> list[Token]:
    """A logical response (text, literal, text, ...) as nested tokens, from ``start`` on.

    Strings lose their quotes and NIL is None. Unbalanced parentheses or quotes are refused.
    """
    find = (_FETCH_TOKEN if fetch else _TOKEN).findall
    top: list[Token] = []
    current, stack = top, []
    last = len(segments) - 1
    for index in range(0, last + 1, 2):
        tokens = find(segments[index], start if index == 0 else 0)
        if index < last:
            tokens.pop()  # the literal's own {size}
        for token in tokens:
            if token == b"(":
                inner: list[Token] = []
                current.append(inner)
                stack.append(current)
                if len(stack) > _MAX_DEPTH:
                    raise ProtocolError("parentheses are nested too deep", code="grammar")
                current = inner
            elif token == b")":
                if not stack:
                    raise ProtocolError("unbalanced parentheses", code="grammar")
                current = stack.pop()
            else:
                current.append(_string(token))
        if index < last:
            current.append(segments[index + 1])
    if stack:
        raise ProtocolError("unbalanced parentheses", code="grammar")
    return top


def _string(token: bytes) -> bytes | None:
    if token[0] != 0x22:  # noqa: PLR2004 - a double quote
        return None if token == b"NIL" else token
    if b"\\" in token:
        if _QUOTED.fullmatch(token) is None:
            raise ProtocolError("a quoted string has no end", code="grammar")
        return _ESCAPED.sub(rb"\1", token[1:-1])
    if len(token) == 1 or token[-1] != 0x22:  # noqa: PLR2004
        raise ProtocolError("a quoted string has no end", code="grammar")
    return token[1:-1]


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.upper().encode(): at for at, name in enumerate(_MONTHS, 1)}
_ISO_MONTH = {f"-{name}-": f"-{at:02}-" for at, name in enumerate(_MONTHS, 1)}
_USUAL_DATE = 26  # octets of a date-time whose day has two digits or begins with a space
_INTERNALDATE = re.compile(
    rb"([ 0-3]?\d-[A-Za-z]{3}-\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)


def parse_internaldate(raw: bytes) -> datetime:
    """INTERNALDATE (RFC 9051 date-time) as an aware datetime with the offset as written."""
    try:
        text = raw.decode("ascii")
        if len(text) == _USUAL_DATE and text[11] == text[20] == " ":
            day = f"{text[7:11]}{_ISO_MONTH[text[2:7]]}{text[:2]}"
            return datetime.fromisoformat(f"{day} {text[12:20]}{text[21:]}")
    except (ValueError, KeyError):
        pass
    return _unusual_date(raw)


def _unusual_date(raw: bytes) -> datetime:
    """Days of one digit, months in other letters, leap seconds."""
    match = _INTERNALDATE.fullmatch(raw)
    if match is None:
        raise ProtocolError("an INTERNALDATE cannot be read", code="grammar")
    day, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    try:
        year, month, number = _day(day)
        return datetime(
            year,
            month,
            number,
            int(hour),
            int(minute),
            min(int(second), 59),  # a leap second
            tzinfo=_zone(sign, zone_hours, zone_minutes),
        )
    except (ValueError, KeyError) as exc:
        raise ProtocolError("an INTERNALDATE is no date", code="grammar") from exc


def _day(raw: bytes) -> tuple[int, int, int]:
    number, month, year = raw.split(b"-")
    return int(year), _MONTH[month.upper()], int(number)


def _zone(sign: bytes, hours: bytes, minutes: bytes) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(offset if sign == b"+" else -offset) if offset else UTC


def search_date(day: date) -> str:
    """A day as SEARCH wants it (RFC 9051 date): ``1-Feb-2024``."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}"
