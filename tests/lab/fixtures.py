"""Fixtures around the lab's servers; a conftest imports those it wants.

The servers live for the whole session, users for one test: a fresh address is a fresh mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from lab.certs import Certs, Pair
from lab.courier import Courier
from lab.cyrus import Cyrus
from lab.dovecot import Dovecot
from lab.dovecot_conf import Options
from lab.pymap import Pymap

_numbers = count(1)


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    """The authority of this session."""
    return Certs(Path(tmp_path_factory.mktemp("certs")))


@pytest.fixture(scope="session")
def dovecot(certs: Certs) -> Iterator[Dovecot]:
    """The usual Dovecot, shared: take a fresh `user`, and leave the server running."""
    with Dovecot(certs) as server:
        yield server


@pytest.fixture(scope="session")
def submission(certs: Certs) -> Iterator[Dovecot]:
    """A Dovecot that takes mail, shared; a test's own `lab.sink.Sink` is its relay."""
    with Dovecot(certs, Options(submission=True)) as server:
        yield server


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """The address of a fresh, empty mailbox on `dovecot`; its password is ``secret``."""
    return dovecot.add_user(f"user{next(_numbers)}@lab.test")


@pytest.fixture
def start_dovecot(certs: Certs) -> Iterator[Callable[..., Dovecot]]:
    """Start further ones: ``start_dovecot(Options(...), pair=...)``; removed at the end."""
    with ExitStack() as servers:

        def start(options: Options | None = None, *, pair: Pair | None = None) -> Dovecot:
            return servers.enter_context(Dovecot(certs, options, pair=pair))

        yield start


@pytest.fixture(scope="session")
def cyrus(certs: Certs) -> Iterator[Cyrus]:
    """A Cyrus, shared; its mailboxes are made by the first login."""
    with Cyrus(certs) as server:
        yield server


@pytest.fixture(scope="session")
def courier(certs: Certs) -> Iterator[Courier]:
    """A Courier whose IDLE reports at once, shared."""
    with Courier(certs) as server:
        yield server


@pytest.fixture(scope="session")
def pymap(certs: Certs) -> Iterator[Pymap]:
    """A pymap without TLS, shared."""
    with Pymap(certs) as server:
        yield server
