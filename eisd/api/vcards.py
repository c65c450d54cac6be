"""vCards 3.0 (RFC 2426) and 4.0 (RFC 6350), as far as a contact needs them.

UID is the contact's id; a card without one goes by its first address. The workspace and the CRM's
own kind stand in X-EISD-WORKSPACE and X-EISD-KIND; KIND is taken where the latter is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from eisd.mime.addresses import address_key

_LINE: Final = re.compile(
    r'(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)((?:;(?:[^":;]|"[^"]*")*)*):(.*)', re.DOTALL
)
_PARAM: Final = re.compile(r';([A-Za-z0-9-]+)(?:=((?:[^";]|"[^"]*")*))?')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_FOLD: Final = 75
_VERSIONS: Final = ("3.0", "4.0")

Property = tuple[str, str, str]
"""Name in upper case, parameters as written, value."""


_KNOWN: Final = frozenset(
    ("VERSION", "UID", "FN", "N", "ORG", "EMAIL", "KIND", "X-EISD-WORKSPACE", "X-EISD-KIND")
)
_MAILS: Final = 1_000
"""So many addresses one card may have."""
_LINE_MAX: Final = 64 * 1024
"""Characters of a property that are read; what is longer is a picture."""


def read(text: TextIO) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each card with the line it begins at: its JSON form, or what is wrong with it.

    ``text`` is read a line at a time, and of a card no more is kept than a contact needs.
    """
    begun: int | None = None
    card: list[Property] = []
    problem = ""
    for number, line in _unfolded(text):
        found = _LINE.fullmatch(line)
        name = found[1].upper() if found else ""
        value = found[3].strip() if found else ""
        if name == "BEGIN" and value.upper() == "VCARD":
            if begun is not None:
                yield begun, "a card without its END:VCARD"
            begun, card, problem = number, [], ""
        elif begun is None:
            yield number, "want BEGIN:VCARD"
            return
        elif name == "END":
            yield begun, problem or _card(card)
            begun = None
        elif found is None:
            problem = problem or f"line {number} is no vCard property"
        elif name in _KNOWN:
            card.append((name, found[2], found[3]))
            if len(card) > _MAILS:
                card, problem = [], problem or f"more than {_MAILS} addresses"
    if begun is not None:
        yield begun, "a card without its END:VCARD"


def _unfolded(text: TextIO) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first line (RFC 6350 3.2); blank ones left out."""
    current, at = "", 0
    for number, line in enumerate(_lines(text), 1):
        if line[:1] in (" ", "\t") and at:
            current += line[1 : max(1, _LINE_MAX - len(current))]
            continue
        if current.strip():
            yield at, current
        current, at = line, number
    if current.strip():
        yield at, current


def _lines(text: TextIO) -> Iterator[str]:
    """Lines without their ends, cut where they are too long to be of use."""
    while line := text.readline(_LINE_MAX):
        rest = line
        while rest and not rest.endswith(("\n", "\r")):
            rest = text.readline(_LINE_MAX)
        yield line.rstrip("\r\n")


def _card(properties: Sequence[Property]) -> dict[str, Any] | str:
    first: dict[str, str] = {}
    for name, _, value in properties:
        first.setdefault(name, value)
    if first.get("VERSION", "").strip() not in _VERSIONS:
        return f"want vCard {' or '.join(_VERSIONS)}, not {first.get('VERSION', 'none')[:10]!r}"
    mails = [(_mail(value), _preference(params)) for n, params, value in properties if n == "EMAIL"]
    addresses = [address for address, _ in sorted(mails, key=lambda mail: mail[1]) if address]
    name = _unescaped(first.get("FN", "")) or _from_n(first.get("N", ""))
    return {
        "id": _unescaped(first.get("UID", "")) or (address_key(addresses[0]) if addresses else ""),
        "name": name,
        "workspace": _unescaped(first.get("X-EISD-WORKSPACE", "")),
        "kind": _unescaped(first.get("X-EISD-KIND", first.get("KIND", ""))),
        "company": _unescaped(_parts(first.get("ORG", ""))[0]),
        "emails": addresses,
    }


def _mail(value: str) -> str:
    return _unescaped(value).strip().removeprefix("mailto:")


def _preference(params: str) -> int:
    """1 for the most preferred; 101 where the card does not say (RFC 6350 5.3, RFC 2426 3.3.2)."""
    for name, given in _PARAM.findall(params):
        values = [one.strip('" ').lower() for one in given.split(",")]
        if name.upper() == "PREF" and values[0].isdecimal():
            return int(values[0][:3])
        if name.upper() == "PREF" or (name.upper() == "TYPE" and "pref" in values):
            return 1
    return 101


def _from_n(value: str) -> str:
    """Given and family name of the N property."""
    family, given, *_ = [_unescaped(part) for part in _parts(value)] + [""]
    return f"{given} {family}".strip()


def _parts(value: str) -> list[str]:
    """The components of a structured value, still escaped."""
    return re.split(r"(?<!\\);", value) or [""]


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], value).strip()


def _escaped(value: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", value).replace("\n", "\\n")


def write(contact: Mapping[str, Any], addresses: Sequence[str]) -> str:
    """A card of version 4.0; the first address is the preferred one."""
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"UID:{_escaped(contact['id'])}",
        f"FN:{_escaped(contact['name'] or contact['id'])}",
        *(f"EMAIL{';PREF=1' if not at else ''}:{a}" for at, a in enumerate(addresses)),
    ]
    for name, key in (
        ("ORG", "company"),
        ("X-EISD-KIND", "kind"),
        ("X-EISD-WORKSPACE", "workspace"),
    ):
        if contact[key]:
            lines.append(f"{name}:{_escaped(contact[key])}")
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCARD"])


def _folded(line: str) -> str:
    """A line in pieces of at most 75 octets (RFC 6350 3.2)."""
    pieces: list[bytes] = [b""]
    for char in line:
        octets = char.encode("utf-8", "replace")
        if len(pieces[-1]) + len(octets) > _FOLD - (len(pieces) > 1):
            pieces.append(b"")
        pieces[-1] += octets
    return "\r\n ".join(piece.decode() for piece in pieces)
