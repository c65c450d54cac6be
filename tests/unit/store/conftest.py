"""A database for each test, and the connection of somebody who only reads it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eisd.store.database import Database, connect, create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty database of this version."""
    path = tmp_path / "eisd.db"
    create(path)
    return path


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as the writer has it."""
    with closing(connect(path)) as opened:
        yield opened


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Database]:
    """Both ways to it."""
    opened = await asyncio.to_thread(Database, path)
    yield opened
    await asyncio.to_thread(opened.close)
