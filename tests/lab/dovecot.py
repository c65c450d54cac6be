"""A private Dovecot 2.3: real IMAP on loopback, with `doveadm` as the hand of the other user.

Everything blocks: a test calls these from its own thread, the server is another process.
"""

from __future__ import annotations

import base64
import hmac
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from lab import appender
from lab.certs import Certs, Pair
from lab.dovecot_conf import Options, render, render_tokens
from lab.process import ServerFailed, Service, free_ports

__all__ = ["PASSWORD", "Dovecot", "Options"]

PASSWORD = "secret"
HOW = "Dovecot is missing: .ci/install installs it"
_KEY = b"the lab signs its tokens with this"


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Dovecot(Service):
    """One server with its own folder, ports, users and certificate.

    ``port_imap`` speaks plain text and STARTTLS, ``port_imaps`` TLS, ``port_lmtp`` takes mail.
    The ports stay the same over `stop()` and `start()`, and so does the mail.
    """

    def __init__(
        self, certs: Certs, options: Options | None = None, *, pair: Pair | None = None
    ) -> None:
        super().__init__("Dovecot")
        self.options = options or Options()
        self.certs = certs
        self._pair = pair or certs.server
        self.mail = self.root / "mail"
        self.mail.mkdir()
        shutil.chown(self.mail, "mail", "mail")
        self._users = self.root / "users"
        self._users.mkdir()
        self.port_imap, self.port_imaps, self.port_lmtp = free_ports(3)
        self.port_submission, self.port_relay = free_ports(2)

    # The server

    def start(self) -> Self:
        """Start and return once IMAP answers."""
        if not shutil.which("dovecot"):
            raise ServerFailed(HOW)
        # A stale penalty socket from a run before would cost five seconds at the first login.
        shutil.rmtree(self._base, ignore_errors=True)
        self._base.mkdir(parents=True)
        self.conf.write_text(render(self))
        ports = (self.port_imap, self.port_imaps, self.port_lmtp)
        if self.options.submission:
            self._write_keys()
            ports += (self.port_submission,)
        self._run(["dovecot", "-F", "-c", str(self.conf)], ports)
        return self

    def restart(self, options: Options | None = None) -> None:
        """Stop and start again, with other options if given."""
        self.stop()
        self.options = options or self.options
        self.start()

    @property
    def conf(self) -> Path:
        return self.root / "dovecot.conf"

    @property
    def pair(self) -> Pair:
        """The certificate it shows."""
        return self._pair

    @property
    def _base(self) -> Path:
        return self.root / "run"

    # Users

    def add_user(self, address: str, password: str = PASSWORD) -> str:
        """Let a user log in, at once; returns the address. Again: a new password."""
        # A file for each: Dovecot looks for changes of a known file only once a second.
        fresh = self.root / "user.new"
        fresh.write_text(f"{address}:{{PLAIN}}{password}::::::\n")
        fresh.replace(self._users / address)
        return address

    def remove_user(self, address: str) -> None:
        """Refuse a user's logins from now on; the mail stays."""
        (self._users / address).unlink(missing_ok=True)

    def token(self, address: str, *, seconds: int = 3600) -> str:
        """An access token for a user, good for so long (not in 2.3's IMAP: only where submission
        is on)."""
        now = int(time.time())
        issued = now - 60  # Dovecot refuses what was issued later than its own clock says
        claims = {"email": address, "sub": address, "iat": issued, "exp": now + seconds}
        head = {"typ": "JWT", "alg": "HS256", "kid": "default"}
        signed = b".".join(_b64(json.dumps(part).encode()) for part in (head, claims))
        mark = _b64(hmac.digest(_KEY, signed, "sha256"))
        return b".".join((signed, mark)).decode()

    def _write_keys(self) -> None:
        (self.root / "oauth2.conf.ext").write_text(render_tokens(self))
        key = self.root / "keys" / "default" / "HS256" / "default"
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_bytes(base64.b64encode(_KEY))

    def kick(self, address: str) -> None:
        """Cut all of a user's connections."""
        self.doveadm("kick", address)

    # Mail

    def deliver(self, user: str, rfc822: bytes, folder: str = "INBOX") -> None:
        """File a message now, as a delivery does (internal date is now)."""
        self.doveadm("save", "-u", user, "-m", folder, data=rfc822)

    def append(
        self,
        user: str,
        folder: str,
        rfc822: bytes,
        flags: Sequence[str] = (),
        internaldate: datetime | None = None,
    ) -> int:
        """APPEND as the user; returns the UID."""
        message = appender.Item(rfc822, internaldate, tuple(flags))
        return appender.append(self.port_imap, user, self.password(user), folder, [message])[0]

    def bulk(
        self, user: str, folder: str, messages: Iterable[tuple[bytes, datetime | None]]
    ) -> list[int]:
        """APPEND many at once (MULTIAPPEND, thousands a second); returns their UIDs."""
        items = (appender.Item(rfc822, when) for rfc822, when in messages)
        return appender.append(self.port_imap, user, self.password(user), folder, items)

    def uids(self, user: str, folder: str = "INBOX", *query: str) -> list[int]:
        """The UIDs a folder holds, ascending: the truth to compare with."""
        lines = self._query("fetch", user, folder, query, "uid").splitlines()
        return sorted(int(line.removeprefix("uid: ")) for line in lines if line.startswith("uid: "))

    def search(self, user: str, *query: str) -> list[tuple[str, int]]:
        """(folder GUID, UID) of what a doveadm search query finds in all folders."""
        lines = self.doveadm("search", "-u", user, *(query or ("all",))).splitlines()
        return [(guid, int(uid)) for guid, uid in (line.split() for line in lines)]

    def expunge(self, user: str, folder: str, *query: str) -> None:
        """Delete messages for good, as another client of the user would."""
        self._query("expunge", user, folder, query)

    def move(self, user: str, folder: str, destination: str, *query: str) -> None:
        """Move messages from a folder to another."""
        self._query("move", user, folder, query, destination)

    def copy(self, user: str, folder: str, destination: str, *query: str) -> None:
        """Copy messages from a folder to another."""
        self._query("copy", user, folder, query, destination)

    def flag(self, user: str, folder: str, flags: Sequence[str], *query: str) -> None:
        """Add flags to messages."""
        self.doveadm(
            "flags", "add", "-u", user, " ".join(flags), "mailbox", folder, *(query or ("all",))
        )

    # Folders

    def folders(self, user: str) -> list[str]:
        """Names of all folders, in UTF-8."""
        return self.doveadm("mailbox", "list", "-u", user, "-8").splitlines()

    def create(self, user: str, folder: str) -> None:
        """Create a folder and subscribe to it."""
        self.doveadm("mailbox", "create", "-u", user, "-s", folder)

    def rename(self, user: str, folder: str, name: str) -> None:
        """Rename a folder (its UIDVALIDITY stays)."""
        self.doveadm("mailbox", "rename", "-u", user, "-s", folder, name)

    def delete(self, user: str, folder: str) -> None:
        """Delete a folder and its mail."""
        self.doveadm("mailbox", "delete", "-u", user, "-s", folder)

    def set_uidvalidity(self, user: str, folder: str, value: int) -> None:
        """Give a folder another UIDVALIDITY (RFC 9051 2.3.1.1), as a restored server would."""
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(value), folder)

    def status(self, user: str, folder: str = "INBOX") -> dict[str, str]:
        """A folder's messages, uidnext, uidvalidity, highestmodseq, vsize, guid as doveadm says."""
        words = "messages uidnext uidvalidity highestmodseq vsize guid"
        line = self.doveadm("mailbox", "status", "-u", user, words, folder).strip()
        fields = line.removeprefix(folder).split()
        return dict(field.split("=", 1) for field in fields)

    def doveadm(self, *arguments: str, data: bytes | None = None) -> str:
        """Run doveadm on this server; raises with its words when it fails."""
        done = subprocess.run(
            ["doveadm", "-c", str(self.conf), *arguments],
            input=data,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"doveadm {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def _query(self, verb: str, user: str, folder: str, query: Sequence[str], *before: str) -> str:
        criteria = query or ("all",)
        return self.doveadm(verb, "-u", user, *before, "mailbox", folder, *criteria)

    def password(self, address: str) -> str:
        """The password a user was given."""
        line = (self._users / address).read_text()
        return line.split(":")[1].removeprefix("{PLAIN}")
