"""A whole message to `Parsed`: its text, its new text, its attachments, what it reports.

Pure and total, yet run in a process that can be killed (`eisd.mime.worker`): limits that a fault in
here would break are kept by the kernel. Attached messages are not opened: what they hold was not
written by this author.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from eisd.mime.charset import decode
from eisd.mime.html import html_to_text
from eisd.mime.informal import informal_report
from eisd.mime.limits import HEADER_BLOCK, MESSAGE, TEXT
from eisd.mime.names import safe_name
from eisd.mime.quote import split_reply
from eisd.mime.report import DISPOSITION, STATUS, delivery_report
from eisd.mime.structure import Part, read_structure
from eisd.mime.stub import limited
from eisd.mime.text import clean, cut, one_line, snippet
from eisd.model.mail import Attachment, DeliveryReport, Parsed, ParseStatus

_NOT_TEXT: Final = frozenset(
    {"text/calendar", "text/csv", "text/directory", "text/rfc822-headers", "text/vcard"}
    | {"text/x-amp-html", "text/x-vcard", "text/x-patch", "text/x-diff"}
)
_OUT_OF_REACH: Final = frozenset({"depth", "parts"})
"""Defects that say that not everything was looked at."""
_RETURNED: Final = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"})
_METHOD: Final = re.compile(rb"^METHOD:([A-Za-z-]{1,20})", re.IGNORECASE | re.MULTILINE)
_META: Final = re.compile(
    rb"<meta[^>]{1,200}?charset\s{0,4}=\s{0,4}[\"']?([\w.:-]{1,40})", re.IGNORECASE
)
_ENCODED_MAX: Final = 4 * TEXT
_HEAD: Final = 4_096
_NEAR_EMPTY: Final = 40
_TYPE_MAX: Final = 160


@dataclass(slots=True)
class _Body:
    """What one branch of the tree says, both ways."""

    plain: str = ""
    pages: list[Part] = field(default_factory=list)
    """The same as HTML, the richest last: read only where it is wanted."""

    def html(self) -> str:
        """The richest HTML that holds anything."""
        return next(filter(None, map(_html, reversed(self.pages))), "")

    def text(self) -> str:
        """The plain text, or the HTML's where the plain text is missing or a stand-in."""
        plain = self.plain.strip()
        if len(plain) >= _NEAR_EMPTY or not (html := self.html()):
            return self.plain
        shown = html_to_text(html)
        return shown if len(shown) > 4 * len(plain) or not plain else self.plain


@dataclass(slots=True)
class _Reading:
    """What was met on the way through the tree."""

    attachments: list[Attachment] = field(default_factory=list)
    calendar_method: str = ""
    status: Part | None = None
    returned: Part | None = None
    texts: int = 0


def parse(rfc822: bytes, omitted: Sequence[Attachment] = (), *, html: bool = True) -> Parsed:
    """Read a message; ``omitted`` are the parts that a skeleton leaves empty.

    Without ``html`` that field stays empty, which saves reading what most messages say in plain
    text as well.
    """
    digest = hashlib.sha256(rfc822).hexdigest()
    if len(rfc822) > MESSAGE:
        return limited("size", digest, omitted)
    data = rfc822.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in rfc822 else rfc822
    root, defects = read_structure(data)
    reading = _Reading()
    bodies = list(_bodies(root, reading, alternative=False))
    text = cut("\n\n".join(filter(None, (body.text().strip("\n") for body in bodies))), TEXT)
    pages = filter(None, (body.html() for body in bodies)) if html else ()
    reply = split_reply(text).reply
    attachments = [each for each in reading.attachments if each.size or not omitted]
    return Parsed(
        status=ParseStatus.FULL
        if text or _OUT_OF_REACH.isdisjoint(defects)
        else ParseStatus.LIMITED,
        text=text,
        text_reply=reply,
        snippet=snippet(reply or text),
        html=cut("\n".join(pages), TEXT),
        attachments=(*attachments, *omitted),
        calendar_method=reading.calendar_method,
        report=_report(reading, data, text),
        defects=tuple(dict.fromkeys(defects)),
        sha256=digest,
    )


def _bodies(part: Part, reading: _Reading, *, alternative: bool) -> Iterator[_Body]:
    """The bodies of a part in reading order; everything else goes to ``reading``."""
    if not part.is_multipart:
        yield from _leaf(part, reading, alternative=alternative)
    elif part.content_type == "multipart/alternative":
        yield from _alternatives(part, reading)
    elif part.content_type == "multipart/related":
        root = _related_root(part)
        for child in part.children:
            found = _bodies(child, reading, alternative=alternative)
            if child is root:
                yield from found
            else:
                for _ in found:  # a text that only serves the root, such as a style sheet
                    pass
    else:
        for child in part.children:
            yield from _bodies(child, reading, alternative=False)


def _alternatives(part: Part, reading: _Reading) -> Iterator[_Body]:
    """One body of several renderings of the same: the last of each kind is the richest."""
    chosen = _Body()
    for child in part.children:
        plain: list[str] = []
        for body in _bodies(child, reading, alternative=True):
            if body.plain:
                plain.append(body.plain)
            chosen.pages += body.pages
        marked_up = child.content_type.startswith("text/") and child.content_type != "text/plain"
        if any(text.strip() for text in plain) and not (marked_up and chosen.plain):
            chosen.plain = "\n".join(plain)
    yield chosen


def _related_root(part: Part) -> Part:
    """The part of a multipart/related that the others serve (RFC 2387)."""
    start = part.parameters.get("start", "").strip("<> ")
    for child in part.children:
        if start and child.content_id == start:
            return child
    return part.children[0]


def _leaf(part: Part, reading: _Reading, *, alternative: bool) -> Iterator[_Body]:
    """A part without parts of its own."""
    if part.content_type in {STATUS, DISPOSITION} and reading.status is None:
        reading.status = part
        return
    if part.content_type in _RETURNED and reading.returned is None:
        reading.returned = part
    if part.content_type == "text/calendar" and not reading.calendar_method:
        reading.calendar_method = _calendar_method(part)
    if _is_text(part, reading, alternative=alternative):
        reading.texts += 1
        yield _text(part)
    elif not (alternative and part.content_type == "text/x-amp-html"):
        reading.attachments.append(_attachment(part, len(reading.attachments) + 1))


def _is_text(part: Part, reading: _Reading, *, alternative: bool) -> bool:
    """Whether a leaf is something its author wrote to be read."""
    if not part.content_type.startswith("text/") or part.content_type in _NOT_TEXT:
        return False
    if part.disposition == "attachment":
        return False
    return not part.filename or reading.texts == 0 or alternative


def _text(part: Part) -> _Body:
    """A text part's words as clean text."""
    if part.content_type == "text/html":
        return _Body(pages=[part])
    text = clean(decode(part.body(_ENCODED_MAX), part.parameters.get("charset", ""), body=True))
    if part.parameters.get("format", "").lower() == "flowed":
        text = _unflow(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
    return _Body(plain=cut(text, TEXT))


def _html(part: Part) -> str:
    """An HTML part, clean."""
    raw = part.body(_ENCODED_MAX)
    label = part.parameters.get("charset", "")
    if not label and (meta := _META.search(raw, 0, _HEAD)) is not None:
        label = meta[1].decode("ascii", "replace")
    return cut(clean(decode(raw, label, body=True)), TEXT)


def _unflow(text: str, *, delete_space: bool) -> str:
    """Paragraphs of format=flowed text as lines (RFC 3676)."""
    out: list[str] = []
    run: list[str] = []
    run_depth = 0
    for line in text.split("\n"):
        if not run and (not line or (line[0] not in "> " and line[-1] != " ")):
            out.append(line)  # as most lines are
            continue
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # space-stuffing
        if run and depth != run_depth:
            out.append(_quoted("".join(run), run_depth))
            run = []
        run_depth = depth
        if content.endswith(" ") and content != "-- ":
            run.append(content[:-1] if delete_space else content)
        else:
            out.append(_quoted("".join([*run, content]), depth))
            run = []
    if run:
        out.append(_quoted("".join(run), run_depth))
    return "\n".join(out)


def _quoted(text: str, depth: int) -> str:
    return ">" * depth + (" " if depth and text else "") + text


def _calendar_method(part: Part) -> str:
    """The METHOD of a calendar part (G3), upper case; a mere attachment has none."""
    method = part.parameters.get("method", "")
    if not method and part.disposition != "attachment":
        named = _METHOD.search(part.body(_HEAD))
        method = named[1].decode("ascii") if named is not None else ""
    return method.upper() if re.fullmatch("[A-Za-z-]{1,20}", method) else ""


def _attachment(part: Part, number: int) -> Attachment:
    """List a leaf that is not text. An attached message counts as it was transferred."""
    body = part.body()
    return Attachment(
        filename=safe_name(part.filename, part.content_type, number),
        content_type=part.content_type[:_TYPE_MAX],
        size=len(body),
        inline=part.disposition == "inline" or (bool(part.content_id) and not part.disposition),
        content_id=one_line(part.content_id),
        sha256=hashlib.sha256(body).hexdigest(),
    )


def _report(reading: _Reading, data: bytes, text: str) -> DeliveryReport | None:
    """The delivery report among the parts, if there is one, or in the text of a mail server."""
    returned = reading.returned.body(HEADER_BLOCK) if reading.returned is not None else b""
    if reading.status is None:
        return informal_report(data, text, returned)
    return delivery_report(reading.status.content_type, reading.status.body(HEADER_BLOCK), returned)
