"""What a command has to wait for: modules that take long to import are for those who need them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio", "cryptography", "fastapi", "httpx", "jinja2", "pydantic", "sqlite3", "structlog",
}  # fmt: skip
ASK = """
import importlib
import sys
from pathlib import Path
from eisd.cli.client import Unavailable
from eisd.cli.context import Context

importlib.import_module("eisd.cli." + sys.argv[1])
try:
    Context(Path(sys.argv[2])).client().get("/status")
except Unavailable as error:
    assert error.absent
"""
CONFIG = """
[daemon]
state_dir = "state"
[mailboxes.sales]
address = "sales@example.org"
"""


def heavy(code: str, *arguments: str) -> set[str]:
    """Which of the slow modules a process has imported after ``code``."""
    command = [sys.executable, "-c", f"{code}\nprint(*sys.modules)", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["status", "activities", "contacts", "outbox", "mailbox"])
def test_a_command_that_asks_the_daemon_needs_little(module, tmp_path):
    """What finds the daemon's socket and speaks to it is the standard library's, but for click."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG, encoding="utf-8")

    assert heavy(ASK, module, str(config)) == set()
