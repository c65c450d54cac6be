"""The servers of the lab are what the other tests take them for.

These speak to them with the standard library alone: what fails here is the lab, not eisd.
"""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab import client
from lab.client import Server
from lab.cyrus import Cyrus
from lab.dovecot import Dovecot
from lab.pymap import Pymap

MESSAGE = b"Subject: hello\r\nMessage-ID: <a@lab.test>\r\n\r\nhi\r\n"


@pytest.fixture(params=["dovecot", "cyrus", "courier"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def someone(server: Server) -> str:
    """The address of a mailbox with one message."""
    address = server.add_user("interop@lab.test")
    server.deliver(address, MESSAGE)
    return address


@contextmanager
def idling(connection: imaplib.IMAP4) -> Iterator[None]:
    """Leave the connection in IDLE (RFC 2177), its answers unread."""
    connection.send(b"idle IDLE\r\n")
    assert connection.readline().startswith(b"+")
    yield
    connection.send(b"DONE\r\n")
    while not connection.readline().startswith(b"idle OK"):
        pass


def test_login_and_list(server: Server, someone: str) -> None:
    """A user logs in over TLS and sees an INBOX."""
    with client.login(server, someone) as connection:
        kind, lines = connection.list()
    assert kind == "OK"
    assert any(b"INBOX" in line for line in lines if isinstance(line, bytes))


def test_append_select_fetch(server: Server, someone: str) -> None:
    """What was appended is there, whole, under the UID the server tells."""
    with client.login(server, someone) as connection:
        connection.select("INBOX", readonly=True)
        kind, fetched = connection.uid("FETCH", str(server.uids(someone)[-1]), "(BODY.PEEK[])")
    assert kind == "OK"
    assert fetched[0][1] == MESSAGE


def test_idle_push(server: Server, someone: str) -> None:
    """A connection in IDLE is told of a new message within seconds, not by a poll."""
    with client.login(server, someone) as connection:
        connection.select("INBOX")
        with idling(connection):
            server.deliver(someone, MESSAGE)
            connection.sock.settimeout(8)
            while b" EXISTS" not in connection.readline():
                pass


def test_bad_password(server: Server, someone: str) -> None:
    """A wrong password is refused in words, and the connection stays."""
    with client.connect(server) as connection:
        with pytest.raises(imaplib.IMAP4.error) as refused:
            connection.login(someone, "wrong")
        assert not isinstance(refused.value, imaplib.IMAP4.abort)
        assert connection.noop()[0] == "OK"


def test_starttls(server: Server, someone: str) -> None:
    """The plain port offers STARTTLS with a certificate the authority signed."""
    with imaplib.IMAP4(server.host, server.port_imap, timeout=10) as connection:
        connection.starttls(server.certs.client_context())
        assert connection.login(someone, server.password(someone))[0] == "OK"


@pytest.mark.parametrize("name", ["dovecot", "cyrus"])
def test_lmtp(name: str, request: pytest.FixtureRequest) -> None:
    """A message handed over by LMTP (RFC 2033) arrives in INBOX."""
    server: Dovecot | Cyrus = request.getfixturevalue(name)
    address = server.add_user("lmtp@lab.test")
    server.deliver(address, MESSAGE)  # Cyrus makes the mailbox at the first login
    before = server.uids(address)
    with smtplib.LMTP(server.host, server.port_lmtp) as delivery:
        delivery.sendmail("someone@elsewhere.test", [address], MESSAGE)
    assert len(server.uids(address)) == len(before) + 1


def test_pymap(pymap: Pymap) -> None:
    """pymap takes a password in plain text and keeps what is delivered."""
    address = pymap.add_user("interop@lab.test")
    pymap.deliver(address, MESSAGE)
    pymap.deliver(address, MESSAGE)
    first, second = pymap.uids(address)
    assert first < second
