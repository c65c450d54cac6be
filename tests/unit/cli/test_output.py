"""What commands print."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisd.cli import output
from eisd.model.mailbox import MailboxState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_table_is_aligned_and_plain(capsys):
    """Columns are aligned by what a terminal shows; no colour goes into a pipe."""
    output.table(
        ["MAILBOX", "BACKLOG", "NOTE"],
        [["sales", 0, None], ["株式会社", 12_345, "a\x1b[31mb"]],
        right={"BACKLOG"},
        colour={"sales": "green"},
    )

    assert capsys.readouterr().out == (
        "MAILBOX   BACKLOG  NOTE\nsales           0  -\n株式会社    12345  a\\u001b[31mb\n"
    )


def test_a_table_fits_its_terminal(monkeypatch):
    """On a terminal a line is cut where the terminal ends."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(["SUBJECT"], [["x" * 50]])

    assert terminal.getvalue().splitlines()[1] == "x" * 19 + "…"


@pytest.mark.parametrize(
    ("environ", "stream", "wanted"),
    [
        ({}, Terminal(), True),
        ({}, io.StringIO(), False),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"TERM": "dumb"}, Terminal(), False),
    ],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, environ, stream, wanted):
    """Pipes, NO_COLOR and TERM=dumb get none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert output.colours(stream) is wanted
    assert ("\x1b" in output.paint("x", "red", stream=stream)) is wanted


@dataclass
class Row:
    at: datetime
    state: MailboxState


def test_json_is_for_programs(capsys):
    """Times are RFC 3339 UTC, enumerations their values, lists one object a line."""
    at = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=1)))
    output.print_json({"rows": [Row(at, MailboxState.IDLE)], "path": Path("/x"), "none": None})
    output.print_json_lines([{"a": 1}, {"ä": {2}}])

    first, *rest = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "rows": [{"at": "2026-11-22T00:00:00.000Z", "state": "idle"}],
        "path": "/x",
        "none": None,
    }
    assert rest == [{"a": 1}, {"ä": [2]}]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (1.23, "1.2s"),
        (38, "38s"),
        (60, "1m"),
        (250, "4m 10s"),
        (3600, "1h"),
        (3605, "1h"),
        (273_600, "3d 4h"),
        (-4, "-4s"),
    ],
)
def test_durations_in_two_units(seconds, shown):
    """The two largest units say enough."""
    assert output.duration(seconds) == shown


def test_ago_reads_what_the_database_writes():
    """Times of the views become distances; no time is a dash."""
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert output.ago("2026-11-21T22:00:00.000Z", now=now) == "2h ago"
    assert output.ago(now, now=now) == "now"
    assert output.ago(None) == "-"


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, "0 B"), (512, "512 B"), (1_100_000, "1.1 MB"), (212_000_000, "212 MB"), (1000, "1 kB")],
)
def test_sizes(octets, shown):
    """Sizes in powers of 1000."""
    assert output.size(octets) == shown


@given(st.text())
def test_safe_text_is_printable(text):
    """Nothing that comes from mail steers a terminal."""
    shown = output.safe(text)

    shown.encode()
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in shown)
