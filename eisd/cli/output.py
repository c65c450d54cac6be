"""What commands print: data on stdout, talk on stderr; tables for people, JSON for programs.

Everything from mail or servers goes through `safe`: a subject must not steer a terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import PurePath
from typing import Final, TextIO

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_GAP: Final = "  "


def safe(text: str, *, lines: bool = False) -> str:
    """Text that cannot steer a terminal; controls become escapes, LF and TAB stay if ``lines``."""
    if text.isprintable():
        return text
    return _UNSAFE.sub(
        lambda found: (
            found.group() if lines and found.group() in "\n\t" else _escape(found.group())
        ),
        text,
    )


def _escape(char: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}")


def colours(stream: TextIO) -> bool:
    """Whether colours are wanted: a terminal, and neither NO_COLOR nor TERM=dumb says no."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, *, stream: TextIO | None = None) -> str:
    """Text in a colour (red, green, yellow, bold, dim) where the stream shows colours."""
    if not colour or not colours(stream or sys.stdout):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Talk: a line on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def line(text: str = "") -> None:
    """Data for people: a line on stdout."""
    sys.stdout.write(f"{text}\n")


def print_json(value: object) -> None:
    """Data for programs: one object, indented for a terminal and compact otherwise."""
    indent = 2 if sys.stdout.isatty() else None
    line(json.dumps(plain(value), ensure_ascii=False, indent=indent))


def print_json_lines(values: Iterable[object]) -> None:
    """Data for programs: JSON Lines."""
    for value in values:
        line(json.dumps(plain(value), ensure_ascii=False))


def plain(value: object) -> object:
    """A value as JSON knows it: times as RFC 3339 UTC, enumerations as their value."""
    if isinstance(value, Enum):
        value = value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, PurePath) else value


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Collection[str] = (),
    colour: Mapping[str, str] | None = None,
) -> None:
    """Print aligned columns.

    Args:
        headers: the columns' names.
        rows: a cell per column; None is shown as ``-``.
        right: names of columns aligned to the right.
        colour: a colour for every cell whose text is this.
    """
    cells = [["-" if cell is None else safe(str(cell)) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(headers, *cells, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for index, row in enumerate([list(headers), *cells]):
        padded = [
            _pad(cell, width, right=name in right)
            for name, cell, width in zip(headers, row, widths, strict=True)
        ]
        text = _cut(_GAP.join(padded).rstrip(), room)
        if index == 0:
            text = paint(text, "bold")
        else:
            for word, hue in (colour or {}).items():
                if word in row:
                    text = text.replace(word, paint(word, hue), 1)
        line(text)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _pad(text: str, width: int, *, right: bool) -> str:
    filling = " " * (width - _width(text))
    return filling + text if right else text + filling


def _cut(text: str, room: int | None) -> str:
    """Text that fits in ``room`` columns of a terminal."""
    if room is None or _width(text) <= room:
        return text
    while _width(text) > room - 1:
        text = text[:-1]
    return f"{text}\N{HORIZONTAL ELLIPSIS}"


def duration(seconds: float) -> str:
    """A span for people, in its two largest units: ``1.2s``, ``38s``, ``4m 10s``, ``3d 4h``."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 10:  # noqa: PLR2004 - below it, tenths say something
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def ago(moment: datetime | str | None, *, now: datetime | None = None) -> str:
    """How long ago, in one unit: ``4s ago``; ``-`` for never."""
    if moment is None or moment == "":
        return "-"
    then = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    if seconds < 1:
        return "now"
    return f"{duration(int(seconds)).split()[0]} ago"


def size(octets: float) -> str:
    """A size for people: ``512 B``, ``1.1 MB``, ``212 MB`` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if octets < 1000 or unit == "TB":  # noqa: PLR2004
            break
        octets /= 1000
    shown = f"{octets:.1f}".removesuffix(".0") if octets < 10 and unit != "B" else f"{octets:.0f}"  # noqa: PLR2004
    return f"{shown} {unit}"
