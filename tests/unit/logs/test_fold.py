"""Folding: nothing is shown twice in a window, nothing is lost count of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eisd.logs.fold import MAX_KEYS, Entry, Folds


def entry(n: int, key: str | None = "k") -> Entry:
    return Entry(30, {"n": n}, fold=key)


def test_first_at_once_then_one_line_a_window():
    """Ten repetitions are two lines: the first, and the latest with the number it hides."""
    folds = Folds(60)

    shown = [folds.admit(entry(n), n) for n in range(10)]

    assert shown == [True] + [False] * 9
    assert folds.due(59) == []
    assert [e.record for e in folds.due(60)] == [{"n": 9, "suppressed": 8}]


def test_a_quiet_window_says_nothing():
    """A key that was not repeated is forgotten; its next event is a first one."""
    folds = Folds(60)
    folds.admit(entry(1), 0)

    assert folds.due(60) == []
    assert folds.next_due() is None
    assert folds.admit(entry(2), 61)


def test_a_summary_opens_the_next_window():
    """An endless repetition is one line a window, not two."""
    folds = Folds(60)
    folds.admit(entry(0), 0)
    folds.admit(entry(1), 1)
    folds.due(60)

    assert not folds.admit(entry(2), 61)
    assert [e.record for e in folds.due(120)] == [{"n": 2}]


def test_keys_do_not_fold_into_each_other():
    """Another mailbox, another key; no key, no folding."""
    folds = Folds(60)

    assert [folds.admit(entry(0, k), 0) for k in ("a", "b", None, None)] == [True] * 4


def test_memory_is_bounded():
    """More keys than it may remember close the oldest windows early."""
    folds = Folds(60)
    for n in range(MAX_KEYS + 50):
        folds.admit(entry(n, str(n)), 0)
    folds.due(1)

    assert len(folds._open) == MAX_KEYS


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 30)), max_size=60))
def test_every_event_is_shown_or_counted(steps):
    """Shown lines and their `suppressed` add up to the events, whatever the times."""
    folds, now, total = Folds(10), 0.0, 0
    for key, rest in steps:
        now += rest
        total += sum(1 + e.record.get("suppressed", 0) for e in folds.due(now))
        total += folds.admit(entry(0, str(key)), now)
    total += sum(1 + e.record.get("suppressed", 0) for e in folds.due(float("inf")))

    assert total == len(steps)
