"""The installed `eisd`, driven as an operator drives it, against the lab's servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from lab.dovecot import PASSWORD, Dovecot
from lab.fixtures import certs, dovecot, start_dovecot, submission, user

__all__ = ["certs", "dovecot", "start_dovecot", "submission", "user"]

LIMIT = 180
"""Seconds a test may take: each starts the command many times, on a machine that may be busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here that have no limit of their own a longer one than unit tests have."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))


EISD = str(Path(sys.executable).with_name("eisd"))


class Site:
    """A configuration, its state, and the `eisd` processes on it; all gone at the end."""

    def __init__(self) -> None:
        # Short: a Unix socket's path has room for about a hundred characters.
        self.dir = Path(tempfile.mkdtemp(prefix="eisd-", dir="/tmp"))
        self.config = self.dir / "config.toml"
        self.database = self.dir / "state/eisd.db"
        self.secret = self.dir / "secret"
        self.secret.write_text(PASSWORD)
        self.secret.chmod(0o600)
        self._running: list[subprocess.Popen[bytes]] = []
        self.write("")

    def write(self, more: str) -> None:
        """The configuration: where state lies, and ``more``."""
        self.config.write_text(f'[daemon]\nstate_dir = "state"\n[metrics]\nlisten = []\n{more}\n')

    def mailbox(self, server: Dovecot, address: str, name: str = "sales", **other: Any) -> str:
        """The table of a mailbox on a server of the lab; ``other`` are keys of its imap table."""
        keys = {
            "host": server.host,
            "port": server.port_imaps,
            "password": {"file": "secret"},
            "ca_file": str(server.certs.ca_file),
        } | other
        shown = "\n".join(f"{key} = {_toml(value)}" for key, value in keys.items())
        return f'[mailboxes.{name}]\naddress = "{address}"\n[mailboxes.{name}.imap]\n{shown}\n'

    def connect(self, server: Dovecot, address: str) -> None:
        """A configuration with one mailbox, `sales`."""
        self.write(self.mailbox(server, address))

    def contacts(self, *rows: str) -> Path:
        """A file of contacts."""
        file = self.dir / "people.csv"
        file.write_text("\n".join(["id,name,emails", *rows]) + "\n")
        return file

    # Commands

    def eisd(self, *args: str | Path, given: str = "", seconds: float = 60) -> Any:
        """Run a command to its end."""
        return subprocess.run(
            [EISD, *map(str, args), "-c", str(self.config)],
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=_environment(),
        )

    def ok(self, *args: str | Path, given: str = "") -> str:
        """Run a command that must succeed; its stdout."""
        done = self.eisd(*args, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *args: str | Path) -> list[dict[str, Any]]:
        """The JSON Lines of a command that must succeed."""
        return [json.loads(line) for line in self.ok(*args, "--json").splitlines()]

    # The daemon

    def start(self, *args: str, ready: bool = True, **environ: str) -> subprocess.Popen[bytes]:
        """`eisd run`; returns once its API answers, if ``ready``."""
        with (self.dir / "log").open("ab") as log:
            process = subprocess.Popen(
                [EISD, "-c", str(self.config), "run", *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment() | environ,
            )
        self._running.append(process)
        if ready:
            self.until(lambda: '"daemon.ready"' in self.log() or process.poll() is not None)
            assert process.poll() is None, self.log()
        return process

    def log(self) -> str:
        """What the daemons wrote so far."""
        file = self.dir / "log"
        return file.read_text() if file.exists() else ""

    def until(self, holds: Callable[[], bool], *, seconds: float = 60) -> float:
        """Wait until something holds; how long it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, self.log()[-4000:]
            time.sleep(0.02)
        return time.monotonic() - began

    # What the database's views say

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query; nothing while there is no database yet."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def subjects(self) -> list[str]:
        """The subjects of all activities, sorted."""
        return sorted(row[0] for row in self.rows("SELECT subject FROM activity_feed"))

    def close(self) -> None:
        """End every process and delete everything."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(12)
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def _environment() -> dict[str, str]:
    strange = ("EISD_", "NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIR")
    return {k: v for k, v in os.environ.items() if not k.startswith(strange)} | {"NO_COLOR": "1"}


@pytest.fixture
def make_site() -> Iterator[Callable[[], Site]]:
    """Make sites; they end with the test."""
    made: list[Site] = []

    def make() -> Site:
        made.append(Site())
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    """A fresh site without a mailbox."""
    return make_site()
