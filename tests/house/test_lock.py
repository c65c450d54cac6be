"""What the packages are built from is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import eisd

ROOT = Path(eisd.__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ASKED = [
    Requirement(one)
    for one in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
]
ENTRY = re.compile(r"^(\S+?)==(\S+)(?: ; .*?)? \\\n((?: .*\n)+)", re.MULTILINE)
LOCKED = {name: (version, rest) for name, version, rest in ENTRY.findall(LOCK)}
AGAIN = "run: make lock"


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_every_dependency_is_locked_within_its_bounds(asked):
    """The lock has a version of each that pyproject.toml allows."""
    name = canonicalize_name(asked.name)

    assert name in LOCKED, AGAIN
    assert asked.specifier.contains(LOCKED[name][0]), AGAIN


def test_nothing_is_locked_that_nobody_asks_for():
    """What is said to be there for eisd itself stands in pyproject.toml."""
    ours = {
        name
        for name, (_, rest) in LOCKED.items()
        if re.search(r"via eisd|#   eisd", rest.replace("(pyproject.toml)", ""))
    }

    assert ours == {canonicalize_name(one.name) for one in ASKED}, AGAIN


def test_every_file_is_known_by_its_hash():
    """Each entry has at least one SHA-256, and every line of the lock belongs to an entry."""
    assert len(LOCKED) == len(re.findall(r"^[a-z0-9]", LOCK, re.MULTILINE))
    assert all("--hash=sha256:" in rest for _, rest in LOCKED.values())
