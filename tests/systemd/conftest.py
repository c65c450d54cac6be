"""Booted hosts with the package installed, and a mail server that they reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab.booted import Host
from lab.dovecot import PASSWORD, Dovecot
from lab.fixtures import certs, dovecot

__all__ = ["certs", "dovecot"]

MAILBOX = """\
[mailboxes.sales]
address = "{address}"
[mailboxes.sales.imap]
host = "localhost"
port = {port}
ca_file = "/etc/eisd/ca.pem"
password = {{ credential = "sales" }}
"""


@dataclass(frozen=True, slots=True)
class Sales:
    """The mailbox `sales` of a host."""

    server: Dovecot
    address: str


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """Stand in place of the guard of other tests: here everything blocks, and nothing is ours."""


@pytest.fixture(scope="session", params=os.environ.get("EISD_SUITES", "").split())
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host on which the package was installed as an operator does it; the daemon runs."""
    with Host(request.param) as booted:
        booted.write("/package/eisd.deb", "")
        booted.file("/package/eisd.deb").write_bytes(booted.package.read_bytes())
        booted.ok("dpkg", "--install", "/package/eisd.deb")
        yield booted


@pytest.fixture(scope="session")
def sales(host: Host, dovecot: Dovecot) -> Sales:
    """A mailbox whose password systemd hands over as a credential; the daemon is in step."""
    address = dovecot.add_user(f"sales-{host.suite}@lab.test")
    host.write("/etc/eisd/ca.pem", dovecot.certs.ca_file.read_text())
    host.write("/etc/eisd/credentials/sales", PASSWORD + "\n", mode=0o600)
    host.write(
        "/etc/eisd/conf.d/sales.toml",
        MAILBOX.format(address=address, port=dovecot.port_imaps),
    )
    host.restart()
    host.until(lambda: host.show()["StatusText"] == "1/1 mailboxes healthy")
    return Sales(dovecot, address)
