"""Where commands reach the daemon, found without the schema where the configuration is plain.

The schema takes a third of a second to import, and most of what a command needs to know is one
path. Two tables decide it. Where they hold nothing but texts of the keys that are known here, they
are read here; anything else is for `eisd.config.load.reachable`, whose answer is the same.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from eisd.config.paths import DROP_INS, drop_ins, first_socket, places, read_file
from eisd.config.units import Listen, parse_listen

_KEYS: Final = {"daemon": {"state_dir"}, "api": {"listen"}}


def find_socket(path: Path, *, environ: Mapping[str, str] | None = None) -> Path | None:
    """The API's Unix socket; None when the configuration names none.

    Raises:
        ConfigRefused: not even that much can be read.
        UserError: with code 66 when there is no configuration to read.
    """
    try:
        state_dir, listen = _plainly(path.absolute())
    except (OSError, ValueError, TypeError, RuntimeError):
        from eisd.config.load import reachable  # noqa: PLC0415 - pydantic is slow to import

        return reachable(path, environ=environ)
    return first_socket(places(path.absolute(), state_dir, listen, environ)[1])


def _plainly(path: Path) -> tuple[Path | None, tuple[Listen, ...] | None]:
    """``daemon.state_dir`` and ``api.listen``; raises where there is more to be said."""
    merged: dict[str, dict[str, Any]] = {table: {} for table in _KEYS}
    for file in (path, *_beside(path)):
        doc = tomllib.loads(read_file(file).decode())
        for table, known in _KEYS.items():
            given = doc.get(table, {})
            if not isinstance(given, dict) or not given.keys() <= known:
                raise TypeError
            merged[table].update(given)
    state_dir, listen = merged["daemon"].get("state_dir"), merged["api"].get("listen")
    if not isinstance(state_dir, str | None) or not isinstance(listen, list | None):
        raise TypeError
    if state_dir is not None and (not state_dir or "\0" in state_dir):
        raise ValueError
    return (
        None if state_dir is None else Path(state_dir).expanduser(),
        None if listen is None else tuple(map(parse_listen, listen)),
    )


def _beside(path: Path) -> list[Path]:
    try:
        return drop_ins((path.parent / DROP_INS).iterdir())
    except FileNotFoundError:
        return []
