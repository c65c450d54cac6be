"""Every rule of docs/reference/matching.md names its tests, and they exist."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/reference/matching.md"


def rows() -> dict[str, str]:
    """The rules of the table, and what their rows say."""
    return dict(re.findall(r"^\| ([A-Z]\d+) \|(.*)\|$", PAGE.read_text("utf-8"), re.MULTILINE))


def named(row: str) -> list[str]:
    """The tests that a row names, with ``*`` for several."""
    return re.findall(r"`(test_[a-z0-9_]+\*?)`", row.rpartition("|")[2])


def test_every_rule_names_tests():
    """A rule that is not due later names at least one test in its last column."""
    without = [rule for rule, row in rows().items() if not named(row) and "*later*" not in row]

    assert without == []


def test_the_tests_that_rules_name_exist():
    """Every name in the last column is that of a test function, or matches some."""
    text = "\n".join(path.read_text("utf-8") for path in TESTS.glob("*/**/test_*.py"))
    known = set(re.findall(r"^(?:async )?def (test_[a-z0-9_]+)\(", text, re.MULTILINE))

    for rule, row in rows().items():
        for name in named(row):
            assert any(fnmatch(one, name) for one in known), (rule, name)
