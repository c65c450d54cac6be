"""The lab's fixtures that these tests use, and a mail server that takes tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.certs import Certs
from lab.fixtures import certs
from lab.tokens import TokenServer, token_server

__all__ = ["certs"]


@pytest.fixture(scope="session")
def server(certs: Certs) -> Iterator[TokenServer]:
    """A Dovecot that asks a provider about tokens, shared."""
    with token_server(certs) as found:
        yield found
