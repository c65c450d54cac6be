"""The guard of tests/conftest.py bites: blocking the event loop fails a test.

Blocking calls are looked for below frames of our packages alone, so each probe is compiled as if
it were a module of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockingError

import eisd

PROBE = """
import contextlib, pathlib, sqlite3, time

def sleep():
    time.sleep(0.001)

def query():
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("SELECT 1")

def read():
    pathlib.Path(__file__).read_bytes()
"""


def probe(name: str) -> Callable[[], None]:
    path = Path(eisd.__file__).with_name("probe_of_the_guard.py")
    namespace: dict[str, Any] = {"__file__": eisd.__file__}
    exec(compile(PROBE, str(path), "exec"), namespace)  # noqa: S102
    return namespace[name]


@pytest.mark.parametrize("call", ["sleep", "query", "read"])
async def test_blocking_on_the_loop_fails(call):
    """A sleep, a query and a file read by our code on the loop each raise."""
    with pytest.raises(BlockingError):
        probe(call)()


@pytest.mark.parametrize("call", ["sleep", "query", "read"])
def test_blocking_off_the_loop_is_allowed(call):
    """The same calls are nobody's trouble in a thread without a loop."""
    probe(call)()
