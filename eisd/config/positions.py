"""Where each key of a TOML document stands: line and column for every path, by one scan.

`tomllib` keeps no positions, so the text is scanned a second time. The scanner runs only on text
that `tomllib` has accepted: it needs no error paths, and its one promise is that it finds exactly
the paths of the parsed document.

A path is a tuple of keys and list indexes. A table's place is its header (or the first dotted key
that makes it), a key's place is the key itself, a list item's place is its value.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A place in a text: line and column (characters), both from 1."""

    line: int
    column: int


class Span(NamedTuple):
    """Where a key's value stands: offsets into the text, CRLF counted as one character."""

    start: int
    end: int


class Positions(NamedTuple):
    """The places of all paths, and the spans of all values."""

    places: dict[Path, Place]
    spans: dict[Path, Span]


def positions(source: str) -> dict[Path, Place]:
    """The place of every path of a valid TOML document."""
    return scan(source).places


def scan(source: str) -> Positions:
    """The places of all paths of a valid TOML document and the spans of their values."""
    scanner = _Scanner(source.replace("\r\n", "\n"))
    scanner.document()
    return Positions(scanner.places, scanner.spans)


def paths(value: Any, base: Path = ()) -> Iterator[Path]:
    """Every path below a parsed value: what `positions` must find."""
    items: Iterator[tuple[str | int, Any]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    else:
        return
    for key, item in items:
        yield (*base, key)
        yield from paths(item, (*base, key))


class _Scanner:
    """A cursor over the text. ``last`` holds the newest index of each array of tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Path, Place] = {}
        self.spans: dict[Path, Span] = {}
        self._last: dict[Path, int] = {}
        self._starts = [0, *(i + 1 for i, char in enumerate(text) if char == "\n")]

    def document(self) -> None:
        prefix: Path = ()
        while True:
            self._skip_blank()
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        brackets = 2 if is_array else 1
        self.at += brackets
        parts = self._key()
        self.at += brackets
        if not is_array:
            return self._note((), parts)
        head = self._note((), parts[:-1])
        array = (*head, parts[-1][0])
        self._last[array] = self._last.get(array, -1) + 1
        self.places.setdefault(array, self._place(start))
        item = (*array, self._last[array])
        self.places[item] = self._place(start)
        return item

    def _pair(self, base: Path) -> None:
        path = self._note(base, self._key())
        self.at += 1  # the equals sign
        self._value(path)

    def _note(self, base: Path, parts: list[tuple[str, int]]) -> Path:
        """Give each step of a dotted key its place, unless it already has one."""
        path = base
        for name, start in parts:
            path = (*path, name)
            self.places.setdefault(path, self._place(start))
            if path in self._last:
                path = (*path, self._last[path])
        return path

    def _key(self) -> list[tuple[str, int]]:
        parts = []
        while True:
            self._skip_space()
            start = self.at
            if self.text[start] in "\"'":
                self._string()
                name = tomllib.loads("k=" + self.text[start : self.at])["k"]
            else:
                while self._peek().isalnum() or self._peek() in ("_", "-"):
                    self.at += 1
                name = self.text[start : self.at]
            parts.append((name, start))
            self._skip_space()
            if self._peek() != ".":
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        self._skip_space()
        start = self.at
        match self.text[start]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                while self._peek() not in ("", ",", "]", "}", "#", "\n"):
                    self.at += 1
        self.spans[path] = Span(start, self.at)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip_blank()
            match self.text[self.at]:
                case "]":
                    self.at += 1
                    return
                case ",":
                    self.at += 1
                case _:
                    self.places[*path, index] = self._place(self.at)
                    self._value((*path, index))
                    index += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip_blank()
            match self.text[self.at]:
                case "}":
                    self.at += 1
                    return
                case ",":
                    self.at += 1
                case _:
                    self._pair(path)

    def _string(self) -> None:
        quote = self.text[self.at]
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(fence)
        while not self.text.startswith(fence, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(fence)
        if len(fence) > 1:  # up to two more quotes belong to the string (TOML 1.0, "String")
            while self._peek() == quote:
                self.at += 1

    def _skip_space(self) -> None:
        while self._peek() in (" ", "\t"):
            self.at += 1

    def _skip_blank(self) -> None:
        """Skip white space, line ends and comments."""
        while (char := self._peek()) and char in " \t\n#":
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            else:
                self.at += 1

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)
