"""The files of the demonstration: a configuration, a secret and contacts, all in one directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from eisd.config.paths import MAX_SOCKET_BYTES
from eisd.demo.letters import ADDRESS, COLLEAGUE, CONTACTS
from eisd.errors import ExitCode, UserError

MAILBOX = "sales"

_CONFIG = """\
# Made by `eisd demo`. The mail server it names lived as long as the demo did.
version = 1

[daemon]
state_dir = "."

[log]
format = "json"

[metrics]
listen = []

[contacts]
source = "contacts.csv"

[internal]
addresses = ["{colleague}"]

[mailboxes.{mailbox}]
address = "{address}"

[mailboxes.{mailbox}.imap]
host = "127.0.0.1"
port = {port}
tls = "none"
password = {{ file = "secrets/{mailbox}" }}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where things lie. `prepare` makes the directory, `write` fills it."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.directory / "config.toml"

    @property
    def database(self) -> Path:
        """What the daemon writes."""
        return self.directory / "eisd.db"

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.directory / f"{name}.log"

    def prepare(self) -> None:
        """Make the directory, for its owner alone.

        Raises:
            UserError: something is there already, or it cannot be made or used (73).
        """
        if len(bytes(self.directory / "api.sock")) > MAX_SOCKET_BYTES:
            raise UserError(
                f"{self.directory} is too long a name for the daemon's socket in it",
                hint="name a directory with a shorter path (--keep DIR)",
                code=ExitCode.CANT_CREATE,
            )
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            taken = any(self.directory.iterdir())
        except OSError as error:
            raise UserError(
                f"cannot use {self.directory}: {error.strerror}",
                hint="name a directory that you may write",
                code=ExitCode.CANT_CREATE,
            ) from None
        if taken:
            raise UserError(
                f"{self.directory} is not empty",
                hint="name a new directory, or remove that one first",
                code=ExitCode.CANT_CREATE,
            )

    def write(self, port: int, password: str) -> None:
        """Write what an operator would write for one mailbox."""
        text = _CONFIG.format(mailbox=MAILBOX, address=ADDRESS, colleague=COLLEAGUE, port=port)
        self.config.write_text(text)
        (self.directory / "contacts.csv").write_text(CONTACTS)
        secrets = self.directory / "secrets"
        secrets.mkdir(mode=0o700)
        handle = os.open(secrets / MAILBOX, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{password}\n")
