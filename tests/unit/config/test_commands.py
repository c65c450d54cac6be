"""The commands `eisd config` and `eisd init`: what they print where, and their exit codes."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from eisd.cli import config as commands
from eisd.cli.main import run
from eisd.config.load import load
from eisd.driver.memory import MemoryDriver
from eisd.driver.memory_mailbox import MemoryMailbox
from eisd.driver.registry import registry_of

SALES = '[mailboxes.sales]\naddress = "sales@example.org"\ndriver = "memory"\n'


class Driver(MemoryDriver):
    """The memory driver, with a table that may hold a password."""

    def options(self, table, *, address):
        return super().options({k: v for k, v in table.items() if k != "memory"}, address=address)

    def outlet(self, options):
        """Mail only comes in."""
        del options


@pytest.fixture(autouse=True)
def mailbox(monkeypatch: pytest.MonkeyPatch) -> MemoryMailbox:
    """The memory driver is the only one installed, with one mailbox."""
    mailbox = MemoryMailbox()
    registry = registry_of(Driver({"sales@example.org": mailbox}))
    monkeypatch.setattr(commands, "installed", lambda: registry)
    return mailbox


def test_check_is_silent_on_stdout_when_all_is_well(write, capsys):
    """A sound configuration: 0, nothing on stdout, one line on stderr."""
    path = write(SALES)

    assert run(["-c", str(path), "config", "check"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{path}: ok, 1 file, 1 mailbox\n"


def test_check_prints_every_problem_and_answers_78(write, capsys):
    """Problems are the command's data; the count of them is talk."""
    path = write('log.level = "infoo"\nlog.fromat = "json"', b="[databse]")

    assert run(["-c", str(path), "config", "check"]) == 78
    out, err = capsys.readouterr()
    assert out.count(": error: ") == 3
    assert err == "3 errors in 2 files\n"


def test_check_speaks_json_lines(write, capsys):
    """One object a line with the fields machines need."""
    path = write('log.level = "infoo"')

    assert run(["-c", str(path), "config", "check", "--format", "json"]) == 78
    problem = json.loads(capsys.readouterr().out)
    assert problem.keys() == {
        "file", "line", "column", "key", "code", "message", "hint", "severity",
    }  # fmt: skip


def test_check_speaks_to_editors(write, capsys):
    """file:line:column: severity: on one line each."""
    path = write('log.level = "infoo"\nx = 1')

    assert run(["-c", str(path), "config", "check", "--format", "gcc"]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == [f"{path}:1:5:", f"{path}:2:1:"]


def test_strict_check_refuses_warnings(write, capsys):
    """A warning is printed and passes; with --strict it is refused."""
    path = write(SALES + 'shared_with = ["bob"]')

    assert run(["-c", str(path), "config", "check"]) == 0
    assert "warning: without effect" in capsys.readouterr().out
    assert run(["-c", str(path), "config", "check", "--strict"]) == 78


def test_an_unknown_driver_is_a_problem_of_the_configuration(write, capsys):
    """The driver's own judgement is part of the check, at its place."""
    path = write(SALES.replace('"memory"', '"memroy"'))

    assert run(["-c", str(path), "config", "check"]) == 78
    out = capsys.readouterr().out
    assert f"{path}:3:1: error: no driver is called 'memroy'" in out
    assert "did you mean 'memory'?" in out


def test_a_missing_file_is_66(tmp_path, capsys):
    """No configuration: said with the command that writes one."""
    assert run(["-c", str(tmp_path / "no.toml"), "config", "check"]) == 66
    assert "eisd init" in capsys.readouterr().err


def test_show_prints_toml(write, capsys):
    """What is given, everything, or what is built in."""
    path = write(SALES + "[log]\nlevel = 'debug'")

    assert run(["-c", str(path), "config", "show"]) == 0
    given = tomllib.loads(capsys.readouterr().out)
    assert run(["-c", str(path), "config", "show", "--all"]) == 0
    everything = tomllib.loads(capsys.readouterr().out)
    assert run(["config", "show", "--defaults"]) == 0
    defaults = tomllib.loads(capsys.readouterr().out)
    assert given["log"] == {"level": "debug"}
    assert everything["log"]["format"] == "auto"
    assert defaults["log"]["level"] == "info"
    assert defaults["mailboxes"] == {}


def test_show_says_origins(write, capsys):
    """As comments in TOML, as a table of keys in JSON."""
    path = write("[log]\nlevel = 'debug'")

    assert run(["-c", str(path), "config", "show", "--origin"]) == 0
    assert f'level = "debug"  # {path}:2\n' in capsys.readouterr().out
    assert run(["-c", str(path), "config", "show", "--origin", "--all", "--json"]) == 0
    origins = json.loads(capsys.readouterr().out)
    assert origins["log.level"] == f"{path}:2"
    assert origins["log.format"] == "default"


def test_set_and_unset(write, capsys):
    """A key is set, and unset; what was not set answers no."""
    path = write(SALES)

    assert run(["-c", str(path), "config", "set", "mailboxes.sales.window", "3m"]) == 0
    assert str(load(path).settings.mailboxes["sales"].window) == "3m"
    assert run(["-c", str(path), "config", "unset", "mailboxes.sales.window"]) == 0
    assert run(["-c", str(path), "config", "unset", "mailboxes.sales.window"]) == 1
    assert run(["-c", str(path), "config", "set", "mailboxes.sales.windwo", "3m"]) == 78
    assert capsys.readouterr().out == ""


def test_schema_is_json(capsys):
    """The JSON Schema needs no configuration."""
    assert run(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["log"]


def test_online_check_logs_in(write, capsys, mailbox, monkeypatch):
    """--online connects to every enabled mailbox, shows each step, and answers 1 on a failure."""
    path = write(SALES + 'memory.password = { env = "PW" }')

    monkeypatch.setenv("PW", mailbox.password)
    assert run(["-c", str(path), "config", "check", "--online"]) == 0
    assert capsys.readouterr().out.split()[:4] == ["sales", "auth", "password", "ok"]
    monkeypatch.setenv("PW", "wrong")
    assert run(["-c", str(path), "config", "check", "--online"]) == 1
    assert "the password is wrong" in capsys.readouterr().out
    monkeypatch.delenv("PW")
    assert run(["-c", str(path), "config", "check", "--online"]) == 1
    assert "mailbox sales, memory.password: " in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "show", "set", "unset", "schema"])
def test_every_help_page_opens_with_an_example(command, capsys):
    """-h begins with a line that can be typed."""
    assert run(["config", command, "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Example: eisd config {command}")


def test_init_prepares_a_directory_and_does_no_harm_twice(tmp_path, capsys):
    """Configuration, state, database and keys; a second run keeps them all."""
    home = tmp_path / "mail"

    assert run(["init", "--dir", str(home)]) == 0
    out, err = capsys.readouterr()
    path = home / "config.toml"
    assert out == f"eisd -c {path} mailbox add you@example.org\n"
    assert err.count("created") == 3
    paths = load(path).settings.paths
    assert paths.database == home / "state/eisd.db"
    assert paths.database.exists()
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE(paths.state_dir.stat().st_mode) & 0o007 == 0

    path.write_text(path.read_text() + "# mine\n")
    assert run(["init", "--dir", str(home)]) == 0
    assert capsys.readouterr().err.count("kept") == 3
    assert path.read_text().endswith("# mine\n")


def test_init_says_where_it_may_not_write(tmp_path, capsys):
    """A place that cannot be made: 73."""
    (tmp_path / "file").touch()

    assert run(["-c", str(tmp_path / "file/config.toml"), "init"]) == 73
    assert "--dir" in capsys.readouterr().err


def test_init_does_not_prepare_for_a_refused_configuration(write, capsys):
    """An existing configuration is judged before anything is created."""
    path = write("[daemon]\nstate_dirr = 'x'")

    assert run(["-c", str(path), "init"]) == 78
    assert "did you mean 'state_dir'?" in capsys.readouterr().err
    assert [found.name for found in Path(path).parent.iterdir()] == ["config.toml"]
