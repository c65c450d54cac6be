"""Positions: four numbers, and the cursors that stand for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.driver.imap.position import Position, position_of, since_criterion
from eisd.errors import CursorExpired
from eisd.model.folder import Cursor

uids = st.integers(0, 2**32 - 1)


@given(uids, uids, uids, uids)
def test_a_cursor_gives_its_position_back(validity: int, live: int, back: int, floor: int):
    """What a position writes, it reads."""
    position = Position(validity, live, back, floor)
    assert position_of(position.cursor()) == position


def test_a_first_position_has_everything_before_it():
    """Live begins at UIDNEXT, the backfill right below it."""
    position = Position.first(7, uid_next=100, floor=40)
    assert position == Position(7, live_next=100, backfill_next=99, floor=40)
    assert position.backfilling
    assert position.cursor().backfilling


def test_nothing_inside_the_window_is_no_backfill():
    """A floor at UIDNEXT means there is nothing to list."""
    assert not Position.first(7, uid_next=100, floor=100).backfilling
    assert not Position.first(7, uid_next=1, floor=1).backfilling


def test_the_backfill_ends_at_the_floor():
    """Having looked at the floor, nothing is left."""
    position = Position.first(7, 100, 40)
    assert position.down_to(41).backfilling
    assert not position.down_to(40).backfilling


@given(st.lists(st.tuples(st.booleans(), uids)))
def test_positions_never_go_back(moves: list[tuple[bool, int]]):
    """Whatever is looked at, live only rises and backfill only falls."""
    position = Position.first(1, 1000, 1)
    for upwards, uid in moves:
        ahead = position.up_to(uid) if upwards else position.down_to(max(uid, 1))
        assert ahead.live_next >= position.live_next
        assert ahead.backfill_next <= position.backfill_next
        position = ahead


@pytest.mark.parametrize(("validity", "uid_next"), [(8, 100), (0, 100), (7, 99), (7, 1)], ids=str)
def test_what_expires_a_position(validity: int, uid_next: int):
    """Another UIDVALIDITY, or a UIDNEXT that fell: a restored backup gives UIDs out again."""
    with pytest.raises(CursorExpired):
        Position.first(7, 100, 1).require(validity, uid_next)


@pytest.mark.parametrize("uid_next", [100, 101, None])
def test_what_continues_a_position(uid_next: int | None):
    """UIDNEXT may rise, and may be unknown."""
    Position.first(7, 100, 1).require(7, uid_next)


FULL = '{"v":1,"validity":1,"live_next":1,"backfill_next":1,"floor":1}'


@pytest.mark.parametrize(
    "value",
    [
        "", "{}", "[]", "5", "null", '{"v":2}', '{"v":1,"validity":1}',
        FULL.replace('"validity":1', '"validity":"1"'), FULL.replace('"floor":1', '"floor":-1'),
    ],
)  # fmt: skip
def test_a_strange_cursor_is_an_expired_one(value: str):
    """A cursor that cannot be read means: list the folder again."""
    with pytest.raises(CursorExpired):
        position_of(Cursor(value))


def test_a_folder_without_uidvalidity_has_none_in_its_cursor():
    """UIDVALIDITY 0 or absent shows as an empty validity."""
    assert Position.first(0, 5, 1).cursor().validity == ""
    assert Position.first(3, 5, 1).cursor().validity == "3"


def test_since_takes_a_day_of_margin_in_utc():
    """SINCE knows days only and servers know time zones: a day less is never too late."""
    assert since_criterion(datetime(2026, 3, 1, tzinfo=UTC)) == "SINCE 28-Feb-2026"
    east = timezone(timedelta(hours=14))
    assert since_criterion(datetime(2026, 3, 2, 1, tzinfo=east)) == "SINCE 28-Feb-2026"
