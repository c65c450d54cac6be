"""Configurations in a temporary directory, with nothing of this machine in the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the one who runs the tests counts; state is in the test's own directory."""
    for name in ("EISD_CONFIG", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_STATE_HOME", "/nonexistent/state")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write config.toml and, by keyword, drop-ins (``a_b="..."`` is conf.d/a-b.toml)."""

    def write(text: str = "", **drop_ins: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        for name, drop_in in drop_ins.items():
            target = tmp_path / "conf.d" / f"{name.replace('_', '-')}.toml"
            target.parent.mkdir(exist_ok=True)
            target.write_text(drop_in, encoding="utf-8")
        return path

    return write
