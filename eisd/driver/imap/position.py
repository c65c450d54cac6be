"""A position in a folder: four numbers, and how they move (rule F5).

    validity       the UIDVALIDITY they belong to; 0 when the server has none
    live_next      the lowest UID that was not looked at going up
    backfill_next  the highest UID that the backfill has still to look at
    floor          the lowest UID of the window

Everything from ``backfill_next + 1`` to ``live_next - 1`` has been listed; the backfill is done
when ``backfill_next`` is below ``floor``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from eisd.errors import CursorExpired
from eisd.model.folder import Cursor
from eisd.wire.imap_grammar import search_date

_FORMAT = 1
_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the session stands in one folder."""

    validity: int
    live_next: int
    backfill_next: int
    floor: int

    @classmethod
    def first(cls, validity: int, uid_next: int, floor: int) -> Position:
        """The position of a folder nothing was listed of: all of the past is backfill."""
        floor = min(floor, uid_next)
        return cls(validity, live_next=uid_next, backfill_next=uid_next - 1, floor=floor)

    @property
    def backfilling(self) -> bool:
        """Something above the floor may still have to be listed."""
        return self.backfill_next >= self.floor

    def up_to(self, live_next: int) -> Position:
        """The same, after everything below ``live_next`` was looked at going up."""
        return replace(self, live_next=max(self.live_next, live_next))

    def down_to(self, uid: int) -> Position:
        """The same, after the backfill looked at ``uid`` and everything above it."""
        return replace(self, backfill_next=min(self.backfill_next, uid - 1))

    def require(self, validity: int, uid_next: int | None) -> None:
        """Raise `CursorExpired` unless the folder, as the server shows it now, continues this.

        A UIDNEXT below ours at an equal UIDVALIDITY is a restored backup: the UIDs in between
        will be given out a second time.
        """
        if validity != self.validity:
            raise CursorExpired(f"UIDVALIDITY is {validity}, was {self.validity}", code="validity")
        if uid_next is not None and uid_next < self.live_next:
            raise CursorExpired(f"UIDNEXT fell from {self.live_next} to {uid_next}", code="uidnext")

    def cursor(self) -> Cursor:
        """The cursor that stands for this position."""
        value = json.dumps(
            {
                "v": _FORMAT,
                "validity": self.validity,
                "live_next": self.live_next,
                "backfill_next": self.backfill_next,
                "floor": self.floor,
            },
            separators=(",", ":"),
        )
        return Cursor(value, validity_text(self.validity), self.backfilling)


def validity_text(validity: int) -> str:
    """`Cursor.validity` of a UIDVALIDITY; empty when the server has none."""
    return str(validity) if validity else ""


def position_of(cursor: Cursor) -> Position:
    """The position a cursor stands for. Raises `CursorExpired` for one that is not ours."""
    try:
        raw = json.loads(cursor.value)
        if raw["v"] != _FORMAT:
            raise CursorExpired(f"the cursor has format {raw['v']}", code="format")
        numbers = [raw[k] for k in ("validity", "live_next", "backfill_next", "floor")]
    except (ValueError, KeyError, TypeError) as error:
        raise CursorExpired("the cursor cannot be read", code="format") from error
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise CursorExpired("the cursor holds what is no position", code="format")
    return Position(*numbers)


def since_criterion(since: datetime) -> str:
    """The SEARCH key for copies received from ``since`` on, less a day (RFC 3501 6.4.4).

    SINCE disregards time and zone of INTERNALDATE, so the day before may hold some of them.
    """
    return f"SINCE {search_date((since.astimezone(UTC) - _MARGIN).date())}"
