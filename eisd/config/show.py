"""Settings written back as TOML: valid, in the schema's order, and loading to the same settings.

Secrets appear as the references they are; there is nothing else to show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import tomli_w

from eisd.config.explain import dotted
from eisd.config.load import Loaded
from eisd.config.merge import Origins
from eisd.config.positions import Path
from eisd.config.schema import Settings

Comment = Callable[[Path], str]


def tables(settings: Settings) -> dict[str, Any]:
    """Every key of the settings with its value, as plain TOML values."""
    plain: dict[str, Any] = _plain(settings.model_dump(exclude_none=True))
    return plain


def given(loaded: Loaded) -> dict[str, Any]:
    """The keys that a file or a preset gives, with their values as they are in force."""
    return _kept(tables(loaded.settings), (), loaded.origins)


def defaults() -> dict[str, Any]:
    """What is in force when nothing is said."""
    return tables(Settings())


def origins_of(doc: dict[str, Any], origins: Origins) -> dict[str, str]:
    """The origin of every value of a document, by dotted key."""
    return {dotted(path): origin_of(path, origins) for path, _ in leaves(doc)}


def origin_of(path: Path, origins: Origins) -> str:
    """Where a value comes from: ``file:line``, a preset, or ``default``."""
    for size in range(len(path), 0, -1):
        if (origin := origins.get(path[:size])) is not None and (
            size == len(path) or isinstance(path[size], int)
        ):
            return str(origin)
    return "default"


def leaves(value: Any, base: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no table, with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*base, key))
    elif _is_tables(value):
        for index, item in enumerate(value):
            yield from leaves(item, (*base, index))
    else:
        yield base, value


def render(doc: dict[str, Any], comment: Comment | None = None) -> str:
    """A document as TOML text; ``comment`` says what stands behind each value."""
    return "\n".join(_lines(doc, (), (), comment)).strip("\n") + "\n"


def _lines(table: dict[str, Any], name: Path, path: Path, comment: Comment | None) -> Iterator[str]:
    """A table's values, then its tables. ``name`` is the header's key, ``path`` counts items."""
    for key, value in table.items():
        if not _is_section(value):
            note = comment((*path, key)) if comment else ""
            yield f"{_key(key)} = {one_line(value)}" + (f"  # {note}" if note else "")
    for key, value in table.items():
        if not _is_section(value):
            continue
        header = ".".join(_key(str(step)) for step in (*name, key))
        if isinstance(value, dict):
            if not value or not all(_is_section(item) for item in value.values()):
                yield from ("", f"[{header}]")
            yield from _lines(value, (*name, key), (*path, key), comment)
        else:
            for index, item in enumerate(value):
                yield from ("", f"[[{header}]]")
                yield from _lines(item, (*name, key), (*path, key, index), comment)


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) or _is_tables(value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(i, dict) for i in value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else _scalar(name)


def one_line(value: Any) -> str:
    """A value in TOML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(one_line(item) for item in value)}]"
    if isinstance(value, dict):
        items = ", ".join(f"{_key(k)} = {one_line(v)}" for k, v in value.items())
        return f"{{ {items} }}" if items else "{}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return tomli_w.dumps({"v": value}).removeprefix("v = ").removesuffix("\n")


def _plain(value: Any) -> Any:
    """Lists for tuples and plain text for enumerations."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _kept(table: dict[str, Any], base: Path, origins: Origins) -> dict[str, Any]:
    kept = {}
    for key, value in table.items():
        path = (*base, key)
        if path in origins:
            kept[key] = _kept(value, path, origins) if isinstance(value, dict) else value
    return kept
