"""Address headers to keys: the one extractor that all mail, contacts and settings go through.

The rules are N1 to N5 and N8. RFC 5322 is parsed first (groups flattened, comments dropped);
encoded words are read afterwards and in names alone, so no decoded text can become an address.
Plain values take a fast path; `parse_addresses_exact` never does, and must give the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from eisd.mime.charset import guess
from eisd.mime.domains import is_freemail, normal_domain, preload, registrable_domain
from eisd.mime.limits import ADDRESSES, HEADER_FIELD
from eisd.mime.text import one_line
from eisd.mime.words import decode_words
from eisd.model.mail import Address

__all__ = [
    "AddressList",
    "LocalCase",
    "address_key",
    "domain_of",
    "is_freemail",
    "parse_addresses",
    "parse_addresses_exact",
    "preload",
    "read_addresses",
    "registrable_domain",
    "relaxed_key",
]

LocalCase = Literal["fold", "exact"]

_LOCAL: Final = r"[A-Za-z0-9!#$%&*+/=?^_`{|}~.-]+"  # no apostrophe: it may be a quote (N2)
_DOMAIN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_-]"
_PLAIN: Final = re.compile(f"{_LOCAL}@{_DOMAIN}")
_ITEM: Final = re.compile(
    f' *+(?:"([^"\\\\]*+)" *+<({_LOCAL}@{_DOMAIN})>|([^"<>@,]*+)<({_LOCAL}@{_DOMAIN})>'
    f"|({_LOCAL}@{_DOMAIN})) *+(?:,|$)"
)
_SLOW: Final = re.compile(rb"[(:;\\\[]|=\?|[^ -~]|[.]{2}")
_SPECIAL: Final = re.compile(r'[",;:<>()\\\[]')
_COMMENT: Final = re.compile(r"[()\\]")
_ILLEGAL: Final = re.compile(r'[\s\x00-\x1f\x7f-\x9f"(),:;<>@\[\\\]\ud800-\udfff]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE: Final = re.compile("[\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PAIRS: Final = {'"': '"', "'": "'", "‘": "’", "“": "”", "«": "»"}  # noqa: RUF001
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_KEY_MAX: Final = 1_000
_LITERAL_MAX: Final = 100
_CACHED_MAX: Final = 400


class AddressList(NamedTuple):
    """One address field as read."""

    addresses: tuple[Address, ...]
    contested: bool = False
    """Readers of mail may disagree about whom it names: an item with two different addresses."""
    truncated: bool = False


def address_key(text: str, *, local_case: LocalCase = "fold") -> str:
    """The exact key of one address (N2 to N4); "" if it holds not exactly one usable "@"."""
    if _PLAIN.fullmatch(text) and ".." not in text:
        return _plain(text, "", local_case).key
    return _key(_bare(text), local_case) if len(text) <= _KEY_MAX else ""


def relaxed_key(key: str) -> str:
    """The relaxed form of an exact key (N5): no ``+tag``, and for Gmail no dots."""
    if "+" not in key and not key.endswith("mail.com"):
        return key
    local, _, domain = key.rpartition("@")
    if not local or local.startswith('"'):
        return key
    if "+" in local and not local.startswith("+"):
        local = local.partition("+")[0]
    if domain in _GMAIL:
        local = local.replace(".", "") or local
        domain = "gmail.com"
    return f"{local}@{domain}"


def domain_of(key: str) -> str:
    """The domain of an exact or relaxed key."""
    return key.rpartition("@")[2]


def parse_addresses(value: bytes, *, local_case: LocalCase = "fold") -> tuple[Address, ...]:
    """The items of one address field, at most `eisd.mime.limits.ADDRESSES`; total."""
    return read_addresses(value, local_case=local_case).addresses


def parse_addresses_exact(value: bytes, *, local_case: LocalCase = "fold") -> tuple[Address, ...]:
    """`parse_addresses` without its fast path."""
    return _exact(value, local_case).addresses


def read_addresses(value: bytes, *, local_case: LocalCase = "fold") -> AddressList:
    """`parse_addresses`, and what is odd about the field."""
    if len(value) <= _CACHED_MAX:
        return _cached(value, local_case)
    return _fast(value, local_case) or _exact(value[:HEADER_FIELD], local_case)


@lru_cache(maxsize=8_192)
def _cached(value: bytes, local_case: LocalCase) -> AddressList:
    return _fast(value, local_case) or _exact(value, local_case)


def _fast(value: bytes, local_case: LocalCase) -> AddressList | None:
    """Read a field of plain items, None if it has anything else in it (N8)."""
    if len(value) > HEADER_FIELD or _SLOW.search(value):
        return None
    found: list[Address] = []
    text = value.decode("ascii")
    position = 0
    while position < len(text):
        item = _ITEM.match(text, position)
        if item is None:
            return None
        position = item.end()
        quoted, address, name, other, bare = item.groups()
        address = address or other or bare
        name = quoted or name
        found.append(_plain(address, _tidy(name) if name else "", local_case))
    return AddressList(tuple(found)) if len(found) <= ADDRESSES else None


def _plain(address: str, name: str, local_case: LocalCase) -> Address:
    """An address whose spelling needs no look."""
    local, _, domain = address.partition("@")
    key = address.lower() if local_case == "fold" else f"{local}@{domain.lower()}"
    return Address(key, relaxed_key(key), address, name)


def _address(key: str, address: str, name: str) -> Address:
    return Address(key=key, relaxed=relaxed_key(key), address=address, name=name)


def _tidy(name: str) -> str:
    """A display name without the quotes and spaces that mailers leave around it."""
    name = " ".join(name.split())
    if len(name) > 1 and _PAIRS.get(name[0]) == name[-1]:
        name = name[1:-1].strip()
    return name


def _bare(text: str) -> str:
    """``text`` without what N2 strips from its ends."""
    text = _INVISIBLE.sub("", text)
    while True:
        inner = text.strip().strip("<>").strip()
        if len(inner) > 1 and _PAIRS.get(inner[0]) == inner[-1]:
            inner = inner[1:-1]
        if inner == text:
            return text
        text = inner


def _key(text: str, local_case: LocalCase) -> str:
    """The exact key of a stripped addr-spec (N3, N4)."""
    if text.startswith('"'):
        end = _quote_end(text, 0)
        if end < 0 or text[end + 1 : end + 2] != "@":
            return ""
        local = _unquote(text[1:end])
        domain = text[end + 2 :]
    else:
        local, _, domain = text.partition("@")
        if _ILLEGAL.search(local):
            return ""
    local = unicodedata.normalize("NFC", local)
    if local_case == "fold":
        local = local.casefold()
    if not local or _CONTROL.search(local):
        return ""
    if _ILLEGAL.search(local):
        if not text.startswith('"'):
            return ""
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    domain = normal_domain(domain)
    return f"{local}@{domain}" if domain else ""


def _unquote(text: str) -> str:
    """The inside of a quoted string without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


def _quote_end(text: str, start: int) -> int:
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
class _Item:
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


class _Unparsable(Exception):
    """The field is not RFC 5322: a quote, comment or angle bracket is never closed."""


def _exact(value: bytes, local_case: LocalCase) -> AddressList:
    """Read a field by RFC 5322, else by N1's rough rule."""
    text = guess(value[:HEADER_FIELD])
    found: list[Address] = []
    contested = False
    try:
        items = list(_items(text))
    except _Unparsable:
        items = list(_rough_items(text))
    for item, source in items:
        if len(found) >= ADDRESSES:
            return AddressList(tuple(found), contested, truncated=True)
        address, odd = _judge(item, source, local_case)
        contested |= odd
        if address is not None:
            found.append(address)
    return AddressList(tuple(found), contested)


def _items(text: str) -> Iterator[tuple[_Item, str]]:
    """Cut a field into items, each with its source; one pass."""
    item = _Item(0)
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
                item = _Item(position)
            else:
                item.start = position
        elif char == ":" and not item.angles and not item.has_at:
            position = at + 1  # a group's name: what follows are its members
            item = _Item(position)
        else:
            position = _take(item, text, at)
    item.add(text[position:])
    yield item, text[item.start :]


def _take(item: _Item, text: str, at: int) -> int:
    """Take the construct that begins at ``at`` into ``item``; where it ends."""
    char = text[at]
    if char == '"':
        end = _closed(_quote_end(text, at))
        item.phrase.append(_unquote(text[at + 1 : end]))
        item.spec.append(text[at : end + 1])
        return end + 1
    if char == "(":
        end = _closed(_comment_end(text, at))
        item.comment = text[at + 1 : end]
        item.phrase.append(" ")
        return end + 1
    if char == "<":
        return _take_angle(item, text, at)
    if char == "\\":
        item.add(text[at + 1 : at + 2])
        return at + 2
    if char == "[" and item.spec and item.spec[-1].rstrip().endswith("@"):
        end = text.find("]", at, at + _LITERAL_MAX)
        if end > 0:
            item.add(text[at : end + 1])
            return end + 1
    item.add(char)
    return at + 1


def _closed(end: int) -> int:
    if end < 0:
        raise _Unparsable
    return end


def _take_angle(item: _Item, text: str, at: int) -> int:
    """Take ``<...>`` into ``item``; where it ends."""
    end = _closed(text.find(">", at))
    quote = text.find('"', at, end)
    if quote >= 0:
        end = _closed(text.find(">", _closed(_quote_end(text, quote))))
    inside = text[at + 1 : end]
    before, again, last = inside.rpartition("<")
    if again and before.strip("< "):
        raise _Unparsable
    if last.lstrip().startswith("@"):  # a source route, RFC 5322 4.4
        last = last.rpartition(":")[2]
    if "(" in last and (closed := _comment_end(last, last.find("("))) >= 0:
        last = last[: last.find("(")] + last[closed + 1 :]
    item.angles.append(last)
    return end + 1 + (again == "<" and text.startswith(">", end + 1))


def _rough_items(text: str) -> Iterator[tuple[_Item, str]]:
    """N1's rule for what does not parse: cut at commas, take the last ``<...>``."""
    start = 0
    for piece in text.split(","):
        item = _Item(start)
        name, angle, rest = piece.rpartition("<")
        if angle:
            item.angles.append(rest.partition(">")[0])
            item.phrase.append(name.replace('"', " "))
            item.spec.append(name)
        else:
            item.add(piece)
        start += len(piece) + 1
        yield item, piece


def _judge(item: _Item, source: str, local_case: LocalCase) -> tuple[Address | None, bool]:
    """One item as an address, and whether another address in it contests that."""
    written = "".join(item.spec)
    candidates = [angle for angle in item.angles if "@" in angle] or [written]
    spec = _bare(_close_up(candidates[-1]))
    key = _key(spec, local_case) if len(spec) <= _KEY_MAX else ""
    if not key:
        text = decode_words(" ".join(source.split()))
        return (Address(key="", relaxed="", text=text) if text else None), source.count("@") > 1
    name = item.comment if spec is written or not item.angles else "".join(item.phrase)
    name = _tidy(decode_words(" ".join(name.split())) or decode_words(item.comment))
    return _address(key, one_line(spec), name), _is_contested(item, key, local_case)


def _is_contested(item: _Item, key: str, local_case: LocalCase) -> bool:
    """Whether the item names another address beside its own, outside quotes and comments."""
    if not item.angles:
        return False
    others = item.angles[:-1]
    if item.has_at:
        others += [word for text in item.spec if '"' not in text for word in text.split()]
    return any(
        "@" in other and address_key(other, local_case=local_case) not in ("", key)
        for other in others
    )


def _close_up(text: str) -> str:
    """An addr-spec without the white space RFC 5322 allows around its "@"."""
    if not any(char.isspace() for char in text):
        return text
    return " ".join(text.split()).replace(" @", "@").replace("@ ", "@")
