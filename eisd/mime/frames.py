"""What the daemon and its parser worker say to each other over two pipes.

A request is two lengths, JSON about the message, and its bytes; an answer is one length, and in it
the length of some JSON, the JSON, and the texts it tells the lengths of. The worker reads what
strangers wrote, so its answers are data and are checked like data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from eisd.model.mail import Attachment, DeliveryReport, Fate, Parsed, ParseStatus

REQUEST: Final = struct.Struct(">II")
"""Octets of JSON, octets of message."""
ANSWER: Final = struct.Struct(">I")
ANSWER_MAX: Final = 64 << 20
READY: Final = b"eisd-parser-1\n"
"""What a worker says once it can work."""

_ATTACHMENT: Final = tuple(field.name for field in fields(Attachment))
_TEXTS: Final = ("text", "text_reply", "snippet", "html")
"""What is sent as it is, behind the JSON of all other fields."""
_OTHERS: Final = tuple(field.name for field in fields(Parsed) if field.name not in _TEXTS)


class Malformed(Exception):
    """An answer that no worker of ours gives."""


def request(
    rfc822: bytes, omitted: Sequence[Attachment], *, html: bool = False
) -> tuple[bytes, bytes]:
    """The head of a request, and the message's bytes to be sent after it."""
    meta = _dump([html, [_row(each) for each in omitted]])
    return REQUEST.pack(len(meta), len(rfc822)) + meta, rfc822


def read_request(meta: bytes) -> tuple[bool, tuple[Attachment, ...]]:
    """Whether a request wants the HTML, and its omitted attachments."""
    html, omitted = json.loads(meta)
    return html, tuple(Attachment(*row) for row in omitted)


def answer(parsed: Parsed | None, failure: str = "") -> bytes:
    """An answer: the parsed message, or in one word why there is none."""
    if parsed is None:
        head, texts = _dump({"failure": failure}), []
    else:
        texts = [getattr(parsed, name).encode("utf-8", "replace") for name in _TEXTS]
        head = _dump(_parsed_row(parsed) | {"texts": [len(text) for text in texts]})
    body = b"".join((ANSWER.pack(len(head)), head, *texts))
    return ANSWER.pack(len(body)) + body


def read_answer(body: bytes) -> Parsed | str:
    """The parsed message, or in one word why there is none; raises `Malformed`."""
    try:
        (size,) = ANSWER.unpack_from(body)
        start = ANSWER.size + size
        row = json.loads(body[ANSWER.size : start])
        if "failure" in row:
            return _text(row["failure"])
        text, text_reply, snippet, html = _texts(body, start, row["texts"])
        return Parsed(
            status=ParseStatus(row["status"]),
            text=text,
            text_reply=text_reply,
            snippet=snippet,
            html=html,
            attachments=tuple(_attachment(each) for each in row["attachments"]),
            calendar_method=_text(row["calendar_method"]),
            report=_report(row["report"]),
            defects=tuple(_text(each) for each in row["defects"]),
            sha256=_text(row["sha256"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError, struct.error) as problem:
        raise Malformed(type(problem).__name__) from None


def _texts(body: bytes, start: int, sizes: Sequence[int]) -> list[str]:
    """The texts from ``start`` to the end, which must be just there."""
    found: list[str] = []
    for size in sizes:
        found.append(body[start : start + size].decode())
        start += size
    if start != len(body) or min(sizes) < 0:
        raise ValueError
    return found


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _row(attachment: Attachment) -> list[Any]:
    return [getattr(attachment, name) for name in _ATTACHMENT]


def _parsed_row(parsed: Parsed) -> dict[str, Any]:
    row = {name: getattr(parsed, name) for name in _OTHERS}
    row["attachments"] = [_row(each) for each in parsed.attachments]
    report = parsed.report
    if report is not None:
        row["report"] = {field.name: getattr(report, field.name) for field in fields(report)}
    return row


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _attachment(row: Sequence[object]) -> Attachment:
    filename, content_type, size, inline, content_id, sha256 = row
    if not isinstance(size, int) or not isinstance(inline, bool):
        raise TypeError
    return Attachment(
        _text(filename), _text(content_type), size, inline, _text(content_id), _text(sha256)
    )


def _report(row: Mapping[str, Any] | None) -> DeliveryReport | None:
    if row is None:
        return None
    original = row["original_message_id"]
    return DeliveryReport(
        kind=_text(row["kind"]),
        action=_text(row["action"]),
        status=_text(row["status"]),
        recipients=tuple(_text(each) for each in row["recipients"]),
        original_message_id=None if original is None else _text(original),
        envelope_id=_text(row["envelope_id"]),
        fates=tuple(_fate(*each) for each in row["fates"]),
    )


def _fate(recipients: Sequence[object], action: object, status: object) -> Fate:
    return Fate(tuple(_text(each) for each in recipients), _text(action), _text(status))
