"""Benchmarks watch no loop: a guard against blocking calls would be measured along."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """Stand in place of the guard that all other tests have."""
