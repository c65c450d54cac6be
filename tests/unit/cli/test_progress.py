"""Progress: a line for whoever watches, and nothing for whoever does not."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from eisd.cli import progress
from eisd.errors import UserError


class Terminal(io.StringIO):
    """A terminal as far as programs ask."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("done", "total", "line"),
    [
        (0, 0, "sales, 3s"),
        (0, 48, "sales [------------------------] 0 of about 48, 3s"),
        (24, 48, "sales [############------------] 24 of about 48, 3s"),
        (99, 48, "sales [########################] 99 of about 48, 3s"),
    ],
)
def test_a_bar(done, total, line):
    """Its length says how much is done; where nobody knows there is none."""
    assert progress.bar("sales", done, total, 3.0) == line


def test_it_is_shown_on_a_terminal_and_taken_away(monkeypatch):
    """The line is written over itself, and erased at the end; what fails meanwhile is no matter."""
    monkeypatch.setattr(progress, "EVERY", 0.001)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 1:
            raise UserError("not yet")
        return "sales", 1, 2

    with progress.shown(look):
        while terminal.getvalue().count("sales") < 2:
            threading.Event().wait(0.001)

    assert terminal.getvalue().startswith("\r\x1b[Ksales [")
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_nothing_is_shown_into_a_pipe(monkeypatch):
    """Not even a look is taken."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    def look():
        raise AssertionError("nobody watches")

    with progress.shown(look):
        pass

    assert sys.stderr.getvalue() == ""


def test_mailboxes_are_measured_by_their_largest_backlog():
    """What is left of the most that was ever left; the mailbox that works is named."""
    left = [30, 10, 0]
    look = progress.of_mailboxes(
        lambda: [{"name": "sales", "backlog": left.pop(0)}, {"name": "other", "backlog": 7}],
        "sales",
    )

    assert [look() for _ in range(3)] == [("sales", 0, 30), ("sales", 20, 30), ("looking", 30, 30)]
