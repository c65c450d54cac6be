"""What header facts say of a message's kind: the bits of `Signal`, and who its author is.

Rules: MATCHING section 8 (G1 to G8) and S3. Bits that need more than one header block (BLOCKED,
VERIFIED) are set by those who know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eisd.mime.params import content_type
from eisd.mime.prefixes import is_automatic, is_reply
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


@dataclass(frozen=True, slots=True)
class AuthorFacts:
    """What decides who wrote a message."""

    from_: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    original: Address | None
    list_post: str
    contested: bool
    has_list_id: bool

    @property
    def is_rewritten(self) -> bool:
        """Whether a list wrote From (S3)."""
        if self.original is not None:
            return True
        writer = _first_keyed(self.from_)
        return (
            self.has_list_id
            and bool(self.list_post)
            and writer is not None
            and writer.key == self.list_post
        )

    def author(self, *, rewritten: bool) -> Address | None:
        """The author, given whether From is a list's work."""
        writer = _first_keyed(self.from_)
        if rewritten:
            return self.original or _first_keyed(self.reply_to) or writer
        return writer


def _first_keyed(addresses: Sequence[Address]) -> Address | None:
    """The first address with a key, else the first item of any kind."""
    for address in addresses:
        if address.key:
            return address
    return addresses[0] if addresses else None


def author_signals(facts: AuthorFacts) -> Signal:
    """The bits that speak of the author."""
    rewritten = facts.is_rewritten
    signals = Signal.LIST_REWRITE if rewritten else Signal(0)
    if facts.contested or len({address.key for address in facts.from_ if address.key}) > 1:
        signals |= Signal.AMBIGUOUS_FROM
    writer = facts.author(rewritten=rewritten)
    if writer is not None and writer.key:
        signals |= local_part_signals(writer.key)
    return signals


@lru_cache(maxsize=4_096)
def local_part_signals(key: str) -> Signal:
    """G1, G7 and G8 by the local part of an exact key; also for candidates' own addresses."""
    local = key.rpartition("@")[0].casefold()
    signals = Signal(0)
    if _NO_REPLY.match(local):
        signals |= Signal.AUTHOR_NO_REPLY
    if local in _ROLES:
        signals |= Signal.AUTHOR_ROLE
    if local in _DAEMONS:
        signals |= Signal.AUTHOR_DAEMON
    return signals


def header_signals(
    fields: Mapping[bytes, Sequence[bytes]], subject: bytes, kind: str, *, answers: bool
) -> Signal:
    """The bits that single fields decide. ``answers``: there is an In-Reply-To."""
    bits = 0
    if b"list-id" in fields or b"list-post" in fields:
        bits |= _LIST
    if b"list-unsubscribe" in fields:
        bits |= _UNSUBSCRIBE
    if subject:
        bits |= _subject_bits(subject[:_SUBJECT_READ], answers=answers)
    if kind in {"multipart/report", "text/calendar"}:
        bits |= _type_bits(fields[b"content-type"][0])
    if not _AUTOMATIC_FIELDS.isdisjoint(fields):
        bits |= _automatic_bits(fields)
    return Signal(bits)


_LIST: Final = Signal.LIST.value
_UNSUBSCRIBE: Final = Signal.UNSUBSCRIBE.value
_AUTOMATIC_FIELDS: Final = frozenset(
    (*_AUTO_FIELDS, b"precedence", b"feedback-id", b"auto-submitted", b"return-path")
)


def _automatic_bits(fields: Mapping[bytes, Sequence[bytes]]) -> int:
    """The bits of the fields that machines put on what they send."""
    signals = Signal(0)
    precedence = {_word(value) for value in fields.get(b"precedence", ())}
    if precedence & _BULK or b"feedback-id" in fields:
        signals |= Signal.BULK
    if b"auto_reply" in precedence:
        signals |= Signal.AUTO_REPLY
    if any(_word(value) != b"no" for name in _AUTO_FIELDS for value in fields.get(name, ())):
        signals |= Signal.AUTO_REPLY
    for value in fields.get(b"auto-submitted", ()):
        word = _word(value)
        if word == b"auto-replied":
            signals |= Signal.AUTO_REPLY
        if word != b"no":
            signals |= Signal.AUTO_GENERATED
    for value in fields.get(b"return-path", ())[:1]:
        if b"".join(value.split()) == b"<>":
            signals |= Signal.NULL_RETURN_PATH
    return signals.value


def _word(value: bytes) -> bytes:
    """A value's first word in lower case, without parameters and comments."""
    return value.partition(b";")[0].partition(b"(")[0].strip().lower()


def _subject_bits(raw: bytes, *, answers: bool) -> int:
    """The bits of the subject's beginning."""
    subject = decode_text(raw)
    bits = 0
    if is_reply(subject):
        bits |= Signal.REPLY_PREFIX.value
    if answers and is_automatic(subject):
        bits |= Signal.AUTO_REPLY.value
    return bits


def _type_bits(value: bytes) -> int:
    """The bits of a Content-Type that is a report or a calendar."""
    kind, parameters = content_type(value)
    if kind == "text/calendar":
        return Signal.CALENDAR.value if parameters.get("method", "").upper() in _INVITING else 0
    report = parameters.get("report-type", "").lower()
    if report == "delivery-status":
        return Signal.DELIVERY_REPORT.value
    return Signal.READ_RECEIPT.value if report == "disposition-notification" else 0
