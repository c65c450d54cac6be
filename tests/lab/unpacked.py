"""Servers that Debian will not install beside Dovecot, unpacked below build/servers instead."""

from __future__ import annotations

from pathlib import Path

from lab.process import ServerFailed

SERVERS = Path(__file__).parents[2] / "build" / "servers"


def root_of(name: str) -> Path:
    """The private root a server's packages were unpacked into."""
    root = SERVERS / name / "root"
    if not root.is_dir():
        raise ServerFailed(f"{name} is not unpacked below {SERVERS}: run .ci/install")
    return root
