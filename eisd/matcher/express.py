"""The short way through a scan, for the plain headers that most mail has.

It says what `eisd.matcher.scan` says of the same copy and makes none of the values in between:
no names, no participants, no verdict of its own. A copy that is anything but plain takes the long
way, and so does the first of each shape: copies whose signals are the same and whose addresses
stand in the same roles and to staff alike are judged alike while no contact is looked up, so that
one verdict does for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from eisd.matcher.codec import each_once, join
from eisd.matcher.facts import KEPT_PARENTS
from eisd.matcher.keys import parent_octets
from eisd.matcher.parties import Parties, Party
from eisd.matcher.reading import Context, Item, Read
from eisd.matcher.rows import ItemRow, Row, as_row
from eisd.mime.dates import seconds_of
from eisd.mime.headers import plain_message_id, plain_references
from eisd.mime.limits import REFERENCES
from eisd.mime.plain import Plain, plain_fields
from eisd.mime.signals import TELLING, field_bits, return_path_bits, subject_bits
from eisd.model.activity import OutcomeReason
from eisd.model.mail import Signal
from eisd.model.mailbox import Box

Long = Callable[[Context, Item], Read]
"""The long way."""

_BY_LISTS: Final = frozenset({b"list-post", b"x-original-from", b"x-original-sender"})
"""Where these are, a list may have written From."""
_SPECIAL: Final = (b"multipart/report", b"text/calendar")
_LONGEST_SPECIAL: Final = max(map(len, _SPECIAL))
_BLOCKED: Final = int(Signal.BLOCKED)
_VERIFIED: Final = int(Signal.VERIFIED)
_LIST: Final = OutcomeReason.LIST.value
_SHAPES: Final = 1 << 12

_Shape = tuple[int, bool, bool, frozenset[int]]
"""Signals, live, sent, and the parties' codes. How many there are of a kind makes no difference."""


class Express:
    """The short way for the copies of one context, with what was learned on it."""

    def __init__(self, context: Context, long: Long) -> None:
        self._context = context
        self._long = long
        self._identity = context.hasher.identity_of
        self._octets = context.hasher.octets
        self._parties = Parties(context)
        self._verified = _VERIFIED if context.box is Box.SENT else 0
        self._verdicts: dict[_Shape, tuple[str, str, bool]] = {}

    def read(self, item: ItemRow) -> Row:
        """Read and judge one copy, an `Item`, by the shortest way it can take."""
        _, live, header, sent = item
        fields = plain_fields(header)
        if fields is None or not self._is_plain(fields):
            return self._whole(item)
        message_id = plain_message_id(fields[b"message-id"])
        parents = self._parents(fields)
        parties = self._parties.of(fields)
        if message_id is None or parents is None or parties is None:
            return self._whole(item)
        subject = fields.get(b"subject", b"")
        signals = self._signals(fields, subject, parties)
        if sent:
            signals |= _VERIFIED
        exacts, octets, keys, codes, *_ = zip(*parties, strict=True)
        shape = (signals, live, sent, frozenset(codes))
        verdict = self._verdicts.get(shape)
        if verdict is None:
            return self._learn(shape, self._whole(item))
        outcome, reason, outgoing = verdict
        date = seconds_of(fields[b"date"]) if b"date" in fields else None
        return (
            self._identity(message_id),
            join(signals, date, self._octets(subject), octets, parents, people=len(parties)),
            b"".join(keys) if keys == exacts else each_once(b"".join(keys)),
            outcome,
            reason,
            int.from_bytes(parents[0], "big") if reason == _LIST and parents else 0,
            outgoing,
        )

    def _whole(self, item: ItemRow) -> Row:
        return as_row(self._long(self._context, Item(*item)))

    def _learn(self, shape: _Shape, row: Row) -> Row:
        if len(self._verdicts) >= _SHAPES:
            self._verdicts.clear()
        _, _, _, outcome, reason, _, outgoing = row
        self._verdicts[shape] = outcome, reason, outgoing
        return row

    def _is_plain(self, fields: Plain) -> bool:
        """Whether nothing is there that takes more than one field to understand."""
        context = self._context
        if b"message-id" not in fields or context.local_case != "fold":
            return False
        if not _BY_LISTS.isdisjoint(fields):
            return False
        if context.trusted_authserv and b"authentication-results" in fields:
            return False
        kind = fields.get(b"content-type")
        return kind is None or not kind[:_LONGEST_SPECIAL].lower().startswith(_SPECIAL)

    def _parents(self, fields: Plain) -> list[bytes] | None:
        """In-Reply-To, then References from the end, each once; None if they are not plain."""
        ids: list[bytes] = []
        if b"in-reply-to" in fields:
            value = fields[b"in-reply-to"]
            one = plain_message_id(value)
            answers = plain_references([value]) if one is None else [one]
            if answers is None:
                return None
            ids.append(answers[0])
        if b"references" in fields:
            references = plain_references([fields[b"references"]])
            if references is None:
                return None
            ids += references[: -REFERENCES - 1 : -1]
        if not ids:
            return ids
        identity = self._identity
        return [parent_octets(identity(one)) for one in [*dict.fromkeys(ids)][:KEPT_PARENTS]]

    def _signals(self, fields: Plain, subject: bytes, parties: list[Party]) -> int:
        bits = self._verified | parties[0][5]
        if subject:
            bits |= subject_bits(subject, answers=b"in-reply-to" in fields)
        if b"return-path" in fields:
            bits |= return_path_bits(fields[b"return-path"])
        for name in TELLING.intersection(fields):
            bits |= field_bits(name, fields[name])
        if self._context.blocklist and any(blocks for *_, blocks, _ in parties):
            bits |= _BLOCKED
        return bits
