"""The mail server of the demonstration: pymap, in a process of its own, its mail in memory.

It listens on loopback without TLS, which eisd accepts there and nowhere else.
"""

from __future__ import annotations

import imaplib
import importlib.util
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from eisd.demo.process import Program, free_port, listening
from eisd.errors import ExitCode, UserError

START_SECONDS = 20.0


def require_pymap() -> None:
    """Say how to get the server when it is not installed.

    Raises:
        UserError: it is not (69).
    """
    if importlib.util.find_spec("pymap") is None:
        raise UserError(
            "the demo needs the IMAP server pymap, which is not installed (extra: eisd[demo])",
            hint=f"Install it: {sys.executable} -m pip install pymap\n"
            "or, where pipx installed eisd: pipx inject eisd pymap",
            code=ExitCode.UNAVAILABLE,
        )


class MailServer:
    """One mailbox on a loopback port, and the way to put mail into it."""

    def __init__(self, user: str, password: str, log: Path) -> None:
        self._user = user
        self._password = password
        self.port = free_port()
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--no-tls")
        login = ("--demo-user", user, "--demo-password", password)
        self._program = Program(
            "the mail server", "pymap.main:main", *where, "dict", *login, log=log
        )
        self._stack = ExitStack()
        self._client: imaplib.IMAP4 | None = None

    def __enter__(self) -> Self:
        """Start it and log in."""
        with self._stack:
            program = self._stack.enter_context(self._program)
            program.wait_for(lambda: listening(self.port), seconds=START_SECONDS)
            client = self._stack.enter_context(imaplib.IMAP4("127.0.0.1", self.port))
            # A literal follows its command at once: without this it waits 40 ms for an ACK.
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.login(self._user, self._password)
            self._client = client
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; its mail is gone."""
        self._stack.close()

    def create(self, folders: Sequence[str]) -> None:
        """Make folders."""
        for folder in folders:
            self._session.create(folder)

    def put(self, folder: str, rfc822: bytes, received: datetime, *, seen: bool = True) -> None:
        """File a message that was received then."""
        when = imaplib.Time2Internaldate(received)
        self._session.append(folder, "(\\Seen)" if seen else "()", when, rfc822)

    @property
    def _session(self) -> imaplib.IMAP4:
        if self._client is None:
            raise RuntimeError("not started")
        return self._client
