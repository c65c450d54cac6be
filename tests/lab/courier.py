"""A private Courier-IMAP 5.0: separator ``.``, everything under INBOX, few extensions.

It runs in mount and process namespaces of its own (see courier.sh), so it needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import client
from lab.certs import Certs
from lab.process import Child, Folder, ServerFailed, free_ports, listening
from lab.unpacked import root_of

PASSWORD = "secret"
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
SCRIPT = Path(__file__).with_name("courier.sh")


class Courier:
    """One server with its own folder, ports and users.

    With ``push`` IDLE reports at once (Courier's IMAP_ENHANCEDIDLE); without, as installed by
    default, it looks every 60 seconds.
    """

    host = "localhost"

    def __init__(self, certs: Certs, *, push: bool = True) -> None:
        self.certs = certs
        self._push = push
        self._root = root_of("courier")
        self._folder = Folder("courier")
        self._home = self._folder.path
        self._passwords: dict[str, str] = {}
        self._child: Child | None = None
        self.port_imap, self.port_imaps = free_ports(2)
        self._prepare()

    def start(self) -> Self:
        """Start and return once IMAP answers."""
        if os.geteuid() != 0:
            raise ServerFailed("Courier needs root: it runs in a mount namespace of its own")
        arguments = [self._home, self._root, self.port_imap, self.port_imaps, int(self._push)]
        # unshare waits deaf to SIGTERM; its death ends everything in the namespace.
        self._child = Child(
            [*UNSHARE, "/bin/sh", str(self._home / "courier.sh"), *map(str, arguments)],
            log=self._home / "courier.log",
            end_with=signal.SIGKILL,
        )
        ports = (self.port_imap, self.port_imaps)
        self._child.wait_for(
            lambda: all(listening(port) for port in ports), seconds=15, what="Courier"
        )
        return self

    def stop(self) -> None:
        """End the server; its mail stays until `remove()`."""
        if self._child:
            self._child.stop()
            self._child = None

    def remove(self) -> None:
        """End the server and delete everything it held."""
        self.stop()
        self._folder.remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def add_user(self, address: str, password: str = PASSWORD) -> str:
        """Let a user log in, at once; returns the address."""
        maildir = self._home / "mail" / address / "Maildir"
        for name in ("tmp", "new", "cur"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        for folder in (maildir.parent, maildir, *maildir.iterdir()):
            shutil.chown(folder, "mail", "mail")
        self._passwords[address] = password
        self._write_users()
        if self._child:
            (self._home / "reload").write_text("\n")
            (self._home / "loaded").read_text()
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
        (self._home / "mail").mkdir()
        shutil.copy(SCRIPT, self._home)
        pair = self.certs.server
        (self._home / "server.pem").write_bytes(pair.key.read_bytes() + pair.cert.read_bytes())
        for name in ("reload", "loaded"):
            os.mkfifo(self._home / name)
        self._write_users()

    def _write_users(self) -> None:
        lines = [self._line(user, secret) for user, secret in self._passwords.items()]
        (self._home / "users").write_text("".join(lines))

    def _line(self, user: str, secret: str) -> str:
        owner = (self._home / "mail" / user).stat()
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
