"""Durations, sizes, windows, rates and listen addresses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.config.units import (
    Listen,
    Rate,
    WindowSpan,
    format_duration,
    format_size,
    is_loopback,
    parse_duration,
    parse_listen,
    parse_rate,
    parse_size,
    parse_window,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("1h30m", 5400), ("200ms", 0.2), ("1.5h", 5400), ("48h", 172800)],
)
def test_durations_are_seconds(text: str, seconds: float):
    """In a duration m is a minute, and units add up."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["", "5", "5 m", "m", "-5m", "5M", "1h 30m", "\u0663m", 300, 5.0, True]
)
def test_a_wrong_duration_is_answered_with_an_example(wrong: object):
    """What is no duration is refused with a sentence that shows some."""
    with pytest.raises(ValueError, match='"30s", "5m" or "1h30m"'):
        parse_duration(wrong)


@given(st.integers(1, 10**10))
def test_durations_round_trip(milliseconds: int):
    """A duration written by us is read as the same."""
    seconds = milliseconds / 1000

    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "days"),
    [("7d", 7), ("1m", 30), ("3m", 90), ("1y", 365), ("2w", 14), ("all", None), ("none", 0)],
)
def test_windows_are_days(text: str, days: int | None):
    """In a window m is a month of 30 days, and a year has 365."""
    assert parse_window(text).days == days


@given(st.one_of(st.none(), st.integers(0, 99999)))
def test_windows_round_trip(days: int | None):
    """A window written by us is read as the same."""
    assert parse_window(str(WindowSpan(days))) == WindowSpan(days)


@pytest.mark.parametrize("wrong", ["", "1", "30s", "1.5m", "month", "-1d", 30, None])
def test_a_wrong_window_is_answered_with_an_example(wrong: object):
    """What is no window is refused with a sentence that shows some."""
    with pytest.raises(ValueError, match='"7d", "1m"'):
        parse_window(wrong)


def test_a_window_begins_days_before_now():
    """The begin is seen from a given instant; all has none."""
    now = datetime(2026, 11, 21, tzinfo=UTC)

    assert parse_window("7d").begin(now) == datetime(2026, 11, 14, tzinfo=UTC)
    assert parse_window("none").begin(now) == now
    assert parse_window("all").begin(now) is None


@pytest.mark.parametrize(
    ("text", "octets"),
    [("25MB", 25_000_000), ("512KiB", 524_288), ("1.5 GB", 1_500_000_000), ("7b", 7), ("0B", 0)],
)
def test_sizes_are_octets(text: str, octets: int):
    """MB counts by 1000, MiB by 1024, in any letter case."""
    assert parse_size(text) == octets


@given(st.integers(0, 10**12))
def test_sizes_round_trip(octets: int):
    """A size written by us is read as the same."""
    text = format_size(octets)

    assert text.endswith("B")
    if len(text) <= 10:
        assert parse_size(text) == octets


@pytest.mark.parametrize("wrong", ["", "25", "25 megabytes", "MB", 26, -1])
def test_a_wrong_size_is_answered_with_an_example(wrong: object):
    """What is no size is refused with a sentence that shows one."""
    with pytest.raises(ValueError, match="25MB"):
        parse_size(wrong)


@pytest.mark.parametrize(
    ("text", "rate"), [("30/m", Rate(30, 60)), ("500/h", Rate(500, 3600)), ("1/s", Rate(1, 1))]
)
def test_rates(text: str, rate: Rate):
    """A rate is a count in a span of time, and is written back as it came."""
    assert parse_rate(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize("wrong", ["30", "30/minute", "0/m", "/m", 31])
def test_a_wrong_rate_is_answered_with_an_example(wrong: object):
    """What is no rate is refused with a sentence that shows one."""
    with pytest.raises(ValueError, match="30/m"):
        parse_rate(wrong)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("unix:/run/eisd/api.sock", Listen(path="/run/eisd/api.sock")),
        ("127.0.0.1:8425", Listen(host="127.0.0.1", port=8425)),
        ("[::1]:0", Listen(host="::1", port=0)),
    ],
)
def test_listen_addresses(text: str, listen: Listen):
    """Sockets and ports are read, and written back as they came."""
    assert parse_listen(text) == listen
    assert str(listen) == text


@pytest.mark.parametrize("wrong", ["8425", ":8425", "unix:api.sock", "a:65536", "::1:8425", 8426])
def test_a_wrong_listen_address_is_answered_with_an_example(wrong: object):
    """What cannot be listened on is refused with a sentence that shows what can."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8425"):
        parse_listen(wrong)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("192.0.2.1", False),
    ],
)
def test_loopback_is_this_machine_and_no_other(host: str, answer: bool):
    """A name that only looks like this machine is not."""
    assert is_loopback(host) is answer
