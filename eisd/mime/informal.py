"""Delivery reports that are plain text: what qmail, old Exim and others write instead of RFC 3464.

They come from mailer-daemon or postmaster, say in words that a message was not delivered, and give
it back below. What is read is bounded, and a guess only where it is about words.
"""

from __future__ import annotations

import re
from typing import Final

from eisd.mime.addresses import address_key
from eisd.mime.headers import decode_text, extract, header_block, message_id
from eisd.model.mail import DeliveryReport, Fate, Signal

_DAEMONS: Final = (b"mailer-daemon", b"postmaster")
_HEAD: Final = 16 << 10
_READ: Final = 64 << 10
_MOST: Final = 20
_ORIGINAL: Final = re.compile(
    r"^[>| \t]{0,8}Message-ID:[ \t]*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE
)
_COPY_BEGINS: Final = re.compile(
    r"^[>| \t]{0,8}(?:Return-Path:|Received:|-{2,}.{0,60}(?:copy|message|nachricht|original))",
    re.IGNORECASE | re.MULTILINE,
)
_RECIPIENT: Final = re.compile(
    r"^[ \t]*(?:<([^<>\s@]{1,64}@[^<>\s@]{1,255})>:?|([^<>\s@:]{1,64}@[^<>\s@:]{1,255}):?)[ \t]*",
    re.MULTILINE,
)
_CODE: Final = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
_DELAY: Final = re.compile(
    r"delay|not yet been delivered|still (?:being|trying)|will (?:be retried|continue|keep trying)"
    r"|do not need to resend|verz\u00f6ger|retard\u00e9|retraso|in ritardo|vertraag"
    r"|op\u00f3\u017ani|\u0437\u0430\u0434\u0435\u0440\u0436",
    re.IGNORECASE,
)
_OVER: Final = re.compile(
    r"fail|undeliver|unzustellbar|returned|permanent|giving up|gave up|given up", re.IGNORECASE
)
_BEGIN: Final = 1_000


def informal_report(rfc822: bytes, text: str, returned: bytes) -> DeliveryReport | None:
    """Read a report of the message's text, if a mail server wrote it; else None.

    ``returned`` is what it gives back of the other message as a part of its own, if it does.
    """
    head = header_block(rfc822[:_HEAD])
    folded = head.lower()
    if not any(name in folded for name in _DAEMONS):
        return None
    headers = extract(head)
    if not headers.signals & Signal.AUTHOR_DAEMON:
        return None
    said = text[:_READ]
    found = _ORIGINAL.search(said)
    original = extract(returned).message_id if returned else None
    if original is None and found is not None:
        original = message_id(found[1].encode())
    copy = _COPY_BEGINS.search(said)
    ends = [one.start() for one in (found, copy) if one is not None]
    said = said[: min(ends, default=len(said))]
    action = "delayed" if _is_delay(decode_text(headers.subject_raw), said) else "failed"
    code = _CODE.search(said)
    status = code[0] if code else ""
    people = _recipients(said)
    return DeliveryReport(
        kind="delivery-status",
        action=action,
        status=status,
        recipients=people,
        original_message_id=original,
        fates=tuple(Fate((one,), action, status) for one in people),
    )


def _is_delay(subject: str, said: str) -> bool:
    """Whether the server has not given up: the subject tells, else the first words."""
    if _OVER.search(subject):
        return False
    if _DELAY.search(subject):
        return True
    begin = said[:_BEGIN]
    return bool(_DELAY.search(begin)) and not _OVER.search(begin)


def _recipients(said: str) -> tuple[str, ...]:
    """The addresses that stand at the beginning of a line of their own."""
    found = (address_key((one[1] or one[2]).strip(".,;")) for one in _RECIPIENT.finditer(said))
    return tuple(dict.fromkeys(key for key in found if key))[:_MOST]
