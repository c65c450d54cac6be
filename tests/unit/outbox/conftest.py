"""An office for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.office import Office
from lab.office import office as opened


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A desk that is open and does not send yet."""
    async with opened(tmp_path) as made:
        yield made
