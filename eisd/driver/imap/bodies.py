"""Messages' bytes: whole where they are small, else header and text parts in a skeleton.

Small ones come in groups, bounded by octets, the next group under way while one is yielded. What
is not answered is asked for again. A UID that stays unanswered is `missing` if a search does not
find it either; else it is left out, for it may be had another time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from eisd.driver.imap.skeleton import TEXT_LIMIT, build, wanted
from eisd.errors import DriverError, ProtocolError
from eisd.model.mail import RawMessage
from eisd.wire.imap import Client, Pending
from eisd.wire.imap_fetch import Fetched
from eisd.wire.imap_grammar import compress
from eisd.wire.imap_structure import Part, parse_structure

SMALL = 256 << 10
"""Octets up to which a message is fetched whole."""

_GROUP_OCTETS = 4 << 20
_GROUP_COUNT = 100
_SIZES_COUNT = 500
_HEADER_LIMIT = 4 << 20
"""Octets of a large message's header: what is beyond the parser's limit is in its long fields."""
_DEPTH = 2
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Sized:
    uid: int
    size: int


@dataclass(frozen=True, slots=True)
class _Flight:
    group: Sequence[_Sized]
    pending: Pending


class Bodies:
    """The messages of one fetch, by `next`. The folder is open."""

    def __init__(
        self, client: Client, uids: Iterable[int], limit: int, *, whole: bool = False
    ) -> None:
        self._client = client
        self._small_limit = limit if whole else min(SMALL, limit)
        self._uids = deque(dict.fromkeys(uids))
        self._groups: deque[Sequence[_Sized]] = deque()
        self._large: deque[_Sized] = deque()
        self._flights: deque[_Flight] = deque()

    async def next(self) -> Sequence[RawMessage]:
        """Some of the messages; none at the end."""
        while self._uids and not (self._groups or self._large or self._flights):
            if gone := await self._measure():
                return gone
        while self._groups or self._flights or self._large:
            while self._groups and len(self._flights) < _DEPTH:
                self._flights.append(self._send(self._groups.popleft()))
            if self._flights:
                found = await self._take(self._flights.popleft())
            else:
                found = await self._skeleton(self._large.popleft())
            if found:
                return found
        return await self.next() if self._uids else []

    async def close(self) -> None:
        """Take the answers that are still to come, so that the connection can go on."""
        for flight in self._flights:
            with suppress(DriverError):
                await flight.pending.result()

    async def _measure(self) -> list[RawMessage]:
        """Ask for the sizes of the next UIDs and sort them; returns those that are gone."""
        uids = [self._uids.popleft() for _ in range(min(_SIZES_COUNT, len(self._uids)))]
        answers = await _answers(self._client, uids, "(UID RFC822.SIZE)", 64)
        sized = [_Sized(u, answers[u].size or 0) for u in uids if u in answers]
        self._groups.extend(_groups(s for s in sized if s.size <= self._small_limit))
        self._large.extend(s for s in sized if s.size > self._small_limit)
        return await self._gone([u for u in uids if u not in answers])

    def _send(self, group: Sequence[_Sized]) -> _Flight:
        octets = sum(s.size for s in group)
        uids = [s.uid for s in group]
        items = "(UID BODY.PEEK[])"
        return _Flight(group, self._client.start_fetch(uids, items, size_hint=octets))

    async def _take(self, flight: _Flight) -> list[RawMessage]:
        found = {f.uid: f for f in await flight.pending.result()}
        lacking = [s.uid for s in flight.group if not _body(found.get(s.uid))]
        if lacking:
            found |= await _answers(self._client, lacking, "(UID BODY.PEEK[])", self._small_limit)
        return await self._messages(flight.group, found)

    async def _messages(
        self, group: Sequence[_Sized], found: Mapping[int, Fetched]
    ) -> list[RawMessage]:
        """What was answered, and what is gone; nothing of those that are there and not given."""
        bodies = {s.uid: _body(found.get(s.uid)) for s in group}
        got = [RawMessage(str(s.uid), bodies[s.uid], s.size) for s in group if bodies[s.uid]]
        return got + await self._gone([uid for uid, body in bodies.items() if not body])

    async def _gone(self, uids: Sequence[int]) -> list[RawMessage]:
        """Those of these UIDs that the folder does not list any more, as missing."""
        if not uids:
            return []
        there = set(await self._client.uid_search(f"UID {compress(uids)}"))
        return [RawMessage(str(u), b"", 0, missing=True) for u in uids if u not in there]

    async def _skeleton(self, sized: _Sized) -> list[RawMessage]:
        """Header and text parts of a large message; its beginning, if its structure is no help."""
        uid = sized.uid
        items = f"(UID BODYSTRUCTURE BODY.PEEK[HEADER]<0.{_HEADER_LIMIT}>)"
        octets = min(_HEADER_LIMIT, sized.size)
        answer = (await _answers(self._client, [uid], items, octets)).get(uid)
        structure = _structure(answer) if answer else None
        header = answer.sections.get(b"HEADER", b"") if answer else b""
        if structure is None or not header:
            return await self._beginning(sized)
        contents: dict[str, bytes] = {}
        if sections := wanted(structure):
            items = " ".join(f"BODY.PEEK[{s}]<0.{TEXT_LIMIT}>" for s in sections)
            octets = TEXT_LIMIT * len(sections)
            found = (await _answers(self._client, [uid], f"(UID {items})", octets)).get(uid)
            parts = found.sections if found else {}
            contents = {s: parts[s.encode()] for s in sections if s.encode() in parts}
        rfc822, omitted = build(header, structure, contents)
        return [RawMessage(str(uid), rfc822, sized.size, omitted)]

    async def _beginning(self, sized: _Sized) -> list[RawMessage]:
        items = f"(UID BODY.PEEK[]<0.{TEXT_LIMIT}>)"
        answers = await _answers(self._client, [sized.uid], items, TEXT_LIMIT)
        return await self._messages([sized], answers)


async def _answers(
    client: Client, uids: Sequence[int], items: str, octets: int
) -> dict[int, Fetched]:
    """What the server answers for these UIDs, asked for three times where it does not."""
    found: dict[int, Fetched] = {}
    for _ in range(_TRIES):
        lacking = [u for u in uids if u not in found]
        if not lacking:
            break
        pending = client.start_fetch(lacking, items, size_hint=octets * len(lacking))
        found |= {f.uid: f for f in await pending.result() if _useful(f)}
    return found


def _useful(answer: Fetched) -> bool:
    """It tells more than flags: a size, a structure, or some content that is not NIL or empty."""
    said = answer.size is not None or answer.bodystructure is not None
    return said or any(answer.sections.values())


def _groups(sized: Iterable[_Sized]) -> Iterator[list[_Sized]]:
    """Groups of at most so many messages and octets."""
    group: list[_Sized] = []
    octets = 0
    for one in sized:
        if group and (len(group) == _GROUP_COUNT or octets + one.size > _GROUP_OCTETS):
            yield group
            group, octets = [], 0
        group.append(one)
        octets += one.size
    if group:
        yield group


def _structure(answer: Fetched) -> Part | None:
    try:
        return parse_structure(answer.bodystructure)
    except ProtocolError:
        return None


def _body(answer: Fetched | None) -> bytes:
    return answer.sections.get(b"", b"") if answer else b""
