"""The place of a benchmark: one Dovecot, and homes of eisd that sync its mailboxes."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from lab.certs import Certs
from lab.dovecot import PASSWORD, Dovecot, Options
from lab.process import Folder

TESTS = Path(__file__).parent.parent
HAS_RUN = importlib.util.find_spec("eisd.cli.run") is not None
"""Whether the command ``eisd run`` is there; else `bench.child` stands in for it."""


@dataclass(frozen=True, slots=True)
class Home:
    """A configuration and a state folder of eisd."""

    root: Path

    @property
    def config(self) -> Path:
        """Where its configuration lies."""
        return self.root / "config.toml"

    @property
    def database(self) -> Path:
        """Where its database lies."""
        return self.root / "state" / "eisd.db"

    def child(self, word: str) -> dict[str, float]:
        """Do something with it in another process; return what that measured."""
        done = subprocess.run(
            child_command(word, self), env=environment(), capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-4000:])
        return cast("dict[str, float]", json.loads(done.stdout.splitlines()[-1]))

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.root)


def child_command(word: str, home: Home) -> list[str]:
    """Put together how `bench.child` is started."""
    return [sys.executable, "-m", "bench.child", word, str(home.config)]


def run_command(home: Home, *options: str) -> list[str]:
    """Put together how the daemon is started."""
    if HAS_RUN:
        return [sys.executable, "-m", "eisd", "--config", str(home.config), "run", *options]
    return child_command("once" if "--once" in options else "serve", home)


def environment() -> dict[str, str]:
    """What a process of ours finds around it."""
    path = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@contextmanager
def daemon(home: Home) -> Iterator[int]:
    """Run the daemon; gives its process id."""
    log = (home.root / "daemon.log").open("ab")
    process = subprocess.Popen(
        run_command(home), env=environment(), stdin=subprocess.PIPE, stdout=log, stderr=log
    )
    try:
        yield process.pid
    finally:
        if process.stdin:
            process.stdin.close()
        process.terminate()
        process.wait(20)
        log.close()


class Place:
    """A Dovecot and everything else that is gone at the end."""

    def __init__(self, options: Options | None = None) -> None:
        self._folder = Folder("bench")
        self.root = self._folder.path
        (self.root / "certs").mkdir()
        self.certs = Certs(self.root / "certs")
        self.server = Dovecot(self.certs, options)
        self._homes = 0
        password = self.root / "password"
        password.touch(0o600)
        password.write_text(PASSWORD)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.__exit__(kind, error, trace)
        self._folder.remove()

    def home(
        self,
        users: Sequence[str],
        *,
        address: str = "",
        plain_port: int = 0,
        contacts: bool = True,
    ) -> Home:
        """Make a fresh home that syncs these users' mailboxes, over TLS if no port is given.

        ``address`` is what their mailboxes are for; without it, the name of the user.
        """
        self._homes += 1
        home = Home(self.root / f"home{self._homes}")
        (home.root / "state").mkdir(parents=True, mode=0o700)
        tables = [
            self._mailbox(at, user, address or user, plain_port) for at, user in enumerate(users)
        ]
        head = f'version = 1\ndaemon.state_dir = "{home.root}/state"\nmetrics.listen = []\n'
        home.config.write_text(head + "".join(tables))
        if contacts:
            home.child("contacts")
        return home

    def _mailbox(self, number: int, user: str, address: str, plain_port: int) -> str:
        where = f'port = {self.server.port_imaps}, ca_file = "{self.certs.ca_file}"'
        if plain_port:
            where = f'port = {plain_port}, tls = "none"'
        password = f'password = {{ file = "{self.root}/password" }}'
        return (
            f'[mailboxes.box{number}]\naddress = "{address}"\n'
            f'imap = {{ host = "localhost", username = "{user}", {where}, {password} }}\n'
        )

    def twin(self, user: str, name: str) -> str:
        """Copy a user's mail, indexes and all, to a new user; returns its address."""
        self.server.add_user(name)
        source, target = self.server.mail / user, self.server.mail / name
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)
        return name

    def forget(self, user: str) -> None:
        """Delete a user's mail."""
        self.server.remove_user(user)
        shutil.rmtree(self.server.mail / user)
