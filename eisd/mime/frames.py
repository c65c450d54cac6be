"""What the daemon and its parser worker say to each other over two pipes.

A request is two lengths, JSON about some messages, and their bytes; an answer is one length, and in
it the length of some JSON, the JSON, and the texts it tells the lengths of. The worker reads what
strangers wrote, so its answers are data and are checked like data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, Final

from eisd.model.mail import Attachment, DeliveryReport, Fate, Parsed, ParseStatus, RawMessage

REQUEST: Final = struct.Struct(">II")
"""Octets of JSON, octets of messages."""
ANSWER: Final = struct.Struct(">I")
ANSWER_MAX: Final = 64 << 20
READY: Final = b"eisd-parser-1\n"
"""What a worker says once it can work."""

_ATTACHMENT: Final = tuple(field.name for field in fields(Attachment))
_TEXTS: Final = ("text", "text_reply", "snippet", "html")
"""What is sent as it is, behind the JSON of all other fields."""
_OTHERS: Final = tuple(field.name for field in fields(Parsed) if field.name not in _TEXTS)

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Malformed(Exception):
    """An answer that no worker of ours gives."""


def request(messages: Sequence[RawMessage], *, html: bool = False) -> tuple[bytes, bytes]:
    """The head of a request, and the messages' bytes to be sent after it."""
    meta = _dump([html, [[len(m.rfc822), *map(_row, m.omitted)] for m in messages]])
    body = messages[0].rfc822 if len(messages) == 1 else b"".join([m.rfc822 for m in messages])
    return REQUEST.pack(len(meta), len(body)) + meta, body


def read_request(
    meta: bytes, body: bytes
) -> tuple[bool, list[tuple[bytes, tuple[Attachment, ...]]]]:
    """Whether a request wants the HTML, and its messages with what each of them omits."""
    html, messages = json.loads(meta)
    found, start = [], 0
    for size, *omitted in messages:
        omits = tuple([Attachment(*row) for row in omitted])
        found.append((body[start : start + size], omits))
        start += size
    return html, found


def answer(found: Sequence[Parsed] | str) -> bytes:
    """An answer: the parsed messages, or in one word why there are none."""
    if isinstance(found, str):
        head, texts = _dump(found), []
    else:
        told = [[getattr(one, name).encode("utf-8", "replace") for name in _TEXTS] for one in found]
        texts = [text for each in told for text in each]
        rows = zip(found, told, strict=True)
        head = _dump([_parsed_row(one) | {"texts": list(map(len, each))} for one, each in rows])
    body = b"".join((ANSWER.pack(len(head)), head, *texts))
    return ANSWER.pack(len(body)) + body


def read_answer(body: bytes, count: int) -> list[Parsed] | str:
    """The ``count`` parsed messages, or in one word why there are none; raises `Malformed`."""
    try:
        (size,) = ANSWER.unpack_from(body)
        start = ANSWER.size + size
        rows = json.loads(body[ANSWER.size : start])
        if isinstance(rows, str):
            return rows
        texts = iter(_texts(body, start, [size for row in rows for size in row["texts"]]))
        found = [_parsed(row, *islice(texts, len(_TEXTS))) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError, struct.error) as problem:
        raise Malformed(type(problem).__name__) from None
    if len(found) != count:
        raise Malformed("count")
    return found


def _parsed(row: Mapping[str, Any], text: str, text_reply: str, snippet: str, html: str) -> Parsed:
    """A message of its row and its texts."""
    return Parsed(
        status=ParseStatus(row["status"]),
        text=text,
        text_reply=text_reply,
        snippet=snippet,
        html=html,
        attachments=tuple([_attachment(each) for each in row["attachments"]]),
        calendar_method=_text(row["calendar_method"]),
        report=_report(row["report"]),
        defects=tuple([_text(each) for each in row["defects"]]),
        sha256=_text(row["sha256"]),
    )


def _texts(body: bytes, start: int, sizes: Sequence[int]) -> list[str]:
    """The texts from ``start`` to the end, which must be just there."""
    found: list[str] = []
    for size in sizes:
        found.append(body[start : start + size].decode())
        start += size
    if start != len(body) or min(sizes, default=0) < 0:
        raise ValueError
    return found


def _dump(value: object) -> bytes:
    return _ENCODER.encode(value).encode("utf-8", "replace")


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
