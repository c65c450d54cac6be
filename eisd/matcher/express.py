"""The short way through a scan, for the plain headers that most mail has.

It says what `eisd.matcher.scan` says of the same copy and makes none of the values in between:
no names, no participants, no verdict of its own. A copy that is anything but plain takes the long
way, and so does the first of each shape: copies whose signals are the same and whose addresses
stand in the same roles and to staff alike are judged alike while no contact is looked up, so that
one verdict does for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from eisd.matcher.codec import join, octets_of, pack_keys
from eisd.matcher.facts import KEPT_PARENTS
from eisd.matcher.judge import NOBODY
from eisd.matcher.keys import AddressKeys, Hasher, parent_key
from eisd.matcher.reading import Context, Item, Read
from eisd.matcher.staff import holds
from eisd.mime.addresses import plain_spellings, relaxed_key
from eisd.mime.dates import seconds_of
from eisd.mime.headers import Fields, plain_message_id, plain_references, usual_fields
from eisd.mime.limits import REFERENCES
from eisd.mime.signals import header_bits, local_part_bits
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import KeyHash, Mark
from eisd.model.mail import Address, Role, Signal
from eisd.model.mailbox import Box

Long = Callable[[Context, Item], Read]
"""The long way."""

_FROM: Final = Role.FROM
_GROUPS: Final = (
    (b"from", _FROM),
    (b"to", Role.TO),
    (b"cc", Role.CC),
    (b"bcc", Role.BCC),
    (b"reply-to", Role.REPLY_TO),
)
_RECIPIENTS: Final = frozenset({Role.TO, Role.CC, Role.BCC})
_RANK: Final = {role: rank for rank, role in enumerate(Role)}
_BY_LISTS: Final = frozenset({b"list-post", b"x-original-from", b"x-original-sender"})
"""Where these are, a list may have written From."""
_SPECIAL: Final = (b"multipart/report", b"text/calendar")
_LONGEST_SPECIAL: Final = max(map(len, _SPECIAL))
# Plain ints: `&` on two IntFlag members costs ten times as much.
_RECIPIENT: Final = int(Mark.RECIPIENT)
_BLOCKS_MESSAGE: Final = int(Mark.BLOCKS_MESSAGE)
_BLOCKED: Final = int(Signal.BLOCKED)
_VERIFIED: Final = int(Signal.VERIFIED)
_LIST: Final = OutcomeReason.LIST
_PEOPLE: Final = 1 << 14
_SHAPES: Final = 1 << 12


class _Party(NamedTuple):
    """One address in one role, whatever message it is met in. Ordered by its exact key."""

    exact: KeyHash
    relaxed: KeyHash
    octets: bytes
    """As `octets_of` makes them."""
    code: int
    """What a verdict can depend on: its role, its marks, whether it is the mailbox's own, and of
    which workspaces it is staff."""
    blocks: bool
    """Whether the block list stops all mail that names it."""
    signals: int
    """What is said of a message it wrote."""


_Shape = tuple[int, bool, bool, frozenset[int]]
"""Signals, live, sent, and the parties' codes. How many there are of a kind makes no difference."""


class Express:
    """The short way for the copies of one context, with what was learned on it."""

    def __init__(self, context: Context, long: Long) -> None:
        feeds = context.people.feeds.get(context.mailbox, {})
        self._context = context
        self._hasher: Hasher = context.hasher
        self._long = long
        self._own = {context.key, *context.aliases}
        self._staff = [context.people.staff.get(name, NOBODY) for name in feeds]
        self._people: dict[tuple[bytes, Role, int], _Party] = {}
        self._verdicts: dict[_Shape, tuple[Outcome, OutcomeReason, bool]] = {}

    def read(self, item: Item) -> Read:
        """Read and judge one copy, by the shortest way it can take."""
        fields = usual_fields(item.header)
        if fields is None or not self._is_plain(fields):
            return self._long(self._context, item)
        message_id = plain_message_id(fields[b"message-id"][0])
        parents = self._parents(fields)
        parties = self._parties(fields)
        if message_id is None or parents is None or parties is None:
            return self._long(self._context, item)
        signals = self._signals(fields, parties, item)
        shape = (signals, item.live, item.sent, frozenset([party.code for party in parties]))
        verdict = self._verdicts.get(shape)
        if verdict is None:
            return self._learn(shape, self._long(self._context, item))
        outcome, reason, outgoing = verdict
        return Read(
            self._hasher.identity_of(message_id),
            join(
                signals,
                seconds_of(fields[b"date"][0]) if b"date" in fields else None,
                self._hasher.raw(fields[b"subject"][0]) if b"subject" in fields else 0,
                [party.octets for party in parties],
                parents,
                people=len(parties),
            ),
            tuple(dict.fromkeys([key for party in parties for key in party[:2]])),
            outcome,
            reason,
            parents[0] if reason is _LIST and parents else 0,
            outgoing,
        )

    def _learn(self, shape: _Shape, read: Read) -> Read:
        if len(self._verdicts) >= _SHAPES:
            self._verdicts.clear()
        self._verdicts[shape] = (read.outcome, read.reason, read.outgoing)
        return read

    def _is_plain(self, fields: Fields) -> bool:
        """Whether nothing is there that takes more than one field to understand."""
        context = self._context
        if b"message-id" not in fields or not _BY_LISTS.isdisjoint(fields):
            return False
        if context.local_case != "fold" or (
            context.trusted_authserv and b"authentication-results" in fields
        ):
            return False
        kind = fields.get(b"content-type")
        return kind is None or not kind[0][:_LONGEST_SPECIAL].lower().startswith(_SPECIAL)

    def _parents(self, fields: Fields) -> tuple[KeyHash, ...] | None:
        """In-Reply-To, then References from the end, each once; None if they are not plain."""
        ids: list[bytes] = []
        if b"in-reply-to" in fields:
            answers = plain_references(fields[b"in-reply-to"])
            if answers is None:
                return None
            ids.append(answers[0])
        if b"references" in fields:
            references = plain_references(fields[b"references"])
            if references is None:
                return None
            ids += references[: -REFERENCES - 1 : -1]
        if not ids:
            return ()
        identity = self._hasher.identity_of
        return tuple([parent_key(identity(one)) for one in [*dict.fromkeys(ids)][:KEPT_PARENTS]])

    def _parties(self, fields: Fields) -> list[_Party] | None:
        """Every address once, in its strongest role; None without one plain author."""
        if b"from" not in fields:
            return None
        groups: list[tuple[Role, list[bytes]]] = []
        recipients: set[bytes] = set()
        for name, role in _GROUPS:
            if name not in fields:
                continue
            spelled = plain_spellings(fields[name][0]) if len(fields[name]) == 1 else None
            if spelled is None or (role is _FROM and len(spelled) != 1):
                return None
            keys = [one.lower() for one in spelled]
            groups.append((role, keys))
            if role in _RECIPIENTS:
                recipients.update(keys)
        found: list[_Party] = []
        seen: set[bytes] = set()
        for role, keys in groups:
            begin = len(found)
            for key in keys:
                if key not in seen:
                    seen.add(key)
                    known = (key, role, _RECIPIENT if key in recipients else 0)
                    found.append(self._people.get(known) or self._meet(*known))
            if len(found) - begin > 1:
                found[begin:] = sorted(found[begin:])
        return found

    def _meet(self, key: bytes, role: Role, marks: int) -> _Party:
        """Learn of an address by its exact key, and of the marks it has beside the block list's."""
        if len(self._people) >= _PEOPLE:
            self._people.clear()
        text = key.decode("ascii")
        relaxed = relaxed_key(text)
        keys = self._hasher.address(text, relaxed)
        blocklist = self._context.blocklist
        bits = marks | blocklist.marks(Address(text, relaxed)) if blocklist else marks
        party = self._people[key, role, marks] = _Party(
            keys.exact,
            keys.relaxed,
            octets_of(role, bits, pack_keys(keys)),
            _RANK[role] | bits << 3 | self._standing(keys) << 8,
            bool(bits & _BLOCKS_MESSAGE),
            local_part_bits(text),
        )
        return party

    def _standing(self, keys: AddressKeys) -> int:
        """A bit for the mailbox itself, then one for each workspace whose staff it is."""
        bits = int(keys.exact in self._own or keys.relaxed in self._own)
        for place, staff in enumerate(self._staff, start=1):
            if holds(staff, keys):
                bits |= 1 << place
        return bits

    def _signals(self, fields: Fields, parties: list[_Party], item: Item) -> int:
        subject = fields[b"subject"][0] if b"subject" in fields else b""
        bits = header_bits(fields, subject, "", answers=b"in-reply-to" in fields)
        bits |= parties[0].signals
        if item.sent or self._context.box is Box.SENT:
            bits |= _VERIFIED
        if self._context.blocklist and any(party.blocks for party in parties):
            bits |= _BLOCKED
        return bits
