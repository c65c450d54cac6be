"""Counting: from any thread, by label values, forgotten with the mailbox."""

from __future__ import annotations

import threading

import pytest

from eisd import metrics


@pytest.fixture(autouse=True)
def catalogue(monkeypatch):
    """A catalogue of its own, so that no test leaves a family behind."""
    monkeypatch.setattr(metrics, "CATALOGUE", {})


def test_a_counter_counts_by_label_values():
    """Each combination of values is a series; without labels there is one from the start."""
    one = metrics.Counter("fish_total", "Fish.", "kind")
    bare = metrics.Counter("nets_total", "Nets.")

    one.inc("eel")
    one.inc("eel", by=2)

    assert one.values() == {("eel",): 3}
    assert bare.values() == {(): 0}


def test_no_count_is_lost_between_threads():
    """Four threads counting at once come to the sum of what they counted."""
    one = metrics.Counter("fish_total", "Fish.", "kind")
    times = metrics.Histogram("cast_seconds", "Casts.", buckets=(1,))

    def work():
        for _ in range(2_000):
            one.inc("eel")
            times.observe(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert one.values() == {("eel",): 8_000}
    assert times.values() == {(): ([8_000, 0], 4_000.0)}


@pytest.mark.parametrize(("seconds", "at"), [(0.5, 0), (1, 0), (1.5, 1), (10, 1), (11, 2)])
def test_a_time_falls_into_the_first_bucket_that_holds_it(seconds, at):
    """Limits belong to their bucket (le), and what exceeds all goes to the last."""
    times = metrics.Histogram("cast_seconds", "Casts.", buckets=(1, 10))

    times.observe(seconds)

    [(counts, total)] = times.values().values()
    assert (counts.index(1), total) == (at, seconds)


def test_wrong_labels_are_a_mistake_of_ours():
    """Too many values, or too few, never become another series."""
    one = metrics.Counter("fish_total", "Fish.", "kind")

    with pytest.raises(TypeError):
        one.inc()


def test_a_mailbox_that_is_gone_takes_its_series_along():
    """Other mailboxes, and families without the label, keep theirs."""
    one = metrics.Counter("fish_total", "Fish.", "kind", "mailbox")
    other = metrics.Counter("nets_total", "Nets.", "net")
    one.inc("eel", "sales")
    one.inc("eel", "support")
    other.inc("sales")

    metrics.forget_mailbox("sales")

    assert one.values() == {("eel", "support"): 1}
    assert other.values() == {("sales",): 1}
