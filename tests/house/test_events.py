"""The log's promises that no linter keeps: one emitter, known events, a current reference."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import eisd
from eisd import events
from eisd.events import CATALOGUE, EventSpec
from eisd.logs import reference

ROOT = Path(eisd.__file__).parents[1]
OURS = sorted([*ROOT.glob("eisd/**/*.py"), *ROOT.glob("drivers/**/*.py")])
LOGGERS = {"logging", "structlog", "warnings"}
SILENCES = {"eisd/wire/imap_protocol.py"}
"""Modules that import logging only to keep a library quiet."""


def test_the_reference_equals_the_catalogue():
    """docs/reference/events.md is what `python -m eisd.logs.reference` prints."""
    assert (ROOT / "docs/reference/events.md").read_text() == reference.render()


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
