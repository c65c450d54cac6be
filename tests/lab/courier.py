"""A private Courier-IMAP 5.0: separator ``.``, everything under INBOX, few extensions.

It runs in mount and process namespaces of its own (see courier.sh), so it needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from lab import client
from lab.certs import Certs
from lab.process import ServerFailed, Service, free_ports
from lab.unpacked import root_of

PASSWORD = "secret"
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
SCRIPT = Path(__file__).with_name("courier.sh")


class Courier(Service):
    """One server with its own folder, ports and users.

    With ``push`` IDLE reports at once (Courier's IMAP_ENHANCEDIDLE); without, as installed by
    default, it looks every 60 seconds.
    """

    def __init__(self, certs: Certs, *, push: bool = True) -> None:
        super().__init__("Courier")
        self.certs = certs
        self._push = push
        self._unpacked = root_of("courier")
        self._passwords: dict[str, str] = {}
        self.port_imap, self.port_imaps = free_ports(2)
        self._prepare()

    def start(self) -> Self:
        """Start and return once IMAP answers."""
        if os.geteuid() != 0:
            raise ServerFailed("Courier needs root: it runs in a mount namespace of its own")
        arguments = [self.root, self._unpacked, self.port_imap, self.port_imaps, int(self._push)]
        # unshare waits deaf to SIGTERM; its death ends everything in the namespace.
        self._run(
            [*UNSHARE, "/bin/sh", str(self.root / "courier.sh"), *map(str, arguments)],
            (self.port_imap, self.port_imaps),
            end_with=signal.SIGKILL,
        )
        return self

    def add_user(self, address: str, password: str = PASSWORD) -> str:
        """Let a user log in, at once; returns the address."""
        maildir = self.root / "mail" / address / "Maildir"
        for name in ("tmp", "new", "cur"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        for folder in (maildir.parent, maildir, *maildir.iterdir()):
            shutil.chown(folder, "mail", "mail")
        self._passwords[address] = password
        self._write_users()
        if self._child:
            (self.root / "reload").write_text("\n")
            (self.root / "loaded").read_text()
        return address

    def password(self, address: str) -> str:
        """The password a user was given."""
        return self._passwords[address]

    def deliver(self, user: str, rfc822: bytes, folder: str = "INBOX") -> None:
        """File a message now."""
        client.append(self, user, folder, rfc822)

    def uids(self, user: str, folder: str = "INBOX") -> list[int]:
        """The UIDs a folder holds, ascending."""
        return client.uids(self, user, folder)

    def _prepare(self) -> None:
        (self.root / "mail").mkdir()
        shutil.copy(SCRIPT, self.root)
        pair = self.certs.server
        (self.root / "server.pem").write_bytes(pair.key.read_bytes() + pair.cert.read_bytes())
        for name in ("reload", "loaded"):
            os.mkfifo(self.root / name)
        self._write_users()

    def _write_users(self) -> None:
        lines = [self._line(user, secret) for user, secret in self._passwords.items()]
        (self.root / "users").write_text("".join(lines))

    def _line(self, user: str, secret: str) -> str:
        owner = (self.root / "mail" / user).stat()
        home = f"/srv/lab/mail/{user}"
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"],
            input=secret,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        fields = f"uid={owner.st_uid}|gid={owner.st_gid}|home={home}|mail={home}/Maildir"
        return f"{user}\t{fields}|imappw={hashed}\n"
