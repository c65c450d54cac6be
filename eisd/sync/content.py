"""What is kept of a message that was fetched, beside its copies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from eisd.mime.headers import decode_text, identity
from eisd.mime.prefixes import base_subject
from eisd.model.mail import Headers, Parsed, Signal
from eisd.store.messages import Content
from eisd.sync.rules import Rules


class Fetched(NamedTuple):
    """A message's bytes as the worker and the header extractor read them."""

    headers: Headers
    parsed: Parsed
    size: int
    contents: Mapping[str, bytes] = MappingProxyType({})
    """The bytes of attachments that are to be kept, by SHA-256."""


def content_of(rules: Rules, fetched: Fetched) -> Content:
    """What is kept of a fetched message beside its copies."""
    headers, parsed = fetched.headers, fetched.parsed
    subject = decode_text(headers.subject_raw)
    return Content(
        identity=identity(headers),
        subject=subject,
        subject_key=rules.hasher.key(base_subject(subject)),
        is_reply=bool(headers.signals & Signal.REPLY_PREFIX),
        snippet=parsed.snippet,
        text=parsed.text,
        text_reply=parsed.text_reply,
        date_raw=decode_text(headers.date_raw),
        dated_at=_ms(headers.date),
        received=tuple(int(at.timestamp() * 1000) for at in headers.received),
        size=fetched.size,
        parse_status=parsed.status,
        defects=(*headers.defects, *parsed.defects),
        sha256=parsed.sha256,
        attachments=parsed.attachments,
        contents=fetched.contents,
    )


def _ms(when: datetime | None) -> int | None:
    return None if when is None else int(when.timestamp() * 1000)
