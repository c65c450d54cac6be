"""The root of the command line: cheap to start, and every error ends as a sentence and a code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from eisd import __version__, errors
from eisd.cli import main
from eisd.cli.base import Command, Group
from eisd.cli.context import Context
from eisd.cli.errors import DRIVER_CODES, handle
from eisd.cli.root import COMMANDS, root
from eisd.errors import ExitCode

PROBE = """
import sys
from eisd.cli.main import run
code = run(sys.argv[1:])
heavy = {"click", "pydantic", "structlog", "httpx", "sqlite3", "asyncio", "fastapi"}
print(code, sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""


def probe(*argv: str) -> tuple[str, str]:
    """Run a command line in a process of its own; what it wrote, and what it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *argv], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.splitlines()[-1]


def test_version_imports_nothing():
    """`eisd --version` is answered before click, pydantic or asyncio are imported."""
    assert probe("--version") == (f"eisd {__version__}\n", "0 []")


LEAVING = """
import atexit, sys, threading
from eisd.cli import main
def run(argv):
    threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
    atexit.register(print, "function")
    return int(argv[0])
main.run = run
class Left:
    def __del__(self):
        print("taken apart")
left = Left()
main.main()
"""


def test_leaving_waits_for_all_but_the_interpreter():
    """Threads and exit functions come to their end, what they print is seen, the code is kept."""
    command = [sys.executable, "-c", LEAVING, "69"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (69, "thread\nfunction\n", "")


def test_a_full_device_is_not_passed_over():
    """Output that waits in a buffer and cannot be written is an error at the end."""
    command = [sys.executable, "-m", "eisd", "--version"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=env, check=False)

    assert done.returncode != 0
    assert b"No space left" in done.stderr


def test_help_imports_click_alone():
    """The list of commands comes from a table: no command's module is imported for it."""
    out, imported = probe("--help")

    assert all(name in out for name in COMMANDS)
    assert imported == "0 ['click']"


def test_a_misspelt_command_is_recognised(capsys):
    """A usage error names what is spelt alike, and exits 64."""
    assert main.run(["statsu"]) == ExitCode.USAGE
    assert "Did you mean 'status'?" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys):
    """Usage errors point at the page that helps; nothing goes to stdout."""
    assert main.run(["--nope"]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert "See: eisd --help" in captured.err
    assert captured.out == ""


def test_no_command_is_a_usage_error(capsys):
    """`eisd` alone shows its page on stderr and exits 64."""
    assert main.run([]) == ExitCode.USAGE
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UserError("no such mailbox", code=ExitCode.UNKNOWN), 67),
        (errors.ConfigError("config.toml:3:1: error: x"), 78),
        (errors.Transient("later"), 75),
        (errors.AuthRejected("no"), 77),
        (errors.Misconfigured("bad certificate", code="tls"), 78),
        (errors.ProtocolError("nonsense"), 76),
        (errors.StoreError("disk I/O error"), 74),
        (FileNotFoundError(2, "No such file or directory", "people.csv"), 74),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ZeroDivisionError("division by zero"), 70),
        (BaseExceptionGroup("tasks", [errors.AuthRejected("no")]), 77),
        (SystemExit(3), 3),
    ],
)
def test_every_error_has_its_exit_code(error, code):
    """The exit codes are those of the contract."""
    assert handle(error) == code


def test_every_driver_error_has_a_code():
    """A new class of driver error must be given its exit code."""
    assert set(DRIVER_CODES) == set(errors.DriverError.__subclasses__())


def test_a_user_error_is_its_sentence_and_its_hint(capsys):
    """The sentence, then the way out; no traceback."""
    handle(errors.UserError("unknown mailbox 'sale'", hint="Did you mean 'sales'?"))

    assert capsys.readouterr().err == "eisd: unknown mailbox 'sale'\nDid you mean 'sales'?\n"


def test_a_bug_says_so_and_hides_its_traceback(capsys, monkeypatch):
    """Our own mistake is called one; EISD_DEBUG shows the traceback."""
    handle(ZeroDivisionError("x"))
    quiet = capsys.readouterr().err
    monkeypatch.setenv("EISD_DEBUG", "1")
    handle(ZeroDivisionError("x"))
    loud = capsys.readouterr().err

    assert "bug in eisd" in quiet
    assert "ZeroDivisionError: x" in quiet
    assert quiet in loud
    assert len(loud) > len(quiet)


def test_an_error_cannot_steer_the_terminal(capsys):
    """A server's words are shown with their controls escaped."""
    handle(errors.Rejected("\x1b]0;owned\x07 no"))

    assert capsys.readouterr().err == "eisd: \\u001b]0;owned\\u0007 no\n"


def shell(command: str) -> tuple[int, str]:
    """Run a shell command in which ``eisd`` is this one; exit code and stderr."""
    done = subprocess.run(
        ["bash", "-c", f"eisd() {{ '{sys.executable}' -m eisd \"$@\"; }}; {command}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(main.__file__).parents[2],
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    )
    return done.returncode, done.stderr


def test_a_reader_that_leaves_is_no_error():
    """`eisd ... | head -c 1` ends quietly."""
    code, err = shell("set -o pipefail; { sleep 0.2; eisd --help; } | true")

    assert (code, err) == (0, "")


def test_a_full_disk_is_an_error():
    """Output that cannot be written exits 74 with a sentence."""
    assert shell("eisd --help >/dev/full") == (
        74,
        "eisd: No space left on device\nmake room on that disk, then do it again\n",
    )


@click.group(cls=Group, examples=["tool show"])
def tool() -> None:
    """A tool."""


@tool.command(examples=["tool show x", "tool show y"])
@click.pass_obj
def show(context: Context) -> ExitCode:
    """Show the configuration's path."""
    click.echo(context.config_path)
    return ExitCode.NO


@pytest.mark.parametrize(
    "argv", [["-c", "a.toml", "show"], ["show", "-c", "a.toml"], ["show", "--config=a.toml"]]
)
def test_the_configuration_may_be_named_anywhere(argv, capsys):
    """`-c` works before and after the command, and the command's answer is the exit code."""
    assert tool.main(argv, standalone_mode=False) == ExitCode.NO
    assert capsys.readouterr().out == "a.toml\n"


def test_a_page_opens_with_examples(capsys):
    """The first thing a help page shows is an example; the shared option is not repeated."""
    tool.main(["show", "--help"], standalone_mode=False)
    page = capsys.readouterr().out

    assert page.startswith("Example: tool show x\n         tool show y\n\nUsage: ")
    assert "--config" not in page


def test_the_root_page_documents_the_shared_option(capsys):
    """`-c` is explained once, on the root's page."""
    assert main.run(["-h"]) == 0
    assert "-c, --config FILE" in capsys.readouterr().out


def test_commands_are_of_our_class():
    """What is declared below the root opens with an example."""
    assert root.command_class is Command
