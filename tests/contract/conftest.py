"""Every claim of the contract is put to every driver."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from contract.harness import DovecotProvider, FrontedProvider, MemoryProvider, Provider
from lab import dialect
from lab.fixtures import certs, dovecot, user

import eisd
from eisd.driver.imap.scan import Sizes
from eisd_gmail import GmailDriver
from eisd_imap import ImapDriver
from eisd_microsoft import MicrosoftDriver

__all__ = ["certs", "dovecot", "user"]


def _memory(_request: pytest.FixtureRequest) -> Provider:
    return MemoryProvider()


def _imap(request: pytest.FixtureRequest) -> Provider:
    server, user = request.getfixturevalue("dovecot"), request.getfixturevalue("user")
    return DovecotProvider(server, user, ImapDriver(SMALL))


def _gmail(request: pytest.FixtureRequest) -> Provider:
    server, user = request.getfixturevalue("dovecot"), request.getfixturevalue("user")
    return FrontedProvider(server, user, GmailDriver(SMALL), dialect.GMAIL)


def _microsoft(request: pytest.FixtureRequest) -> Provider:
    server, user = request.getfixturevalue("dovecot"), request.getfixturevalue("user")
    return FrontedProvider(server, user, MicrosoftDriver(SMALL), dialect.EXCHANGE)


def _example(request: pytest.FixtureRequest) -> Provider:
    """The guide's worked example."""
    server, user = request.getfixturevalue("dovecot"), request.getfixturevalue("user")
    spec = spec_from_file_location("eisd_objectid", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))
    return DovecotProvider(server, user, module.ObjectIdDriver(SMALL))


EXAMPLE = Path(eisd.__file__).parents[1] / "docs/examples/eisd_objectid/__init__.py"
SMALL = Sizes(first=5, batch=10, per_search=20)

PROVIDERS: dict[str, Callable[[pytest.FixtureRequest], Provider]] = {
    "memory": _memory,
    "imap": _imap,
    "gmail": _gmail,
    "microsoft": _microsoft,
    "example": _example,
}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    """A fresh mailbox at each provider in turn."""
    return PROVIDERS[request.param](request)
