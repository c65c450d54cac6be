"""Fixtures for every test: asyncio alone, and nothing may block its loop."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from lab.said import SAID_BY

from eisd import logs

DRIVERS = ("eisd_gmail", "eisd_imap", "eisd_microsoft")
OUR_PACKAGES = [name for name in ("eisd", *DRIVERS) if importlib.util.find_spec(name)]


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio alone: aioimaplib knows nothing else."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test in which our code sleeps, reads a file or asks SQLite on the event loop."""
    with blockbuster_ctx(OUR_PACKAGES) as blockbuster:
        yield blockbuster


@pytest.fixture(autouse=True)
def strict_events() -> None:
    """An event with an undeclared field raises in tests; in the field it loses the field."""
    logs.set_strict(True)


@pytest.fixture(autouse=True)
def promised_events(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is named as one that brings an event about does (lab/said.py)."""
    wanted = {event for event, test in SAID_BY.items() if test == request.function.__name__}
    with logs.capture() if wanted else nullcontext([]) as records:
        yield
    assert wanted <= {record["event"] for record in records}


@pytest.fixture
def events() -> Iterator[list[dict[str, object]]]:
    """The records emitted during the test, at every level, unfolded."""
    with logs.capture() as records:
        yield records
