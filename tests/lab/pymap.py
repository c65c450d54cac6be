"""pymap, an IMAP server in Python: the one `eisd demo` starts, here as a process of the lab."""

from __future__ import annotations

import imaplib
import sys
from typing import Self

from pysasl.hashing import BuiltinHash

from lab import appender
from lab.certs import Certs
from lab.process import Service, free_ports

PASSWORD = "secret"
MAIN = "from pymap.main import main; main()"


class Pymap(Service):
    """One server over maildirs; plain text, or with ``tls`` nothing but STARTTLS."""

    def __init__(self, certs: Certs, *, tls: bool = False) -> None:
        super().__init__("pymap")
        self.certs = certs
        self._tls = tls
        self._passwords: dict[str, str] = {}
        (self.port_imap,) = free_ports(1)

    def start(self) -> Self:
        """Start and return once IMAP answers."""
        pair = self.certs.server
        tls = ["--cert", str(pair.cert), "--key", str(pair.key)] if self._tls else ["--no-tls"]
        where = ["--host", "127.0.0.1", "--port", str(self.port_imap)]
        command = [sys.executable, "-c", MAIN, *where, *tls, "maildir", str(self.root)]
        self._run(command, [self.port_imap])
        return self

    def add_user(self, address: str, password: str = PASSWORD) -> str:
        """Let a user log in, at once; returns the address."""
        self._passwords[address] = password
        # One round: the strength of a lab's password is no matter, the time of a login is.
        quick = BuiltinHash(rounds=1)
        users = [f"{name}:x::::{name}:\n" for name in self._passwords]
        secrets = [f"{name}:{quick.hash(word)}:::::::\n" for name, word in self._passwords.items()]
        (self.root / "pymap-etc-passwd").write_text("".join(users))
        (self.root / "pymap-etc-shadow").write_text("".join(secrets))
        return address

    def password(self, address: str) -> str:
        """The password a user was given."""
        return self._passwords[address]

    def deliver(self, user: str, rfc822: bytes, folder: str = "INBOX") -> None:
        """File a message now. Without TLS only."""
        appender.append(self.port_imap, user, self.password(user), folder, [appender.Item(rfc822)])

    def uids(self, user: str, folder: str = "INBOX") -> list[int]:
        """The UIDs a folder holds, ascending. Without TLS only."""
        with imaplib.IMAP4(self.host, self.port_imap, timeout=10) as client:
            client.login(user, self.password(user))
            client.select(folder, readonly=True)
            return [int(uid) for uid in client.uid("SEARCH", "ALL")[1][0].split()]
