"""The log's promises that no linter keeps: one emitter, known events, a current reference."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from lab.said import SAID_BY

import eisd
from eisd import events
from eisd.events import CATALOGUE, EventSpec, Level
from eisd.logs import catalog, reference

ROOT = Path(eisd.__file__).parents[1]
OURS = sorted([*ROOT.glob("eisd/**/*.py"), *ROOT.glob("drivers/**/*.py")])
LOGGERS = {"logging", "structlog", "warnings"}
SILENCES = {"eisd/wire/imap_protocol.py"}
"""Modules that import logging only to keep a library quiet."""


def test_the_reference_equals_the_catalogue():
    """docs/reference/events.md is what `python -m eisd.logs.reference` prints."""
    assert (ROOT / "docs/reference/events.md").read_text() == reference.render()


def test_the_journals_catalogue_is_current():
    """systemd/eisd.catalog is made from eisd/logs/catalog.py: make docs"""
    assert (ROOT / "systemd/eisd.catalog").read_text() == catalog.render()


def test_every_error_says_what_to_do():
    """Each event at level error or above has its text for `journalctl -x`."""
    errors = {name for name, spec in CATALOGUE.items() if spec.level >= Level.ERROR}

    assert errors - catalog.REMEDIES.keys() == set()


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="systemd is not installed")
def test_journalctl_reads_the_catalogue(tmp_path):
    """systemd's own parser finds every entry, by its id, with its headline and its text."""
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(ROOT / "systemd/eisd.catalog", folder)

    def journalctl(*argv: str) -> str:
        command = ["journalctl", f"--root={tmp_path}", "--no-pager", *argv]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    journalctl("--update-catalog")
    listed = journalctl("--list-catalog").splitlines()
    shown = journalctl("--dump-catalog", catalog.MESSAGE_IDS["auth.refused"])

    assert len(listed) == len(catalog.REMEDIES)
    assert {line.split()[0] for line in listed} == set(catalog.MESSAGE_IDS.values())
    assert "eisd mailbox reconnect" in shown


def imports(tree: ast.AST) -> set[str]:
    """The top-level names a module imports, wherever it does so."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_log_knows_a_logger(path):
    """No module outside eisd/logs imports logging or structlog, and none prints by itself."""
    tree = ast.parse(path.read_text())
    name = str(path.relative_to(ROOT))
    if not name.startswith("eisd/logs/") and name not in SILENCES:
        assert not imports(tree) & LOGGERS
    prints = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"
    ]
    assert prints == []


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_emitted_names_are_in_the_catalogue(path):
    """An event given as text is declared; one given as a constant exists."""
    constants = {name for name, value in vars(events).items() if isinstance(value, EventSpec)}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"emit", "logs.emit"}:
            event = node.args[0]
            if isinstance(event, ast.Constant):
                assert event.value in CATALOGUE
            elif isinstance(event, ast.Attribute) and ast.unparse(event.value) == "events":
                assert event.attr in constants


TESTS = "\n".join(
    path.read_text()
    for path in ROOT.glob("tests/*/**/test_*.py")
    if path.parent.name not in {"house", "bench"}
)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_event_is_brought_about_by_a_test(name):
    """One that looks for it by its name, or the one that tests/lab/said.py names for it."""
    if f'"{name}"' not in TESTS:
        assert name in SAID_BY, "write a test that looks for it"
        assert f"def {SAID_BY[name]}(" in TESTS
