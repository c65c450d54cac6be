"""Header dates to aware datetimes: a fast path for what mailers write, a bounded one for the rest.

Total: what cannot be read, or lies outside the years mail has existed for, is None. A missing or
unknown zone reads as UTC, as RFC 5322 4.3 asks for "-0000".
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_USUAL: Final = re.compile(
    rb"(?:[A-Za-z]{3}, {0,2})?([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}) "
    rb"([0-9]{1,2}):([0-9]{2}):([0-9]{2}) (?:([+-][0-9]{4})|GMT|UTC?|Z)"
    rb"(?: {1,2}\([A-Za-z ]{1,40}\))?"
)
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
    r"(?:[.][0-9]{1,6})? ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_CLOCK: Final = {b"%02d" % number: number for number in range(60)}
_LAST_HOUR: Final = 23
_LONGEST: Final = 128
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199
_FURTHEST: Final = timedelta(hours=15)


def parse_date(value: bytes) -> datetime | None:
    """The date in a Date header's unfolded value, or after a Received header's semicolon."""
    usual = _USUAL.fullmatch(value)
    if usual is None:
        return _unusual(value)
    day, month, year, hour, minute, second, offset = usual.groups()
    try:
        return _sane(
            datetime(
                _year(int(year)),
                _MONTHS[month.lower()],
                int(day),
                int(hour),
                int(minute),
                min(int(second), 59),  # leap seconds
                tzinfo=_zone(int(offset[:3]) * 60 + int(offset[:1] + offset[3:]))
                if offset
                else UTC,
            )
        )
    except (KeyError, ValueError):
        return None


def seconds_of(value: bytes) -> int | None:
    """`parse_date` in whole seconds since 1970 UTC: most dates of a scan share their day."""
    begin = value.find(b":", 9) - 2
    end = begin + 8
    clock = value[begin:end].split(b":")
    if len(clock) == 3:  # noqa: PLR2004 - hour, minute, second
        hour, minute, second = map(_CLOCK.get, clock)
        if hour is not None and minute is not None and second is not None and hour <= _LAST_HOUR:
            midnight = _midnight(value[:begin], value[end:])
            if midnight is not None:
                return midnight + hour * 3600 + minute * 60 + second
    date = parse_date(value)
    return None if date is None else int(date.timestamp())


@lru_cache(maxsize=4_096)
def _midnight(day: bytes, zone: bytes) -> int | None:
    """When a usual date's day begins, by what is written around the hour, minute and second."""
    value = day + b"00:00:00" + zone
    date = parse_date(value) if _USUAL.fullmatch(value) else None
    return None if date is None else int(date.timestamp())


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    """The zone ``minutes`` east of Greenwich; UTC if there is no such place."""
    offset = timedelta(minutes=minutes)
    return timezone(offset) if offset and abs(offset) <= _FURTHEST else UTC


def _year(year: int) -> int:
    """Years counted from 1900 (RFC 5322 4.3): software older than 2000 wrote 0102 for 2002."""
    return year + 1900 if 100 <= year < 200 else year  # noqa: PLR2004


def _sane(date: datetime) -> datetime | None:
    return date if _FIRST_YEAR < date.year <= _LAST_YEAR else None


def _unusual(value: bytes) -> datetime | None:
    """Read the obsolete, the foreign and the malformed."""
    text = " ".join(value[:_LONGEST].decode("ascii", "replace").split())
    if not any(char.isdigit() for char in text):
        return None
    try:
        if _ISO.fullmatch(text):
            date = datetime.fromisoformat(text.replace(" Z", "Z").replace(" +", "+"))
            return _sane(date if date.tzinfo else date.replace(tzinfo=UTC))
        fields = email.utils.parsedate_tz(text)
        if fields is None:
            return None
        year, month, day, hour, minute, second = fields[:6]
        zone = _zone((fields[9] or 0) // 60)
        return _sane(datetime(_year(year), month, day, hour, minute, min(second, 59), tzinfo=zone))
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
