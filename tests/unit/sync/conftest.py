"""Worlds for the tests of the sync layer, and a profile for long nights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from lab.world import World, world

settings.register_profile(
    "long",
    max_examples=2000,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with an empty database, whole at the end."""
    async with world(tmp_path) as made:
        yield made
        await made.check()
