"""What the documents say is there: commands, keys, events, states, files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import eisd
from eisd.cli.root import COMMANDS, root
from eisd.config.schema import Settings
from eisd.errors import ExitCode
from eisd.events import CATALOGUE, Level
from eisd.model.activity import Outcome
from eisd.model.mailbox import MailboxState, Reason

ROOT = Path(eisd.__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]
)
TROUBLE = (ROOT / "docs/troubleshooting.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(page: str) -> Iterator[list[str]]:
    """The words of every `eisd` command line that a page shows, in a block or in a sentence."""
    for language, block in FENCE.findall(page):
        if language == "sh":
            for line in block.splitlines():
                if line.startswith("eisd "):
                    yield shlex.split(line, comments=True)
    for span in re.findall(r"`(eisd [^`\n]+)`", FENCE.sub("", page)):
        yield span.split()


def find(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and the words that are left for it."""
    command: click.Command = root
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        below = command.get_command(click.Context(command), rest[0])
        assert below is not None, f"there is no command: {' '.join(words)}"
        command, rest = below, rest[1:]
    return command, rest


def test_the_generated_pages_are_current():
    """Configuration, events and states are what `make docs` writes."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_begins_with_the_demo():
    """A newcomer's first block is the demo, the second the tests, and the Makefile has both."""
    blocks = [
        body for language, body in FENCE.findall((ROOT / "README.md").read_text()) if language
    ]
    assert blocks[:2] == ["make demo\n", "make test\n"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:.*\n(?:\t.*\n)*\t\$\(BIN\)/eisd demo$", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_and_options_that_are_shown_exist(page):
    """Every `eisd` line in a document names a command, and options that it has."""
    for words in commands(page.read_text()):
        command, rest = find(words)
        known = {option for param in command.params for option in param.opts}
        known |= {"-h", "--help", "-V", "--version"}
        for word in rest:
            option = word.partition("=")[0]
            if re.fullmatch(r"--?[a-z][a-z-]*", option):
                assert option in known, f"{option} is no option of: {' '.join(words)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name):
    """Each command stands in the reference of commands."""
    assert f"eisd {name}" in (ROOT / "docs/reference/cli.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page):
    """Every relative link of a document names a file that is there."""
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), f"{names(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_keys_that_are_named_exist(page):
    """A dotted key in a document, such as `sync.window`, is one of the schema."""
    tables = {
        name: field.annotation.model_fields
        for name, field in Settings.model_fields.items()
        if hasattr(field.annotation, "model_fields")
    }
    for table, key in re.findall(r"`([a-z]+)\.([a-z_]+)(?: = [^`]*)?`", page.read_text()):
        is_module = (ROOT / f"eisd/{table}/{key}.py").exists()
        if table in tables and f"{table}.{key}" not in CATALOGUE and not is_module:
            assert key in tables[table], f"{names(page)}: {table}.{key}"


def test_every_key_is_in_the_reference():
    """Each table of the schema has its heading, each of its keys a row."""
    text = (ROOT / "docs/reference/configuration.md").read_text()
    for name, field in Settings.model_fields.items():
        for key in getattr(field.annotation, "model_fields", ()):
            assert f"`{key}`" in text, f"{name}.{key}"


@pytest.mark.parametrize(
    "name", [name for name, spec in CATALOGUE.items() if spec.level >= Level.ERROR]
)
def test_every_error_event_has_its_remedy(name):
    """An event that needs a person stands among the troubles."""
    assert f"`{name}`" in TROUBLE


@pytest.mark.parametrize(
    "state", [s for s in MailboxState if s not in {"starting", "connecting", "idle"}]
)
def test_every_state_that_worries_is_explained(state):
    """What a person may wonder about in `eisd status` stands among the troubles."""
    assert f"`{state}`" in TROUBLE


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.QUOTA])
def test_every_reason_of_a_problem_is_explained(reason):
    """Each reason why a mailbox needs a person stands among the troubles."""
    assert f"reason `{reason}`" in TROUBLE


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_told(outcome):
    """The page on how it works names each outcome of a copy."""
    assert f"`{outcome}`" in (ROOT / "docs/how-it-works.md").read_text()


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_told(code):
    """The table of exit codes is complete."""
    assert f"\n| {int(code)} | " in TROUBLE
