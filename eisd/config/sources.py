"""Reading the files: bytes to parsed TOML with the place of every key, and what is wrong with it.

A syntax error on a line of its own does not hide the rest: that line is left out and the file is
read on, so that one run names every mistake.
"""

from __future__ import annotations

import errno
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eisd.config import positions
from eisd.config.paths import DROP_INS, drop_ins, read_file
from eisd.config.positions import Place
from eisd.config.problems import Problem, is_secret_name, mask_line, mask_source
from eisd.errors import ExitCode, UserError

MAX_SYNTAX_ERRORS: Final = 20

Pending = Mapping[Path, str | None]
"""Texts that are to be read instead of what a file holds (None: as if it were not there)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its values, the places of its keys, its lines as they may be shown."""

    path: Path
    doc: dict[str, Any] = field(default_factory=dict)
    places: dict[positions.Path, Place] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    lost: str | None = ""
    """The text that could not be read; None when nobody knows what the file holds."""

    def line(self, number: int) -> str:
        """A source line, secrets masked; empty when there is none."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""


def read_all(path: Path, pending: Pending | None = None) -> list[Source]:
    """The configuration file and its drop-ins in the order in which they count.

    Raises:
        UserError: with code 66 when the configuration file itself cannot be read.
    """
    pending = pending or {}
    text = pending.get(path)
    data = text.encode() if text is not None else _read_main(path)
    sources = [parse(path, data)]
    try:
        found = _drop_ins(path.parent / DROP_INS, pending)
    except OSError as error:
        sources.append(_unreadable(path.parent / DROP_INS, error))
        return sources
    for drop_in in found:
        text = pending.get(drop_in)
        try:
            data = text.encode() if text is not None else read_file(drop_in)
        except OSError as error:
            sources.append(_unreadable(drop_in, error))
        else:
            sources.append(parse(drop_in, data))
    return sources


def read_texts(path: Path) -> dict[Path, str]:
    """The texts of the configuration file and its drop-ins, as they stand there.

    Raises:
        UserError: (66) one cannot be read, or is no UTF-8.
    """
    texts = {path: _read_main(path)}
    try:
        texts |= {one: read_file(one) for one in _drop_ins(path.parent / DROP_INS, {})}
        return {one: data.decode("utf-8") for one, data in texts.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the configuration: {error}", code=ExitCode.NO_INPUT) from None


def _read_main(path: Path) -> bytes:
    try:
        return read_file(path)
    except FileNotFoundError:
        raise UserError(
            f"there is no configuration at {path}",
            hint="write one with: eisd init, or name yours with -c FILE",
            code=ExitCode.NO_INPUT,
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}",
            hint="" if error.errno == errno.EFBIG else "look at the file's owner and mode",
            code=ExitCode.NO_INPUT,
        ) from None


def _drop_ins(directory: Path, pending: Pending) -> list[Path]:
    """The drop-ins that are there, or would be."""
    try:
        found = set(directory.iterdir())
    except FileNotFoundError:
        found = set()
    found |= {path for path, text in pending.items() if path.parent == directory and text}
    found -= {path for path, text in pending.items() if text is None}
    return drop_ins(found)


def _unreadable(path: Path, error: OSError) -> Source:
    message = f"cannot be read: {error.strerror}"
    return Source(path, problems=(Problem(path, 1, 1, "", message, code="unreadable"),), lost=None)


def parse(path: Path, data: bytes) -> Source:
    """A file's bytes; never raises, whatever they are."""
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        return Source(path, problems=(_not_utf8(path, data, error),), lost=None)
    text = text.replace("\r\n", "\n")
    readable, errors = _without_syntax_errors(path, text)
    if readable is None:
        return Source(path, problems=tuple(errors), lost=text)
    doc = tomllib.loads(readable)
    found = positions.scan(readable)
    lines = tuple(mask_source(readable, found).split("\n"))
    left_out = "\n".join(text.split("\n")[error.line - 1] for error in errors)
    return Source(path, doc, found.places, lines, tuple(errors), left_out)


def _not_utf8(path: Path, data: bytes, error: UnicodeDecodeError) -> Problem:
    before = data[: error.start].decode().removeprefix("\ufeff").replace("\r\n", "\n")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Problem(
        path, line, column, "", "this is not UTF-8 text", "save the file as UTF-8", "encoding"
    )


def _without_syntax_errors(path: Path, text: str) -> tuple[str | None, list[Problem]]:
    """A text that parses, and the errors of the lines that had to be left out for it.

    None instead of a text when leaving out single lines does not help; then only the first error
    is certain, the others may follow from it.
    """
    errors: list[Problem] = []
    lines = text.split("\n")
    while len(errors) < MAX_SYNTAX_ERRORS:
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            problem = _syntax(path, "\n".join(lines), str(error))
        except (ValueError, RecursionError):
            message = "a value is too large or nested too deeply"
            return None, [Problem(path, 1, 1, "", message, code="syntax")]
        else:
            return "\n".join(lines), errors
        errors.append(problem)
        if not _PAIR.match(lines[problem.line - 1]):
            break
        lines[problem.line - 1] = ""
    return None, errors[:1]


_PAIR = re.compile(r"""\s*["']?[\w.-]+["']?\s*(?:[=:]|\s\w)""")
_AT = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)
_BARE = re.compile(r"\s*([\w.-]+)\s*=\s*([\w@./:+\\-]+)\s*(?:#.*)?", re.ASCII)


def _syntax(path: Path, text: str, message: str) -> Problem:
    """`tomllib` says what and where in one sentence; the rest is for the reader's comfort."""
    lines = text.split("\n")
    if found := _AT.fullmatch(message):
        what, line, column = found[1], int(found[2]), int(found[3])
    else:
        what, line, column = "unexpected end of the file", len(lines), len(lines[-1]) + 1
    row = lines[line - 1]
    if what.startswith("Cannot "):  # reported at the value's end: show the key instead
        column = len(row) - len(row.lstrip()) + 1
        what += ": it is there already"
    return Problem(
        path,
        line,
        column,
        "",
        what[0].lower() + what[1:],
        _syntax_hint(row),
        "syntax",
        source_line=mask_line(text, line),
    )


def _syntax_hint(row: str) -> str:
    if found := _BARE.fullmatch(row):
        name, value = found.groups()
        secret = any(map(is_secret_name, name.split(".")))
        return f'a text needs quotes: {name} = "{"..." if secret else value}"'
    if re.match(r"\s*[\w.-]+\s*:\s", row):
        return "TOML is written: key = value"
    return ""
