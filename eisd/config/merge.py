"""Laying one file's values over another's, and remembering where each came from. Pure.

Tables merge, arrays replace, later wins. A secret's reference counts as one value: a later
``{ env = ... }`` replaces an earlier ``{ file = ... }`` rather than adding to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from eisd.config.positions import Path, Place, paths
from eisd.config.problems import is_secret_name
from eisd.config.secrets import KINDS


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a place in a file, or (``file`` is None) a preset."""

    file: FilePath | None
    line: int = 1
    column: int = 1
    note: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else self.note


Origins = dict[Path, Origin]


class Merged:
    """The values of all files so far, and the origin of each path in them."""

    def __init__(self) -> None:
        self.doc: dict[str, Any] = {}
        self.origins: Origins = {}

    def lay(self, doc: Mapping[str, Any], file: FilePath, places: Mapping[Path, Place]) -> None:
        """Lay a file's values over what is here."""
        origins = {path: Origin(file, *place) for path, place in places.items()}
        self._tables(self.doc, doc, (), origins, replace=True)

    def lay_under(self, doc: Mapping[str, Any], note: str) -> None:
        """Add a preset's values where nothing else is said."""
        origins = {path: Origin(None, note=note) for path in paths(doc)}
        self._tables(self.doc, doc, (), origins, replace=False)

    def _tables(
        self,
        into: dict[str, Any],
        table: Mapping[str, Any],
        base: Path,
        origins: Origins,
        *,
        replace: bool,
    ) -> None:
        for key, value in table.items():
            path = (*base, key)
            there = into.get(key)
            if (
                isinstance(there, dict)
                and isinstance(value, dict)
                and not _is_reference(key, value)
            ):
                self.origins.setdefault(path, origins[path])
                self._tables(there, value, path, origins, replace=replace)
            elif replace or key not in into:
                for old in paths(there, path):
                    del self.origins[old]
                into[key] = deepcopy(value)
                self._take_origins(path, value, origins)

    def _take_origins(self, path: Path, value: Any, origins: Origins) -> None:
        self.origins[path] = origins[path]
        for new in paths(value, path):
            self.origins[new] = origins[new]


def _is_reference(key: str, value: Mapping[str, Any]) -> bool:
    return is_secret_name(key) and len(value) == 1 and next(iter(value)) in KINDS
