"""How long to wait before the next try: doubling, with jitter, never longer than the cap."""

from __future__ import annotations

import pytest

from eisd.sync.backoff import Backoff


@pytest.mark.parametrize("dice", [0.0, 0.3, 0.999])
def test_backoff_doubles_up_to_its_cap(dice: float):
    """Full jitter over a doubling step, never below half the base, never above the cap."""
    backoff = Backoff(2.0, 60.0)

    waits = [backoff.next(dice) for _ in range(50)]

    steps = [min(60.0, 2.0 * 2**number) for number in range(50)]
    assert waits == [max(1.0, step * dice) for step in steps]


def test_backoff_obeys_the_remote_and_forgets_when_told():
    """A longer wish of the remote's wins, and health begins anew."""
    backoff = Backoff(1.0, 300.0)
    assert backoff.next(0.5, floor=42.0) == 42.0
    assert backoff.next(1.0) == 2.0

    backoff.reset()

    assert backoff.next(1.0) == 1.0
