"""A plain IMAP client of the standard library, for what the lab does as the user."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from lab.certs import Certs


class Server(Protocol):
    """What every server of the lab offers."""

    host: str
    certs: Certs
    port_imap: int
    port_imaps: int

    def add_user(self, address: str, password: str = ...) -> str: ...
    def password(self, address: str) -> str: ...
    def deliver(self, user: str, rfc822: bytes, folder: str = ...) -> None: ...
    def uids(self, user: str, folder: str = ...) -> list[int]: ...


@contextmanager
def connect(server: Server) -> Iterator[imaplib.IMAP4_SSL]:
    """A TLS connection, closed at the end."""
    client = imaplib.IMAP4_SSL(
        server.host, server.port_imaps, ssl_context=server.certs.client_context(), timeout=10
    )
    try:
        yield client
    finally:
        client.shutdown()


@contextmanager
def login(server: Server, user: str) -> Iterator[imaplib.IMAP4_SSL]:
    """A connection logged in as the user."""
    with connect(server) as client:
        client.login(user, server.password(user))
        yield client


def append(server: Server, user: str, folder: str, rfc822: bytes) -> None:
    """APPEND one message, the way every server knows."""
    with login(server, user) as client:
        kind, answer = client.append(folder, "", None, rfc822)
        assert kind == "OK", answer


def uids(server: Server, user: str, folder: str) -> list[int]:
    """The UIDs a folder holds, ascending."""
    with login(server, user) as client:
        client.select(folder, readonly=True)
        kind, found = client.uid("SEARCH", "ALL")
        assert kind == "OK", found
        return [int(uid) for uid in found[0].split()]
