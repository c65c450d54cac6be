"""A message's bytes to a tree of parts (RFC 2046), in linear time and within limits.

The tree holds positions, not copies. Line ends are LF by now. Multiparts are split from the outside
in, so an inner part never reaches past its parent's boundary; what is too deep or too much stays
unsplit and is named in the defects.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from eisd.mime.block import shortened
from eisd.mime.headers import header_lines
from eisd.mime.limits import DEPTH, HEADER_BLOCK, HEADER_COUNT, HEADER_FIELD, PARTS
from eisd.mime.params import boundary, content_type, word_and_parameters
from eisd.mime.words import decode_text

_PART_FIELD: Final = re.compile(
    rb"\ncontent-(type|transfer-encoding|disposition|id)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)"
)
"""A field that describes a part, with the line feed before it, in lower case."""
_HEADER_LINE: Final = re.compile(rb"[!-9;-~]{1,200}[ \t]{0,20}:")
_MBOX_LINE: Final = re.compile(rb">?From ")
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64: Final = bytes(code for code in range(256) if code not in _BASE64)
_BOUNDARY_MAX: Final = 256
_LINE_FEED: Final = 0x0A
_BOUNDARY_END: Final = re.compile(rb"(--)?[ \t]*+$", re.MULTILINE)


@dataclass(slots=True)
class Part:
    """One entity: what its header says, and where its body lies in ``data``."""

    data: bytes = field(repr=False)
    start: int
    end: int
    content_type: str
    parameters: Mapping[str, str]
    boundary: bytes
    encoding: str
    disposition: str
    filename: str
    content_id: str
    children: list[Part] = field(default_factory=list)

    @property
    def is_multipart(self) -> bool:
        """Whether it has parts of its own."""
        return bool(self.children)

    def raw(self, limit: int | None = None) -> bytes:
        """The body as transferred, at most ``limit`` bytes of it."""
        end = self.end if limit is None else min(self.end, self.start + limit)
        return self.data[self.start : end]

    def body(self, limit: int | None = None) -> bytes:
        """The body decoded (RFC 2045 6), of at most ``limit`` transferred bytes; total."""
        raw = self.raw(limit)
        if self.encoding == "base64":
            return decode_base64(raw)
        return binascii.a2b_qp(raw) if self.encoding == "quoted-printable" else raw


def decode_base64(raw: bytes) -> bytes:
    """Base64 as mail has it: line breaks and strays ignored, padding optional."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        letters = raw.partition(b"=")[0].translate(None, _NOT_BASE64)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def read_structure(data: bytes) -> tuple[Part, list[str]]:
    """The tree of a whole message with LF line ends, and what was wrong with it."""
    defects: list[str] = []
    root = _entity(data, 0, len(data), "text/plain", defects)
    count = 1
    stack = [(root, iter(_inside(root, 1, defects)))]
    while stack:  # in the order of the text: what comes first is read, however much follows
        parent, spans = stack[-1]
        span = next(spans, None)
        if span is None:
            stack.pop()
            continue
        if count >= PARTS:
            defects.append("parts")
            break
        default = "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain"
        child = _entity(data, *span, default, defects)
        parent.children.append(child)
        stack.append((child, iter(_inside(child, len(stack) + 1, defects))))
        count += 1
    return root, defects


def _inside(part: Part, depth: int, defects: list[str]) -> list[tuple[int, int]]:
    """Where the parts of a part begin and end, if it has any and is not too deep."""
    if not part.content_type.startswith("multipart/"):
        return []
    if depth > DEPTH:
        defects.append("depth")
        return []
    return _spans(part, defects)


def _entity(data: bytes, start: int, end: int, default: str, defects: list[str]) -> Part:
    """Read one entity's header."""
    body, head_end = _body_start(data, start, end)
    if head_end - start > HEADER_BLOCK:
        defects.append("header_block")
    fields = _part_fields(data[start:head_end])
    raw_type = fields.get(b"type", b"")
    kind, parameters = content_type(raw_type)
    disposition, more = word_and_parameters(fields.get(b"disposition", b""))
    encoding = fields.get(b"transfer-encoding", b"").partition(b";")[0].partition(b"(")[0]
    return Part(
        data=data,
        start=body,
        end=end,
        content_type=kind or default,
        parameters=parameters,
        boundary=boundary(raw_type) if kind.startswith("multipart/") else b"",
        encoding=encoding.strip(b" \t\"'").lower().decode("ascii", "replace"),
        disposition=disposition.strip(),
        filename=more.get("filename") or parameters.get("name", ""),
        content_id=decode_text(fields.get(b"id", b"")[:998]).strip("<> "),
    )


def _part_fields(header: bytes) -> dict[bytes, bytes]:
    """The first of each field that describes a part, by what follows "Content-" in its name."""
    block = b"\n" + (shortened(header)[0] if len(header) > HEADER_BLOCK else header)
    if block.count(b"\n") > HEADER_COUNT:
        block = b"\n" + b"\n".join(header_lines(header)[0])
    fields: dict[bytes, bytes] = {}
    for found in _PART_FIELD.finditer(block.lower()):
        value = block[found.start(2) : found.end(2)].replace(b"\n", b"")
        fields.setdefault(found[1], value[:HEADER_FIELD].strip())
    return fields


def _body_start(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where an entity's body begins, and where its header ends."""
    if data.startswith(b"\n", start):
        return start + 1, start
    line_end = data.find(b"\n", start, end)
    first = data[start : end if line_end < 0 else min(line_end, start + HEADER_FIELD)]
    if not (_HEADER_LINE.match(first) or _MBOX_LINE.match(first)):
        return start, start  # a body without any header
    blank = data.find(b"\n\n", start, end)
    head_end = end if blank < 0 else blank
    last = _last_header_line(data, start, head_end)
    if last < head_end:
        return min(last + 1, end), last
    return min(head_end + 2, end), head_end


def _last_header_line(data: bytes, start: int, end: int) -> int:
    """Where the last line that belongs to a header ends: a body may follow without a blank."""
    last = line_end = end - data.endswith(b"\n", start, end)
    while True:
        position = data.rfind(b"\n", start, line_end) + 1 or start
        if position == start or _HEADER_LINE.match(data, position, line_end):
            return last
        line_end = position - 1
        if data[position : position + 1] not in b" \t":  # neither it nor what continues it belongs
            last = line_end


def _spans(part: Part, defects: list[str]) -> list[tuple[int, int]]:
    """Where the parts of a multipart lie; none if its boundary is missing."""
    spans: list[tuple[int, int]] = []
    begin = -1
    closed = False
    if part.boundary and len(part.boundary) <= _BOUNDARY_MAX:
        for at, end, closes in _boundaries(part):
            if begin >= 0:
                spans.append((begin, max(begin, at - 1)))
            begin = min(end + 1, part.end)
            closed = closes
            if closed or len(spans) > PARTS:
                break
    if begin < 0:
        defects.append("boundary")
        part.content_type = "text/plain"
    elif not closed:
        defects.append("unclosed")
        if len(spans) <= PARTS:
            spans.append((begin, part.end))
    return spans


def _boundaries(part: Part) -> Iterator[tuple[int, int, bool]]:
    """The lines that part a multipart: from, to, and whether it is the last."""
    mark = b"--" + part.boundary
    data = part.data
    at = data.find(mark, part.start, part.end)
    while at >= 0:
        after = at + len(mark)
        if at == 0 or data[at - 1] == _LINE_FEED:
            rest = _BOUNDARY_END.match(data, after, part.end)
            if rest is not None:
                yield at, rest.end(), rest[1] is not None
        at = data.find(mark, after, part.end)
