"""A large message without its attachments, as a message the one parser can read. Pure.

From the BODYSTRUCTURE `wanted` names the sections worth fetching: the text parts, and what a
delivery report says. `build` puts what was fetched into a message of the same structure, and
lists every other part as an attachment that was not fetched (rule F8). The header stays as
it is, but for the fields that describe the body: those are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256

from eisd.driver.imap.attachments import describe
from eisd.model.mail import Attachment
from eisd.wire.imap_structure import Part

TEXT_LIMIT = 1 << 20
"""Octets of one text part that are fetched."""

_MOST_PARTS = 32
_TEXT = frozenset({"text/plain", "text/html", "text/calendar"})
_REPORT = frozenset(
    {
        "message/delivery-status",
        "message/disposition-notification",
        "message/global-delivery-status",
    }
)
_ORIGINAL = frozenset({"message/rfc822", "message/global", "text/rfc822-headers"})
_TOKEN = re.compile(r"[^A-Za-z0-9!#$&^_.+*%'-]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_DESCRIBES_BODY = (b"content-", b"mime-version")


def wanted(structure: Part) -> tuple[str, ...]:
    """Section names to fetch, at most `TEXT_LIMIT` octets of each."""
    return tuple(section for _, section in _chosen(structure))


def _chosen(structure: Part) -> list[tuple[Part, str]]:
    chosen = [(part, section) for part, section in _leaves(structure) if section]
    return chosen[:_MOST_PARTS]


def _leaves(part: Part, *, report: bool = False) -> Iterator[tuple[Part, str]]:
    """Every part that is no multipart, with its section if it is worth fetching."""
    if part.type == "multipart":
        for child in part.children:
            yield from _leaves(child, report=part.subtype == "report")
    else:
        yield part, _section(part, report=report)


def _section(part: Part, *, report: bool) -> str:
    kind = part.content_type
    if kind in _REPORT or (kind == "text/rfc822-headers" and report):
        return part.number
    if kind in _ORIGINAL:  # of the message a report is about, its header says which it was
        return f"{part.number}.HEADER" if report else ""
    attached = part.disposition == "attachment" or bool(part.disposition_params.get("filename"))
    return part.number if kind in _TEXT and not attached else ""


def build(
    header: bytes, structure: Part, contents: Mapping[str, bytes]
) -> tuple[bytes, tuple[Attachment, ...]]:
    """The skeleton, and the parts that are not in it. ``contents`` is by section name."""
    chosen = {id(part): contents[s] for part, s in _chosen(structure) if s in contents}
    rest = (part for part, _ in _leaves(structure) if id(part) not in chosen)
    omitted = tuple(describe(part, number) for number, part in enumerate(rest, 1))
    mark = sha256(b"\0".join((header, *contents.values()))).hexdigest()[:24]
    fields, body = _render(structure, chosen, mark)
    return _kept(header) + b"MIME-Version: 1.0\r\n" + fields + b"\r\n" + body, omitted


def _kept(header: bytes) -> bytes:
    """The header's fields but those that describe the body, with CRLF line ends."""
    kept: list[bytes] = []
    keep = False
    for line in header.splitlines():
        if not line:
            break
        if line[:1] not in b" \t":
            keep = not line.lower().startswith(_DESCRIBES_BODY)
        if keep:
            kept.append(line + b"\r\n")
    return b"".join(kept)


def _render(
    part: Part, chosen: Mapping[int, bytes], mark: str, path: str = "eisd"
) -> tuple[bytes, bytes]:
    """Header fields and body of a part; what was not chosen is left out of its multipart."""
    if part.type != "multipart":
        if id(part) in chosen:
            return _fields(part), chosen[id(part)]
        return b"Content-Type: text/plain\r\n", b""
    boundary = f"{path}.{mark}"  # none begins with another; none stands in what the sender wrote
    body = bytearray()
    for at, child in enumerate(c for c in part.children if _holds(c, chosen)):
        inner, content = _render(child, chosen, mark, f"{path}.{at}")
        body += b"--" + boundary.encode() + b"\r\n" + inner + b"\r\n" + content + b"\r\n"
    return _fields(part, boundary), bytes(body) + b"--" + boundary.encode() + b"--\r\n"


def _holds(part: Part, chosen: Mapping[int, bytes]) -> bool:
    return id(part) in chosen or any(_holds(c, chosen) for c in part.children)


def _fields(part: Part, boundary: str = "") -> bytes:
    """The MIME header fields of a part (RFC 2045), by its BODYSTRUCTURE."""
    params = {k: v for k, v in part.params.items() if k != "boundary"}
    if boundary:
        params["boundary"] = boundary
    kind = f"{_token(part.type)}/{_token(part.subtype)}"
    fields = [_field("Content-Type", kind, params)]
    if part.encoding and part.type != "multipart":
        fields.append(f"Content-Transfer-Encoding: {_token(part.encoding)}\r\n")
    if part.disposition:
        fields.append(
            _field("Content-Disposition", _token(part.disposition), part.disposition_params)
        )
    if part.content_id:
        fields.append(f"Content-ID: {_CONTROL.sub(' ', part.content_id)}\r\n")
    return "".join(fields).encode("utf-8", "surrogateescape")


def _field(name: str, value: str, params: Mapping[str, str]) -> str:
    """One field, a parameter a line."""
    lines = [f"{name}: {value}"]
    for key, text in params.items():
        quoted = _CONTROL.sub(" ", text).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f' {_token(key)}="{quoted}"')
    return ";\r\n".join(lines) + "\r\n"


def _token(text: str) -> str:
    return _TOKEN.sub("", text) or "x"
