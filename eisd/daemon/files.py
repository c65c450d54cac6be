"""The daemon's files: its state as it is opened, its configuration as it is touched."""

from __future__ import annotations

from pathlib import Path

from eisd import events
from eisd.config.load import ConfigRefused
from eisd.config.schema import Settings
from eisd.errors import UserError
from eisd.logs import emit, names
from eisd.matcher.keys import Hasher
from eisd.store.secrets import Secrets
from eisd.store.setup import index_key_is_new, prepare


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


def open_store(settings: Settings) -> tuple[Secrets, Hasher]:
    """Make or migrate what lies on disk; return the sealed store and the index's hasher."""
    paths = settings.paths
    secrets = prepare(paths.database, paths.secrets_db)
    key = secrets.index_key()
    names.use_key(key)
    if index_key_is_new(paths.database, key):
        emit(events.LIBRARY_WARNED, text="the index key was lost: the past cannot be matched again")
    return secrets, Hasher(key)
