"""Every exit code of the contract, from a command line that ends with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eisd.cli import main, reference
from eisd.cli import workspace as any_command
from eisd.errors import ExitCode, ProtocolError
from eisd.store.database import exclusive

Ended = Callable[..., int]


@pytest.fixture
def eisd(tmp_path: Path) -> Ended:
    """Run a command on a configuration of its own, without a daemon."""
    config = tmp_path / "config.toml"
    config.write_text('[daemon]\nstate_dir = "state"\n', encoding="utf-8")
    return lambda *argv: main.run([*map(str, argv), "-c", str(config)])


def test_yes_is_0_and_no_is_1(eisd):
    """A command that did it ends with 0, one whose answer is no with 1."""
    assert eisd("workspace", "list") == ExitCode.OK == 0
    assert eisd("explain", "<nobody@example.org>") == ExitCode.NO == 1
    assert eisd("explain", "<a/b@example.org>") == ExitCode.NO  # no path, for all its slash


def test_mistakes_of_the_caller(eisd, tmp_path):
    """64 usage, 65 bad data, 66 no input, 67 nobody of that name, 78 configuration."""
    rows = tmp_path / "people.csv"
    rows.write_text("id,name,emails\n1,Ada,no address\n", encoding="utf-8")

    assert eisd("status", "--no-such-option") == ExitCode.USAGE == 64
    assert eisd("contacts", "import", rows) == ExitCode.DATA == 65
    assert eisd("contacts", "import", tmp_path / "missing.csv") == ExitCode.NO_INPUT == 66
    assert eisd("mailbox", "show", "nobody") == ExitCode.UNKNOWN == 67
    (tmp_path / "config.toml").write_text("[daemon]\nnonsense = 1\n", encoding="utf-8")
    assert eisd("status") == ExitCode.CONFIG == 78


def test_what_is_not_there_or_not_free(eisd, tmp_path):
    """69 no daemon, 73 nothing can be made there, 74 a database that is none, 75 it is in use."""
    database = tmp_path / "state/eisd.db"

    assert eisd("reload") == ExitCode.UNAVAILABLE == 69
    assert eisd("workspace", "list") == 0
    assert eisd("backup", tmp_path / "missing" / "copy.db") == ExitCode.CANT_CREATE == 73
    with exclusive(database):
        assert eisd("contacts", "add", "1", "--email", "a@x.test") == ExitCode.TRY_LATER == 75
    database.write_bytes(b"no database" * 500)
    assert eisd("workspace", "list") == ExitCode.IO == 74


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("a mistake of ours"), ExitCode.BUG),
        (ProtocolError("no IMAP"), ExitCode.PROTOCOL),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_what_strikes_a_command(eisd, monkeypatch, error, code):
    """70 our mistake, 76 a remote's, 130 Ctrl-C; refused credentials (77) want a real server."""

    def strike(*_: object) -> None:
        raise error

    monkeypatch.setattr(any_command, "read", strike)

    assert eisd("workspace", "list") == code


def test_the_page_has_every_code():
    """The reference's table is the enumeration, no more and no less."""
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", reference.HEAD, re.MULTILINE)]

    assert told == sorted(ExitCode)
