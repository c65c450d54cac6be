"""One scan of one folder: live mail going up, the past going down (rule F5).

Theory of operation. A scan holds a `Position` and two lanes of UIDs. The *live* lane holds what
``UID SEARCH UID live_next:*`` found; the *backfill* lane is filled from the top down, a window of
UIDs at a time. From both, fetches of header blocks are sent ahead (`_DEPTH` at a time), and the
answers are taken in order within a lane, the live lane first. Only a batch that was taken moves
the position, so a scan may be left after any batch; what was already answered by then is kept
for the scan that goes on from there.

The server tells of new mail with EXISTS at any time; before each batch the news are looked at,
and what came is fetched before more of the past, which thereby waits for at most `_DEPTH` fetches
that are under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eisd.driver.imap.dialect import PLAIN, Dialect
from eisd.driver.imap.headers import ask, listed
from eisd.driver.imap.position import Position, since_criterion
from eisd.driver.imap.uids import PER_SEARCH, UidWalk
from eisd.errors import DriverError
from eisd.model.folder import Batch, Listed, Window
from eisd.wire.imap import Client, Pending
from eisd.wire.imap_news import News
from eisd.wire.imap_responses import Selected

_DEPTH = 2


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many copies a batch has."""

    first: int = 50
    """Of the first batch of a backfill: something to show at once."""
    batch: int = 500
    per_search: int = PER_SEARCH


@dataclass(frozen=True, slots=True)
class Flight:
    """A fetch under way, or answered."""

    uids: Sequence[int]
    pending: Pending

    async def is_answered(self) -> bool:
        """Wait for its end; whether that was a good one."""
        try:
            await self.pending.result()
        except DriverError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a scan that was left had been answered of the past below its position."""

    position: Position
    flights: Sequence[Flight] = ()
    authentication: bool = True

    def below(self, position: Position, *, authentication: bool) -> Sequence[Flight]:
        """The answers, if they are what follows this position, and hold what is wanted now."""
        mine = self.position
        same = (mine.validity, mine.backfill_next) == (position.validity, position.backfill_next)
        return self.flights if same and self.authentication >= authentication else ()


async def first_position(
    client: Client, selected: Selected, uid_next: int, window: Window
) -> Position:
    """The position of a folder that was never scanned, as it was at this EXAMINE."""
    validity = selected.uidvalidity or 0
    if not window.backfill or not selected.exists:
        return Position.first(validity, uid_next, uid_next)
    if window.since is None:
        return Position.first(validity, uid_next, 1)
    inside = await client.uid_search(since_criterion(window.since))
    return Position.first(validity, uid_next, min(inside, default=uid_next))


class Scan:
    """The batches of one scan, by `next`. The folder is open, the position fits it."""

    def __init__(
        self,
        client: Client,
        news: Callable[[], News],
        position: Position,
        selected: Selected,
        uid_next: int | None,
        sizes: Sizes,
        dialect: Dialect = PLAIN,
        ahead: Sequence[Flight] = (),
        *,
        authentication: bool = True,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._authentication = authentication
        self._news = news
        self.position = position
        self._sizes = sizes
        self._size = sizes.batch if ahead else sizes.first
        self._live: deque[int] = deque()
        self._past: list[int] = []
        self._live_flights: deque[Flight] = deque()
        self._past_flights = deque(ahead)
        self._walk = UidWalk(
            client,
            position.floor,
            ahead[-1].uids[-1] - 1 if ahead else position.backfill_next,
            selected.exists,
            per_search=sizes.per_search,
        )
        self._look_from = position.live_next
        self._reach = max(uid_next or 0, position.live_next)
        self._look = self._reach > position.live_next or uid_next is None

    async def next(self) -> Batch | None:
        """The next batch, or None when the folder is caught up."""
        await self._find_live()
        await self._find_past()
        self._send()
        if self._live_flights:
            return await self._take_live()
        before = self.position
        self.position = self.position.up_to(self._reach)
        if self._past_flights:
            return await self._take_past()
        self.position = self.position.down_to(self.position.floor)
        return None if self.position == before else Batch((), self.position.cursor(), 0)

    async def close(self) -> Ahead:
        """Take the answers that are still to come, so that the connection can go on."""
        for flight in self._live_flights:
            await flight.is_answered()
        answered = [await flight.is_answered() for flight in self._past_flights]
        flights = tuple(self._past_flights) if all(answered) else ()
        return Ahead(self.position, flights, authentication=self._authentication)

    async def _find_live(self) -> None:
        """Queue what came since we last looked."""
        if self._news().exists is not None:
            self._look = True
        if not self._look:
            return
        self._look = False
        begin = self._look_from
        # ``n:*`` holds the last message even if its UID is below n (RFC 9051 9, seq-range).
        found = [u for u in await self._client.uid_search(f"UID {begin}:*") if u >= begin]
        self._live.extend(found)
        if found:
            self._look_from = found[-1] + 1
        self._reach = max(self._reach, self._look_from)

    async def _find_past(self) -> None:
        """Have UIDs of the past at hand, unless there are none or live mail keeps us busy."""
        while not (self._live or self._past or self._walk.done):
            self._past = await self._walk.next()

    def _send(self) -> None:
        """Keep `_DEPTH` fetches under way, live mail first."""
        while self._live and len(self._live_flights) < _DEPTH:
            count = min(self._sizes.batch, len(self._live))
            self._live_flights.append(self._flight([self._live.popleft() for _ in range(count)]))
        while self._past and not self._live and len(self._past_flights) < _DEPTH:
            chunk = self._past[: -self._size - 1 : -1]
            del self._past[-self._size :]
            self._past_flights.append(self._flight(chunk))
            self._size = self._sizes.batch

    def _flight(self, uids: Sequence[int]) -> Flight:
        asked = ask(self._client, uids, self._dialect, authentication=self._authentication)
        return Flight(uids, asked)

    async def _take_live(self) -> Batch:
        flight = self._live_flights.popleft()
        copies = await self._listed(flight, live=True)
        last = not self._live_flights and not self._live
        self.position = self.position.up_to(self._reach if last else flight.uids[-1] + 1)
        return self._batch(copies)

    async def _take_past(self) -> Batch:
        flight = self._past_flights[0]
        copies = await self._listed(flight, live=False)
        self._past_flights.popleft()  # only now: what `close` hands on begins at the position
        last = not self._past_flights and not self._past and self._walk.done
        self.position = self.position.down_to(self.position.floor if last else flight.uids[-1])
        return self._batch(copies)

    async def _listed(self, flight: Flight, *, live: bool) -> Sequence[Listed]:
        return await listed(self._client, flight.uids, flight.pending, self._dialect, live=live)

    def _batch(self, copies: Sequence[Listed]) -> Batch:
        waiting = sum(len(f.uids) for f in self._past_flights)
        remaining = waiting + len(self._past) + self._walk.remaining
        return Batch(copies, self.position.cursor(), remaining)
