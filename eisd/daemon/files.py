"""The configuration's files on disk: whether they changed, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

from eisd.config.load import ConfigRefused
from eisd.errors import UserError


def signature(config: Path) -> tuple[object, ...]:
    """What changes when somebody touches a file of the configuration. Blocks for a moment."""
    files = [config, *sorted((config.parent / "conf.d").glob("*.toml"))]
    found: list[object] = []
    for file in files:
        try:
            facts = file.stat()
        except OSError:
            found.append((file, None))
        else:
            found.append((file, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(found)


def places(error: UserError) -> list[str]:
    """What the log says of a refused configuration: places and keys, never what stands there."""
    if isinstance(error, ConfigRefused):
        return [f"{one.place} {one.key}: {one.code}" for one in error.problems]
    return [str(error)]
