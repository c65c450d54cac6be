"""Writing drop-ins: the one part of the configuration that commands may change.

``config.toml`` and an operator's own drop-ins are never rewritten. What we write is judged as part
of the whole configuration first and put in place by a rename, so a reader sees the old file or the
new one; a lock keeps two commands from losing each other's change.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import tomli_w

from eisd.config.explain import dotted
from eisd.config.load import CheckDriver, load
from eisd.config.paths import DROP_INS, sync
from eisd.config.positions import Path as KeyPath
from eisd.config.show import leaves
from eisd.errors import ExitCode, UserError

HEADER: Final = "# written by eisd; change it with eisd, or copy what you want into config.toml\n"

SET_NAME: Final = "zz-eisd-set"
"""The drop-in of `config set`: behind the mailboxes' own in byte order, so that it wins."""


def write_dropin(
    config_path: Path,
    name: str,
    table: dict[str, Any],
    *,
    check_driver: CheckDriver | None = None,
) -> Path:
    """Write ``conf.d/NAME.toml``, unless the configuration would be refused with it.

    Raises:
        ConfigRefused: and nothing was written.
    """
    target = dropin_path(config_path, name)
    with _locked(target.parent, config_path):
        _put(config_path.absolute(), target, table, check_driver)
    return target


def remove_dropin(config_path: Path, name: str) -> bool:
    """Remove ``conf.d/NAME.toml``; False when it is not there. Refused as `write_dropin` is."""
    target = dropin_path(config_path, name)
    if not target.exists():
        return False
    with _locked(target.parent, config_path):
        _put(config_path.absolute(), target, {}, None)
    return True


def set_value(
    config_path: Path, key: str, value: str, *, check_driver: CheckDriver | None = None
) -> Path:
    """Set one key in our own drop-in. ``value`` is TOML, or a text where it is not.

    Raises:
        ConfigRefused: when the configuration would be refused with it.
        UserError: when a later file has the last word on this key.
    """
    path = parse_key(key)
    target = dropin_path(config_path, SET_NAME)
    with _locked(target.parent, config_path):
        doc = _read(target)
        sets: dict[str, Any] = {}
        for tree in (doc, sets):
            _table_at(tree, path)[path[-1]] = parse_value(value)
        _put(config_path.absolute(), target, doc, check_driver, sets=sets)
    return target


def unset_value(config_path: Path, key: str, *, check_driver: CheckDriver | None = None) -> bool:
    """Take a key out of our own drop-in again; False when it is not there."""
    path = parse_key(key)
    target = dropin_path(config_path, SET_NAME)
    if not target.exists():
        return False
    with _locked(target.parent, config_path):
        doc = _read(target)
        if not _drop(doc, path):
            return False
        _put(config_path.absolute(), target, doc, check_driver)
    return True


def dropin_path(config_path: Path, name: str) -> Path:
    """Where the drop-in of that name lies."""
    return config_path.absolute().parent / DROP_INS / f"{name}.toml"


def parse_key(key: str) -> tuple[str, ...]:
    """A dotted key as TOML writes it: ``log.level``, ``mailboxes."a.b".window``."""
    try:
        doc: Any = tomllib.loads(f"{key} = 0") if "\n" not in key and "=" not in key else {}
    except tomllib.TOMLDecodeError:
        doc = {}
    path: list[str] = []
    while isinstance(doc, dict) and len(doc) == 1:
        name, doc = next(iter(doc.items()))
        path.append(name)
    if not path or doc != 0:
        raise UserError(f"want a dotted key such as log.level, got {key!r}", code=ExitCode.USAGE)
    return tuple(path)


def parse_value(text: str) -> Any:
    """A value as TOML writes it; anything that is no TOML value is a text: ``10m``, ``info``."""
    try:
        doc = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):
        return text
    return doc["v"] if len(doc) == 1 else text


def _table_at(doc: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    table = doc
    for step in path[:-1]:
        table = table.setdefault(str(step), {})
        if not isinstance(table, dict):
            raise UserError(f"{dotted(path)} is below a key that is no table", code=ExitCode.USAGE)
    return table


def _drop(doc: dict[str, Any], path: KeyPath) -> bool:
    """Remove a key, and the tables that are empty without it."""
    key = str(path[0])
    if len(path) == 1:
        return doc.pop(key, None) is not None
    below = doc.get(key)
    if not isinstance(below, dict) or not _drop(below, path[1:]):
        return False
    if not below:
        del doc[key]
    return True


def _read(target: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(target.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {target}: {error}", code=ExitCode.CONFIG) from None


def _put(
    config_path: Path,
    target: Path,
    doc: dict[str, Any],
    check_driver: CheckDriver | None,
    *,
    sets: dict[str, Any] | None = None,
) -> None:
    """Judge the whole with the new drop-in, then put it in place; an empty one is removed.

    ``sets`` is the part of it that has to be in force afterwards.
    """
    text = HEADER + tomli_w.dumps(doc) if doc else None
    loaded = load(config_path, check_driver=check_driver, pending={target: text})
    for path, _ in leaves(sets or {}):
        if (origin := loaded.origins.get(path)) and origin.file != target:
            raise UserError(
                f"{dotted(path)} is set by a later file: {origin}",
                hint="change it there",
                code=ExitCode.CONFIG,
            )
    try:
        if text is None:
            target.unlink(missing_ok=True)
            sync(target.parent)
        else:
            replace_file(target, text, like=config_path)
    except OSError as error:
        raise _cannot_write(target, error) from None


def replace_file(target: Path, text: str, *, like: Path) -> None:
    """Write a file whole or not at all, durable, with another's owner and mode.

    The daemon must be able to read what root writes, so it gets the configuration's own rights.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            facts = like.stat()
            with suppress(PermissionError):  # not root: the file is the caller's
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fchmod(file.fileno(), facts.st_mode & 0o666)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(target.parent)


@contextmanager
def _locked(directory: Path, config_path: Path) -> Iterator[None]:
    """Hold the drop-in directory's lock; makes the directory with the rights of the one above."""
    try:
        if not directory.exists():
            facts = config_path.absolute().parent.stat()
            directory.mkdir(exist_ok=True)
            directory.chmod(facts.st_mode & 0o777)
            with suppress(PermissionError):
                os.chown(directory, facts.st_uid, facts.st_gid)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _cannot_write(directory, error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write {path}: {error.strerror}",
        hint="run it as the user who owns the configuration",
        code=ExitCode.CANT_CREATE,
    )
