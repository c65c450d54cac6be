"""T1: when a message happened."""

from __future__ import annotations

import pytest
from unit.matcher.world import DAY, HOUR

from eisd.matcher.when import occurred_at

GATE = 1_700_000_000_000
OLD = 800_000_000_000


@pytest.mark.parametrize(
    ("date", "received", "sent", "expected"),
    [
        (GATE - HOUR, [GATE - 1], False, GATE - HOUR),
        (GATE - 7 * DAY, [], False, GATE - 7 * DAY),
        (GATE + DAY, [], False, GATE + DAY),
        (GATE - 8 * DAY, [GATE - HOUR], False, GATE - HOUR),
        (GATE + 2 * DAY, [GATE + 2 * DAY, GATE - HOUR], False, GATE - HOUR),
        (None, [GATE - HOUR], False, GATE - HOUR),
        (OLD, [], True, OLD),
        (OLD, [], False, GATE),
        (0, [], True, GATE),
        (GATE + 2 * DAY, [], True, GATE),
        (None, [], False, GATE),
    ],
)
def test_t1_the_date_counts_while_it_is_plausible(date, received, sent, expected):
    """Date near the receive time, else the topmost Received, else for sent copies the Date."""
    assert occurred_at(GATE, date=date, received=received, sent=sent) == expected
