"""Delivery reports (RFC 3464) and read receipts (RFC 8098) to one `DeliveryReport`."""

from __future__ import annotations

import re
from typing import Final

from eisd.mime.addresses import address_key
from eisd.mime.charset import guess
from eisd.mime.headers import extract, header_lines, message_id
from eisd.mime.limits import ADDRESSES, HEADER_BLOCK
from eisd.model.mail import DeliveryReport, Fate

STATUS: Final = "message/delivery-status"
DISPOSITION: Final = "message/disposition-notification"

_GRAVITY: Final = ("failed", "delayed", "expanded", "relayed", "delivered")
_CODE: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_WORD: Final = re.compile(r"[a-z-]{1,40}")
_ENVELOPE: Final = re.compile(r"[\x21-\x7e]{1,100}")
_DEAD: Final = re.compile(r"5\.(1\.(?![78]$)[0-9]+|2\.1|4\.4)")
_Group = dict[bytes, str]


def delivery_report(kind: str, body: bytes, returned: bytes) -> DeliveryReport:
    """Read a report's machine part; ``returned`` is what it gives back of the message, if any."""
    groups = _groups(body[:HEADER_BLOCK])
    original = extract(returned).message_id if returned else None
    if kind == DISPOSITION:
        return _receipt(groups, original)
    recipients = [group for group in groups if _recipient(group)]
    fate = _fate(min(recipients, key=_rank, default=groups[0] if groups else {}))
    envelope = _ENVELOPE.fullmatch(groups[0].get(b"original-envelope-id", "") if groups else "")
    return DeliveryReport(
        kind="delivery-status",
        action=fate.action,
        status=fate.status,
        recipients=_keys(recipients),
        original_message_id=original,
        envelope_id=envelope[0] if envelope else "",
        fates=tuple(_fate(group) for group in recipients),
    )


def is_dead(status: str) -> bool:
    """Whether an enhanced status code (RFC 3463) says that nobody is reached by that address.

    No such mailbox or domain; not a full mailbox, nor a refusal of the sender or of the content.
    """
    return _DEAD.fullmatch(status) is not None


def _fate(group: _Group) -> Fate:
    code = _CODE.search(group.get(b"status", ""))
    action = _WORD.match(group.get(b"action", "").lower())
    named = (
        address_key(group.get(name, "").rpartition(";")[2])
        for name in (b"original-recipient", b"final-recipient")
    )
    return Fate(
        tuple(dict.fromkeys(filter(None, named))),
        action[0] if action else "",
        code[0] if code else "",
    )


def _receipt(groups: list[_Group], original: str | None) -> DeliveryReport:
    """A read receipt: what became of the message at its reader's."""
    fields = {name: value for group in reversed(groups) for name, value in group.items()}
    action = _WORD.match(fields.get(b"disposition", "").rpartition(";")[2].strip().lower())
    named = message_id(fields.get(b"original-message-id", "").encode())
    return DeliveryReport(
        kind="disposition-notification",
        action=action[0] if action else "",
        status="",
        recipients=_keys([fields]),
        original_message_id=named or original,
    )


def _groups(body: bytes) -> list[_Group]:
    """The groups of fields that empty lines part: the message's, then each recipient's."""
    groups: list[_Group] = []
    for block in re.split(rb"\n[ \t]*\n", body.lstrip(b"\n"))[:ADDRESSES]:
        group: _Group = {}
        for line in header_lines(block)[0]:
            name, colon, value = line.partition(b":")
            if colon:
                group.setdefault(name.strip().lower(), guess(value).strip())
        if group:
            groups.append(group)
    return groups


def _recipient(group: _Group) -> str:
    """The exact key of a group's recipient."""
    for name in (b"final-recipient", b"original-recipient"):
        if key := address_key(group.get(name, "").rpartition(";")[2]):
            return key
    return ""


def _keys(groups: list[_Group]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for group in groups if (key := _recipient(group))))


def _rank(group: _Group) -> int:
    action = group.get(b"action", "").lower()
    return next((i for i, word in enumerate(_GRAVITY) if action.startswith(word)), len(_GRAVITY))
