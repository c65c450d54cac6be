"""Address headers to keys: the one extractor that all mail, contacts and settings go through.

The rules are N1 to N5 and N8. RFC 5322 is parsed first (groups flattened, comments dropped);
encoded words are read afterwards and in names alone, so no decoded text can become an address.
Plain values take a fast path; `parse_addresses_exact` never does, and must give the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from eisd.mime.charset import guess
from eisd.mime.domains import is_freemail, normal_domain, preload, registrable_domain
from eisd.mime.items import Item, Unparsable, close_up, items, quote_end, rough_items, unquote
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
    "plain_spellings",
    "preload",
    "read_addresses",
    "registrable_domain",
    "relaxed_key",
    "relaxed_octets",
]

LocalCase = Literal["fold", "exact"]

_LOCAL: Final = r"[A-Za-z0-9!#$%&*+/=?^_`{|}~.-]+"  # no apostrophe: it may be a quote (N2)
_DOMAIN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_-]"
_PLAIN: Final = re.compile(f"{_LOCAL}@{_DOMAIN}")
_ITEM: Final = re.compile(
    f' *+(?:"([^"\\\\]*+)" *+<({_LOCAL}@{_DOMAIN})>|([^"<>@,]*+)<({_LOCAL}@{_DOMAIN})>'
    f"|({_LOCAL}@{_DOMAIN})) *+(?:,|$)"
)
_SLOW: Final = re.compile(rb"[(:;\\\[]|[^ -~\t]|[.]{2}")
_PLAIN_ITEM: Final = (
    r'[ \t]*+(?:(?:"[ !#-\'*-9<-Z\]-~\t]*+"[ \t]*+|[ !#-\'*+./0-9=?A-Z\]-~\t-]*+)'
    f"<({_LOCAL}@{_DOMAIN})>|({_LOCAL}@{_DOMAIN}))[ \\t]*+"
)
_PLAIN_ONE: Final = re.compile(_PLAIN_ITEM.encode())
_PLAIN_LIST: Final = re.compile(f"(?:{_PLAIN_ITEM},)*+(?:{_PLAIN_ITEM})?".encode())
_ILLEGAL: Final = re.compile(r'[\s\x00-\x1f\x7f-\x9f"(),:;<>@\[\\\]\ud800-\udfff]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE: Final = re.compile("[\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PAIRS: Final = {'"': '"', "'": "'", "‘": "’", "“": "”", "«": "»"}  # noqa: RUF001
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_KEY_MAX: Final = 1_000
_CACHED_MAX: Final = 400


class AddressList(NamedTuple):
    """One address field as read."""

    addresses: tuple[Address, ...]
    contested: bool = False
    """Readers of mail may disagree about whom it names: an item with two different addresses."""
    truncated: bool = False


def address_key(text: str, *, local_case: LocalCase = "fold") -> str:
    """The exact key of one address (N2 to N4); "" if it holds not exactly one usable "@"."""
    if len(text) > _KEY_MAX:
        return ""
    if _PLAIN.fullmatch(text) and ".." not in text:
        return _plain(text, "", local_case).key
    return _key(_bare(text), local_case)


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


def relaxed_octets(key: bytes) -> bytes:
    """`relaxed_key` of an ASCII key."""
    if key.find(b"+") >= 0 or key.endswith(b"mail.com"):
        return relaxed_key(key.decode("ascii")).encode("ascii")
    return key


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
    text = value.decode("ascii").replace("\t", " ")
    encoded = "=?" in text
    position = 0
    while position < len(text):
        item = _ITEM.match(text, position)
        if item is None:
            return None
        position = item.end()
        quoted, address, name, other, bare = item.groups()
        address = address or other or bare
        if len(address) > _KEY_MAX or (encoded and "=?" in address):
            return None
        name = quoted or name
        if name:
            name = _tidy(decode_words(" ".join(name.split())) if encoded else name)
        found.append(_plain(address, name or "", local_case))
    return AddressList(tuple(found)) if len(found) <= ADDRESSES else None


def plain_spellings(value: bytes) -> Sequence[bytes] | None:
    """The addresses of a field of plain items as written, None if it needs `read_addresses`.

    Their keys in lower case are those that `read_addresses` gives, in its order.
    """
    if len(value) > _KEY_MAX or value.find(b"..") >= 0:  # `in` takes twice as long for octets
        return None
    one = _PLAIN_ONE.fullmatch(value)
    if one is not None:
        found = [one[one.lastindex or 0]]
    elif _PLAIN_LIST.fullmatch(value):
        found = [named or bare for named, bare in _PLAIN_ONE.findall(value)]
    else:
        return None
    if value.find(b"=?") >= 0 and any(b"=?" in each for each in found):
        return None
    return found


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
        end = quote_end(text, 0)
        if end < 0 or text[end + 1 : end + 2] != "@":
            return ""
        local = unquote(text[1:end])
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


def _exact(value: bytes, local_case: LocalCase) -> AddressList:
    """Read a field by RFC 5322, else by N1's rough rule."""
    text = guess(value[:HEADER_FIELD])
    found: list[Address] = []
    contested = False
    try:
        read = list(items(text))
    except Unparsable:
        read = list(rough_items(text))
    for item, source in read:
        if len(found) >= ADDRESSES:
            return AddressList(tuple(found), contested, truncated=True)
        address, odd = _judge(item, source, local_case)
        contested |= odd
        if address is not None:
            found.append(address)
    return AddressList(tuple(found), contested)


def _judge(item: Item, source: str, local_case: LocalCase) -> tuple[Address | None, bool]:
    """One item as an address, and whether another address in it contests that."""
    written = "".join(item.spec)
    angles = [angle for angle in item.angles if "@" in angle]
    spec = _bare(close_up(angles[-1] if angles else written, in_angles=bool(angles)))
    key = _key(spec, local_case) if len(spec) <= _KEY_MAX else ""
    if not key:
        if not written.strip() and not item.angles:
            return None, False  # nothing but comments
        text = decode_words(" ".join(source.split()))
        return (Address(key="", relaxed="", text=text) if text else None), source.count("@") > 1
    name = item.comment if not item.angles else "".join(item.phrase)
    name = _tidy(decode_words(" ".join(name.split())) or decode_words(item.comment))
    return _address(key, one_line(spec), name), _is_contested(item, key, local_case)


def _is_contested(item: Item, key: str, local_case: LocalCase) -> bool:
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
