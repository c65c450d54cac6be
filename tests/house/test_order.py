"""How the house is kept: what can be read in one sitting, in the words of the glossary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

import eisd
from eisd import events
from eisd.events import EventSpec

ROOT = Path(eisd.__file__).parents[1]
OURS = (*sorted([*ROOT.glob("eisd/**/*.py"), *ROOT.glob("drivers/**/*.py")]),)
EVERYTHING = (*OURS, *sorted(ROOT.glob("tests/**/*.py")))
LINES, FUNCTION = 400, 60
SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|INSERT\s(OR\s\w+\s)?INTO\s|UPDATE\s\w+\sSET\s|DELETE\sFROM\s"
    r"|CREATE\s(TABLE|VIEW|INDEX|TEMP)\s|PRAGMA\s\w)",
    re.DOTALL,
)


@cache
def trees(paths: Sequence[Path]) -> list[tuple[Path, ast.Module]]:
    """Each module with what it says."""
    return [(p.relative_to(ROOT), ast.parse(p.read_text(encoding="utf-8"))) for p in paths]


def names(tree: ast.AST) -> Iterator[str]:
    """Every identifier of a module: what it defines, uses, takes and imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
            case _:
                pass


def texts(tree: ast.Module) -> Iterator[str]:
    """Every string of a module but its docstrings."""
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped:
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(v.value if isinstance(v, ast.Constant) else "x" for v in node.values)


def test_a_module_is_read_in_one_sitting():
    """None has more than 400 lines."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in OURS
        if (count := path.read_text(encoding="utf-8").count("\n")) > LINES
    }

    assert long == {}


def test_a_function_is_seen_at_a_glance():
    """None has more than 60 lines, most have fewer than 15."""
    sizes = {
        f"{path}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, tree in trees(OURS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: size for name, size in sizes.items() if size > FUNCTION} == {}
    assert sorted(sizes.values())[len(sizes) // 2] < 15


def test_we_say_mailbox():
    """`account` is nobody's name: it means three things in mail (DESIGN: words)."""
    found = {
        f"{path}: {name}"
        for path, tree in trees(EVERYTHING)
        for name in names(tree)
        if "account" in name.lower()
    }

    assert found == set()


def test_nothing_is_left_to_do():
    """What is not done stands in a plan, not in a comment."""
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    pattern = re.compile(rf"\b({'|'.join(marks)})\b")
    found = [str(p) for p in EVERYTHING if pattern.search(p.read_text(encoding="utf-8"))]

    assert found == []


def test_every_module_class_and_test_says_what_it_is():
    """A docstring each, tests too: the claim."""
    mute = [str(path) for path, tree in trees(EVERYTHING) if not ast.get_docstring(tree)]
    mute += [
        f"{path}:{node.name}"
        for path, tree in trees(EVERYTHING)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert mute == []


def test_sql_is_spoken_in_the_store_alone():
    """No other layer knows that there is a database, so that another can take its place."""
    found = {
        f"{path}: {text.split(chr(10))[0][:60]}"
        for path, tree in trees(OURS)
        if path.parts[1] not in {"store", "demo"} and path.name != "demo.py"  # reads as a CRM does
        for text in texts(tree)
        if SQL.match(text)
    }

    assert found == set()


def test_nobody_imports_sqlite_but_the_store():
    """Wherever the import stands, types and all."""
    found = {
        str(path)
        for path, tree in trees(OURS)
        if path.parts[:2] != ("eisd", "store")
        for name in names(tree)
        if name.split(".")[0] in {"sqlite3", "sqlite_utils"}
    }

    assert found == set()


def test_nothing_that_serves_mailboxes_sleeps():
    """A thread of the daemon's that waits has something to wait for; commands may doze."""
    found = {
        f"{path}:{node.lineno}"
        for path, tree in trees(OURS)
        if path.parts[1] not in {"cli", "demo", "logs"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    }

    assert found == set()


@cache
def said() -> set[str]:
    """Names of events that some module speaks of, the catalogue itself apart."""
    return {
        name
        for path, tree in trees(OURS)
        if path not in {Path("eisd/events.py"), Path("eisd/event_sending.py")}
        for name in (*names(tree), *texts(tree))
    }


@pytest.mark.parametrize(
    "constant", [name for name, value in vars(events).items() if isinstance(value, EventSpec)]
)
def test_every_event_is_said_somewhere(constant: str):
    """The reference describes no line that never comes."""
    spec = getattr(events, constant)
    spoken = said()

    assert constant in spoken or spec.name in spoken
