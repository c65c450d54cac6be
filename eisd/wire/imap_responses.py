"""Every response but FETCH as values, and what a refusal means. Pure.

Text comes in as logical responses: ``[text]`` or ``[text, literal, text, ...]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eisd.errors import ProtocolError
from eisd.wire.imap_grammar import Token, UidSet, decode_name, tokenize

Response = Sequence[bytes]


class Completion(NamedTuple):
    """A status response (RFC 9051 section 7.1): OK, NO, BAD, BYE or PREAUTH."""

    status: str
    code: str
    """The response code in capitals, or empty: ``[UIDNEXT 5]`` has UIDNEXT."""
    argument: str
    text: str
    """The server's words, without control characters, at most 200 characters."""

    @property
    def ok(self) -> bool:
        """The server agreed."""
        return self.status == "OK"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of LIST. ``wire`` is the server's name for it (give it back as it is)."""

    name: str
    wire: str
    delimiter: str | None
    attributes: frozenset[str]
    """In lower case, with the backslash: ``\\sent``."""


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS of a folder; None where the server did not say."""

    uidnext: int | None = None
    uidvalidity: int | None = None
    messages: int | None = None
    highestmodseq: int | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT or EXAMINE said."""

    uidvalidity: int | None
    uidnext: int | None
    exists: int
    highestmodseq: int | None
    readonly: bool


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace (RFC 2342): readable prefix and hierarchy delimiter."""

    prefix: str
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The user's own, other users', and shared namespaces."""

    personal: tuple[Namespace, ...] = ()
    other: tuple[Namespace, ...] = ()
    shared: tuple[Namespace, ...] = ()


_STATUS = re.compile(rb"([A-Za-z]+)(?: +\[([^\s\]]+)(?: ([^\]]*))?\])? ?(.*)", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MAX_TEXT = 200


def parse_status_response(raw: bytes) -> Completion:
    """``OK [CODE argument] text`` with neither tag nor star."""
    match = _STATUS.fullmatch(raw)
    if match is None:
        raise ProtocolError("a status response cannot be read", code="grammar")
    status, code, argument, text = match.groups(b"")
    return Completion(
        status.decode("ascii").upper(),
        code.decode("latin-1").upper(),
        argument.decode("latin-1"),
        _CONTROLS.sub(" ", text.decode("utf-8", "replace")).strip()[:_MAX_TEXT],
    )


def parse_capabilities(raw: str) -> frozenset[str]:
    """The words of a CAPABILITY response or code, in capitals."""
    return frozenset(raw.upper().split())


def parse_list(response: Response) -> ListEntry:
    """``* LIST (attributes) "/" name``."""
    match tokenize(response):
        case [_, _, list() as attributes, (bytes() | None) as delimiter, bytes() as name, *_]:
            wire = folder_key(name)
            return ListEntry(
                decode_name(wire),
                wire,
                delimiter.decode("latin-1") if delimiter else None,
                frozenset(a.decode("latin-1").lower() for a in attributes if isinstance(a, bytes)),
            )
        case _:
            raise ProtocolError("a LIST response cannot be read", code="grammar")


def folder_key(raw: bytes) -> str:
    """A folder's wire name; INBOX is the same in any letter case (RFC 9051 section 5.1)."""
    wire = raw.decode("latin-1")
    return "INBOX" if wire.upper() == "INBOX" else wire


def parse_status(response: Response) -> tuple[str, Status]:
    """``* STATUS name (ITEM number ...)`` as wire name and values."""
    match tokenize(response):
        case [_, _, bytes() as name, list() as items, *_]:
            found = {
                key.upper(): _number(value)
                for key, value in zip(items[::2], items[1::2], strict=False)
                if isinstance(key, bytes)
            }
            return folder_key(name), Status(
                uidnext=found.get(b"UIDNEXT"),
                uidvalidity=found.get(b"UIDVALIDITY"),
                messages=found.get(b"MESSAGES"),
                highestmodseq=found.get(b"HIGHESTMODSEQ"),
            )
        case _:
            raise ProtocolError("a STATUS response cannot be read", code="grammar")


def parse_search(responses: Iterable[Response]) -> list[int]:
    """The UIDs of SEARCH and ESEARCH (RFC 4731) responses, ascending and unique."""
    found: set[int] = set()
    for response in responses:
        line = response[0]
        if line[:10].upper().startswith(b"* ESEARCH"):
            found.update(_esearch(response))
        else:
            numbers = line[len(b"* SEARCH") :].partition(b"(")[0].split()
            if not all(map(bytes.isdigit, numbers)):
                raise ProtocolError("a SEARCH response is not of numbers", code="grammar")
            found.update(map(int, numbers))
    return sorted(found)


def _esearch(response: Response) -> list[int]:
    tokens = iter(tokenize(response)[2:])
    for token in tokens:
        if isinstance(token, bytes) and token.upper() == b"ALL":
            ranges = next(tokens, None)
            if not isinstance(ranges, bytes):
                raise ProtocolError("an ESEARCH response cannot be read", code="grammar")
            return UidSet.parse(ranges.decode("latin-1")).uids()
    return []


def parse_selected(responses: Iterable[Response], done: Completion, *, readonly: bool) -> Selected:
    """EXISTS and the codes among the responses to SELECT or EXAMINE, and its completion."""
    codes: dict[str, str] = {}
    exists = 0
    for line, *_ in responses:
        words = line.split(maxsplit=2)
        if len(words) > 2 and words[2].upper() == b"EXISTS" and words[1].isdigit():  # noqa: PLR2004
            exists = int(words[1])
        elif line[:5].upper() == b"* OK ":
            status = parse_status_response(line[2:])
            codes[status.code] = status.argument
    return Selected(
        uidvalidity=_number(codes.get("UIDVALIDITY", "").encode("latin-1")),
        uidnext=_number(codes.get("UIDNEXT", "").encode("latin-1")),
        exists=exists,
        highestmodseq=_number(codes.get("HIGHESTMODSEQ", "").encode("latin-1")),
        readonly=done.code == "READ-ONLY" or (readonly and done.code != "READ-WRITE"),
    )


def parse_id(response: Response) -> dict[str, str]:
    """``* ID (field value ...)`` (RFC 2971), fields in lower case."""
    match tokenize(response):
        case [_, _, list() as items, *_]:
            pairs = zip(items[::2], items[1::2], strict=False)
            return {_readable(key).lower(): _readable(value) for key, value in pairs}
        case _:
            return {}


def parse_namespaces(response: Response) -> Namespaces:
    """``* NAMESPACE personal other shared`` (RFC 2342)."""
    groups = [*tokenize(response)[2:5], None, None, None]
    return Namespaces(*(tuple(_namespaces(group)) for group in groups[:3]))


def _namespaces(group: Token) -> Iterable[Namespace]:
    for entry in group if isinstance(group, list) else ():
        match entry:
            case [bytes() as prefix, (bytes() | None) as delimiter, *_]:
                yield Namespace(
                    decode_name(prefix.decode("latin-1")),
                    delimiter.decode("latin-1") if delimiter else None,
                )
            case _:
                raise ProtocolError("a NAMESPACE response cannot be read", code="grammar")


def _readable(value: Token) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
    return _CONTROLS.sub(" ", text)[:_MAX_TEXT]


def _number(value: Token) -> int | None:
    if isinstance(value, bytes) and value.isdigit() and len(value) < 20:  # noqa: PLR2004
        return int(value)
    return None
