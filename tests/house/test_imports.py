"""What a command has to wait for: modules that take long to import are for those who need them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio", "cryptography", "fastapi", "httpx", "jinja2", "pydantic", "sqlite3", "structlog",
}  # fmt: skip
LATER = {
    "aiosmtplib", "dns", "email.policy", "fastapi", "httpx", "jinja2", "nh3", "prometheus_client",
    "sqlite_utils", "uvicorn", "eisd.api.actions", "eisd.daemon.serve", "eisd.mime.parse",
    "eisd.outbox.compose", "eisd.wire.smtp",
}  # fmt: skip
START = """
import sys
from eisd.daemon import run
run.discover()
"""
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


def imported(code: str, *arguments: str) -> set[str]:
    """The modules that a process has imported after ``code``."""
    command = [sys.executable, "-c", f"{code}\nprint(*sys.modules)", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["status", "activities", "contacts", "outbox", "mailbox"])
def test_a_command_that_asks_the_daemon_needs_little(module, tmp_path):
    """What finds the daemon's socket and speaks to it is the standard library's, but for click."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG, encoding="utf-8")

    packages = {name.partition(".")[0] for name in imported(ASK, module, str(config))}
    assert HEAVY & packages == set()


def test_a_start_imports_what_receives_mail_and_no_more():
    """The API, the parser, composing and SMTP are imported when they are used."""
    modules = imported(START)

    assert "eisd.wire.imap" in modules
    assert LATER & modules == set()
