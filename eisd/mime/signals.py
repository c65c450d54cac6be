"""What header facts say of a message's kind: the bits of `Signal`, and who its author is.

Rules (docs/reference/matching.md): G1 to G8 and S3. Bits that need more than one header block
(BLOCKED, VERIFIED) are set by those who know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from eisd.mime.params import content_type
from eisd.mime.prefixes import AUTOMATIC_STARTS, LONGEST_PREFIX, is_automatic, is_reply
from eisd.mime.words import decode_text
from eisd.model.mail import Address, Signal

_BULK: Final = frozenset({b"bulk", b"list", b"junk"})
_INVITING: Final = frozenset({"REQUEST", "REPLY", "CANCEL"})
_AUTO_FIELDS: Final = (b"x-autoreply", b"x-autorespond", b"x-autoresponder")
_NO_REPLY: Final = re.compile(
    r"(?:no|do[-_.]?not)[-_.]?reply|mailer-daemon$|bounces?(?:[-+_.]|$)|notifications?$"
)
_DAEMONS: Final = frozenset({"mailer-daemon", "postmaster"})
_ROLES: Final = frozenset(
    [
        "info",
        "contact",
        "hello",
        "office",
        "support",
        "sales",
        "help",
        "service",
        "billing",
        "admin",
        "team",
        "news",
        "feedback",
        "jobs",
    ]
)
_SUBJECT_READ: Final = 512
_BRACKETS: Final = frozenset({b"", b"[", b"<", b"(", b" "})
"""What may stand before the words that tell; where it does, the long way is taken."""


def first_keyed(addresses: Sequence[Address]) -> Address | None:
    """The first address with a key, else the first item of any kind."""
    for address in addresses:
        if address.key:
            return address
    return addresses[0] if addresses else None


def is_list_rewrite(
    from_: Sequence[Address], original: Address | None, list_post: str, *, has_list_id: bool
) -> bool:
    """Whether a list wrote From (S3)."""
    if original is not None:
        return True
    if not has_list_id or not list_post:
        return False
    writer = first_keyed(from_)
    return writer is not None and writer.key == list_post


def author_bits(from_: Sequence[Address], writer: Address | None, *, contested: bool) -> int:
    """The bits that speak of From and of the author, ``writer``."""
    bits = local_part_bits(_local_part(writer.key)) if writer is not None and writer.key else 0
    if contested or (len(from_) > 1 and len({address.key for address in from_ if address.key}) > 1):
        bits |= Signal.AMBIGUOUS_FROM.value
    return bits


@lru_cache(maxsize=8_192)
def local_part_bits(local: str) -> int:
    """G1, G7 and G8 by the local part of an exact key, as `Signal` bits."""
    local = local.casefold()
    bits = 0
    if _NO_REPLY.match(local):
        bits |= Signal.AUTHOR_NO_REPLY.value
    if local in _ROLES:
        bits |= Signal.AUTHOR_ROLE.value
    if local in _DAEMONS:
        bits |= Signal.AUTHOR_DAEMON.value
    return bits


def local_part_signals(key: str) -> Signal:
    """What the local part of any address says of it (G1, G7, G8), as if it were the author's."""
    return Signal(local_part_bits(_local_part(key)))


def _local_part(key: str) -> str:
    return key.rpartition("@")[0]


def header_bits(
    fields: Mapping[bytes, Sequence[bytes]], subject: bytes, kind: str, *, answers: bool
) -> int:
    """The bits that single fields decide. ``answers``: there is an In-Reply-To."""
    bits = subject_bits(subject, answers=answers) if subject else 0
    if kind in {"multipart/report", "text/calendar"}:
        bits |= _type_bits(fields[b"content-type"][0])
    if b"return-path" in fields:
        bits |= return_path_bits(fields[b"return-path"][0])
    for name in TELLING.intersection(fields):
        for value in fields[name]:
            bits |= field_bits(name, value)
    return bits


_LIST: Final = Signal.LIST.value
_BULK_BIT: Final = Signal.BULK.value
_AUTO_REPLY: Final = Signal.AUTO_REPLY.value
_AUTO_GENERATED: Final = Signal.AUTO_GENERATED.value
_NULL_RETURN_PATH: Final = Signal.NULL_RETURN_PATH.value
_BY_PRESENCE: Final = {
    b"list-id": _LIST,
    b"list-post": _LIST,
    b"list-unsubscribe": Signal.UNSUBSCRIBE.value,
    b"feedback-id": _BULK_BIT,
}
_PRECEDENCE: Final = {**dict.fromkeys(_BULK, _BULK_BIT), b"auto_reply": _AUTO_REPLY}
TELLING: Final = frozenset((*_BY_PRESENCE, *_AUTO_FIELDS, b"precedence", b"auto-submitted"))
"""The fields that lists and machines put on what they send."""


def field_bits(name: bytes, value: bytes) -> int:
    """The bits that one value of one of the fields `TELLING` decides."""
    bits = _BY_PRESENCE.get(name)
    if bits is not None:
        return bits
    word = _word(value)
    if name == b"precedence":
        return _PRECEDENCE.get(word, 0)
    if word == b"no":
        return 0
    if name != b"auto-submitted":
        return _AUTO_REPLY
    return _AUTO_GENERATED | _AUTO_REPLY if word == b"auto-replied" else _AUTO_GENERATED


def return_path_bits(path: bytes) -> int:
    """The bits of where a message's failure is told."""
    return _NULL_RETURN_PATH if path.find(b"@") < 0 and b"".join(path.split()) == b"<>" else 0


def _word(value: bytes) -> bytes:
    """A value's first word in lower case, without parameters and comments."""
    return value.partition(b";")[0].partition(b"(")[0].strip().lower()


def subject_bits(raw: bytes, *, answers: bool) -> int:
    """The bits of the subject's beginning."""
    head = raw[:_SUBJECT_READ]
    if head.isascii() and head.find(b"=?") < 0 and head[:1] not in _BRACKETS:
        text = head.decode("ascii")
        if text.isprintable():
            return _plain_subject_bits(text, answers=answers)
    encoded = head.find(b"=?")
    if encoded > 0 and b":" in head[:encoded]:
        head = head[:encoded]  # the prefix is plain: no need to read the rest
    return _start_bits(decode_text(head), answers=answers)


def _plain_subject_bits(head: str, *, answers: bool) -> int:
    """Those of a subject that begins with nothing special: its first word tells."""
    colon = head.find(":", 0, LONGEST_PREFIX)
    bits = _prefix_bits(head[: colon + 1]) if colon >= 0 else 0
    if answers and head[:3].lower() in AUTOMATIC_STARTS and is_automatic(head):
        bits |= _AUTO_REPLY
    return bits


@lru_cache(maxsize=1_024)
def _prefix_bits(prefix: str) -> int:
    """Those of a subject that begins so; few prefixes are met, and many times."""
    return _start_bits(prefix, answers=False)


def _start_bits(subject: str, *, answers: bool) -> int:
    bits = _REPLY_PREFIX if is_reply(subject) else 0
    if answers and is_automatic(subject):
        bits |= _AUTO_REPLY
    return bits


_REPLY_PREFIX: Final = Signal.REPLY_PREFIX.value


def _type_bits(value: bytes) -> int:
    """The bits of a Content-Type that is a report or a calendar."""
    kind, parameters = content_type(value)
    if kind == "text/calendar":
        return Signal.CALENDAR.value if parameters.get("method", "").upper() in _INVITING else 0
    report = parameters.get("report-type", "").lower()
    if report == "delivery-status":
        return Signal.DELIVERY_REPORT.value
    return Signal.READ_RECEIPT.value if report == "disposition-notification" else 0
