"""An address field cut into items by RFC 5322, in one pass; what they mean is judged elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_SPECIAL: Final = re.compile(r'[",;:<>()\\\[]|=\?')
_WORD: Final = re.compile(r'=\?[^?\s<>"@]{1,75}\?[bBqQ]\?[^?\s<>"@]{0,400}\?=')
"""An encoded word: mailers leave commas and colons in it, which part nothing. One that shows an
address in the open is taken apart like any text."""
_COMMENT: Final = re.compile(r"[()\\]")
_LITERAL_MAX: Final = 100


def unquote(text: str) -> str:
    """The inside of a quoted string without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


def quote_end(text: str, start: int) -> int:
    """Where the quoted string that begins at ``start`` ends, -1 if it does not."""
    end = text.find('"', start + 1)
    while end >= 0:
        before = end - 1
        while text[before] == "\\":
            before -= 1
        if (end - before) % 2 or before < start:
            return end
        end = text.find('"', end + 1)
    return -1


def _comment_end(text: str, start: int) -> int:
    """Where the (nested) comment that begins at ``start`` ends, -1 if it does not."""
    depth = 0
    position = start
    while (special := _COMMENT.search(text, position)) is not None:
        position = special.end()
        if special[0] == "(":
            depth += 1
        elif special[0] == "\\":
            position += 1
        else:
            depth -= 1
            if depth == 0:
                return special.start()
    return -1


@dataclass(slots=True)
class Item:
    """What was read of one item so far."""

    start: int
    phrase: list[str] = field(default_factory=list)
    """Its words, quotes taken off: the name if an angle address follows."""
    spec: list[str] = field(default_factory=list)
    """The same words as written: the address if none does."""
    angles: list[str] = field(default_factory=list)
    comment: str = ""
    has_at: bool = False

    def add(self, text: str) -> None:
        self.has_at = self.has_at or "@" in text
        self.phrase.append(text)
        self.spec.append(text)


class Unparsable(Exception):
    """The field is not RFC 5322: a quote, comment or angle bracket is never closed."""


def items(text: str) -> Iterator[tuple[Item, str]]:
    """Cut a field into items, each with its source; one pass."""
    item = Item(0)
    position = 0
    while (special := _SPECIAL.search(text, position)) is not None:
        at = special.start()
        if at > position:
            item.add(text[position:at])
        char = special[0]
        if char in ",;":
            position = at + 1
            if item.spec or item.angles:
                yield item, text[item.start : at]
                item = Item(position)
            else:
                item.start = position
        elif char == ":" and not item.angles and not item.has_at:
            position = at + 1  # a group's name: what follows are its members
            item = Item(position)
        else:
            position = _take(item, text, at)
    item.add(text[position:])
    yield item, text[item.start :]


def _take(item: Item, text: str, at: int) -> int:
    """Take the construct that begins at ``at`` into ``item``; where it ends."""
    char = text[at]
    if char == '"':
        end = _closed(quote_end(text, at))
        item.phrase.append(unquote(text[at + 1 : end]))
        item.spec.append(text[at : end + 1])
        return end + 1
    if char == "(":
        end = _closed(_comment_end(text, at))
        item.comment = text[at + 1 : end]
        item.phrase.append(" ")
        return end + 1
    if char == "<":
        return _take_angle(item, text, at)
    end = _plain_end(item, text, at)
    item.add(text[at + (char == "\\") : end])
    return end


def _plain_end(item: Item, text: str, at: int) -> int:
    """Where what begins at ``at`` ends: an encoded word, a domain literal, one character."""
    char = text[at]
    if char == "=":
        word = _WORD.match(text, at)
        return at + 2 if word is None else word.end()
    if char == "[" and item.spec and item.spec[-1].rstrip().endswith("@"):
        end = text.find("]", at, at + _LITERAL_MAX)
        return at + 1 if end < 0 else end + 1
    return at + 1 + (char == "\\")


def _closed(end: int) -> int:
    if end < 0:
        raise Unparsable
    return end


def _take_angle(item: Item, text: str, at: int) -> int:
    """Take ``<...>`` into ``item``; where it ends."""
    end = _closed(text.find(">", at))
    quote = text.find('"', at, end)
    if quote >= 0:
        end = _closed(text.find(">", _closed(quote_end(text, quote))))
    inside = text[at + 1 : end]
    before, again, last = inside.rpartition("<")
    if again and before.strip("< "):
        raise Unparsable
    if last.lstrip().startswith("@"):  # a source route, RFC 5322 4.4
        last = last.rpartition(":")[2]
    item.angles.append(_without_comments(last) if "(" in last else last)
    return end + 1 + (again == "<" and text.startswith(">", end + 1))


def _without_comments(spec: str) -> str:
    """An addr-spec without the comments in it; those in quotes are none."""
    kept: list[str] = []
    position = 0
    while (special := _SPECIAL.search(spec, position)) is not None:
        end = special.start()
        if special[0] == '"':
            end = max(end, quote_end(spec, end)) + 1
        elif special[0] != "(":
            end = special.end()
        kept.append(spec[position:end])
        if special[0] == "(":
            end = _closed(_comment_end(spec, end)) + 1
        position = end
    return "".join(kept) + spec[position:]


def rough_items(text: str) -> Iterator[tuple[Item, str]]:
    """N1's rule for what does not parse: cut at commas, take the last ``<...>``."""
    start = 0
    for piece in text.split(","):
        item = Item(start)
        name, angle, rest = piece.rpartition("<")
        if angle:
            item.angles.append(rest.partition(">")[0])
            item.phrase.append(name.replace('"', " "))
            item.spec.append(name)
        else:
            item.add(piece)
        start += len(piece) + 1
        yield item, piece


def close_up(text: str, *, in_angles: bool) -> str:
    """An addr-spec without the white space that RFC 5322 4.4 allows around its "@" and dots.

    Outside angle brackets a space before the "@" may part a name from an address: it stays.
    """
    if not any(char.isspace() for char in text):
        return text
    local, _, domain = text.rpartition("@")
    domain = " ".join(domain.split()).replace(" .", ".").replace(". ", ".")
    local = local.strip()
    if in_angles and '"' not in local:
        local = " ".join(local.split()).replace(" .", ".").replace(". ", ".")
    return f"{local}@{domain}" if local else text
