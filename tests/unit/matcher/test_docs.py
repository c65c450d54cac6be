"""The table of rules in docs/reference/matching.md is complete and names real tests."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve()
PAGE = HERE.parents[3] / "docs" / "reference" / "matching.md"
COUNTS = {
    "O": 5, "Q": 1, "N": 8, "Z": 1, "S": 5, "F": 8, "I": 5, "G": 9, "M": 15,
    "C": 4, "U": 3, "K": 4, "T": 2, "H": 2, "V": 1, "E": 1, "L": 1,
}  # fmt: skip


def rows() -> dict[str, str]:
    found = re.findall(r"^\| ([A-Z]\d+) \|(.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == len(dict(found)), "a rule has two rows"
    return dict(found)


def in_tests() -> set[str]:
    """Give the rules that a unit test names."""
    files = HERE.parents[1].glob("*/test_*.py")
    text = "\n".join(path.read_text("utf-8") for path in files)
    found = re.findall(r"^(?:async )?def test_([a-z]\d+)_", text, re.MULTILINE)
    return {rule.upper() for rule in found}


def test_every_rule_has_a_row():
    """No number is missing and none is made up."""
    every = {f"{letter}{n}" for letter, count in COUNTS.items() for n in range(1, count + 1)}

    assert set(rows()) == every


def test_the_tests_column_is_true():
    """A row names test_x_* exactly if there are such tests."""
    named = {rule for rule, row in rows().items() if f"`test_{rule.lower()}_*`" in row}

    assert named == in_tests()


def test_a_rule_of_the_matcher_without_tests_is_due_later():
    """A row that points at the matcher has tests."""
    for rule, row in rows().items():
        assert "`matcher." not in row or f"test_{rule.lower()}_" in row, rule
