"""Configuration files of older versions, brought to this one with their comments.

A version of the format is a number in ``config.toml``. When a release changes the format it raises
`VERSION` and gives the step from the version before; steps change texts, not values, so that an
operator finds the file again.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from eisd.config.schema import VERSION
from eisd.errors import ConfigError

Step = Callable[[str], str]
"""The text of one file to the text that means the same in the next version."""

STEPS: Final[Mapping[int, Step]] = {}
"""The step from each version to the one after it; every version below `VERSION` has one."""

_VERSION_LINE: Final = re.compile(r"^version[ \t]*=[ \t]*\d+", re.MULTILINE)


def migrated(
    main: Path, texts: Mapping[Path, str], steps: Mapping[int, Step] = STEPS, to: int = VERSION
) -> dict[Path, str]:
    """The files whose text has to change, and their new text.

    ``texts`` are all files; ``main`` is the one that says the version.

    Raises:
        ConfigError: it is no TOML, or of a newer version.
    """
    version = _version(main, texts[main], to)
    new = dict(texts)
    for number in range(version, to):
        new = {path: steps[number](text) for path, text in new.items()}
    new[main] = _with_version(new[main], to)
    return {path: text for path, text in new.items() if text != texts[path]}


def difference(path: Path, old: str, new: str) -> Iterator[str]:
    """A unified diff, a line each."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), str(path), f"{path} (migrated)", lineterm=""
    )
    yield from lines


def _version(path: Path, text: str, newest: int) -> int:
    try:
        given = tomllib.loads(text).get("version", 1)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", hint="eisd config check") from error
    if not isinstance(given, int) or not 1 <= given <= newest:
        raise ConfigError(
            f"{path} is of version {given}; this eisd knows versions 1 to {newest}",
            hint="upgrade eisd",
        )
    return given


def _with_version(text: str, version: int) -> str:
    """The text that says its version: in the line that does, else before everything else."""
    line = f"version = {version}"
    if "version" in tomllib.loads(text):
        return _VERSION_LINE.sub(line, text, count=1)
    return f"{line}\n{text}"
