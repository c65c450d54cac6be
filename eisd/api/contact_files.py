"""Contacts in files: CSV, JSON Lines and vCard 3 and 4, read with every bad row named, and written.

Reading never stops at the first mistake. Text may be UTF-8 with or without a byte order mark,
UTF-16 with one, or what Excel writes where it writes no UTF-8 (Windows-1252); line ends may be any.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import IO, Any, Final, TextIO

from eisd.api import vcards
from eisd.api.contact_rows import DEFAULT_WORKSPACE, BadRow, Rows
from eisd.errors import ExitCode, UserError

COLUMNS: Final = ("id", "name", "emails", "workspace", "kind", "company")
FILE_MAX: Final = 1 << 30
"""Octets of the largest file that is read."""
LINE_MAX: Final = 1 << 20
"""Characters of the longest line of JSON that is read."""
FORMATS: Final = ("csv", "jsonl", "vcf")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SUFFIXES: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".vcf": "vcf",
    ".vcard": "vcf",
}


def format_of(name: str) -> str:
    """``csv``, ``jsonl`` or ``vcf``, by a file's name."""
    found = _SUFFIXES.get(PurePath(name).suffix.lower())
    if found is None:
        raise UserError(
            f"{name}: want a .csv, .jsonl or .vcf file",
            hint="rename it, or say what it is: --format csv",
            code=ExitCode.USAGE,
        )
    return found


def read(data: bytes, format_: str, *, workspace: str = DEFAULT_WORKSPACE) -> Rows:
    """The contacts of a file; ``workspace`` is that of rows which name none."""
    return read_open(io.BytesIO(data), format_, workspace)


def read_file(path: Path, format_: str, *, workspace: str = DEFAULT_WORKSPACE) -> Rows:
    """The contacts of a file on disk, without all of it in memory.

    Raises:
        UserError: (66) it cannot be read; (65) it is too large.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > FILE_MAX:
                raise UserError(f"{path}: more than {FILE_MAX} octets", code=ExitCode.DATA)
            return read_open(file, format_, workspace)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", code=ExitCode.NO_INPUT) from error


def read_open(file: IO[bytes], format_: str, workspace: str) -> Rows:
    """The contacts of a file that is open and can be read twice."""
    readers: Mapping[str, Callable[[TextIO, str], Rows]] = {
        "csv": _read_csv,
        "jsonl": _read_jsonl,
        "vcf": _read_vcf,
    }
    file.seek(0)
    start = file.read(2)
    wide = start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        file.seek(0)
        errors = "strict" if encoding == "utf-8-sig" else "replace"
        newline = "\n" if format_ == "jsonl" else ""
        text = io.TextIOWrapper(file, encoding, errors, newline)
        try:
            return readers[format_](text, workspace).finish()
        except UnicodeDecodeError:
            continue  # Excel, where it writes no UTF-8
        finally:
            text.detach()
    raise AssertionError("every octet is a character of cp1252")


def refusal(
    name: str, bad: Iterable[BadRow], *, replace: bool = False, shown: int = 50
) -> UserError:
    """Why a file is refused: each bad row as ``file:line: problem``, at most ``shown`` of them."""
    listed = sorted(bad, key=lambda row: row.line)
    lines = [f"{name}:{row.line}: {row.problem}" for row in listed[:shown]]
    if len(listed) > shown:
        lines.append(f"... and {len(listed) - shown} more")
    count = "1 bad row" if len(listed) == 1 else f"{len(listed)} bad rows"
    hint = "mend the rows, or leave them out with --skip-bad"
    if any(row.is_fatal for row in listed):
        hint = "mend the file"
    elif replace:
        hint = "mend the rows: with --replace, whose row is left out would be removed"
    return UserError(
        "\n".join([*lines, f"{count}: nothing was imported"]),
        hint=hint,
        code=ExitCode.DATA,
    )


def _read_csv(text: TextIO, workspace: str) -> Rows:
    rows = Rows()
    first = text.readline()
    while first and not first.strip():
        first = text.readline()
    text.seek(0)
    reader = csv.reader(text, delimiter=_delimiter(first), strict=True)
    columns: _Columns | None = None
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:  # a quote that never ends: what follows cannot be told apart
            rows.bad.append(BadRow(line, f"no CSV: {error}", is_fatal=True))
            break
        if columns is None:
            names = [cell.strip().lower() for cell in cells]
            if problem := _header_problem(names):
                rows.bad.append(BadRow(line, problem, is_fatal=True))
                break
            columns = _Columns.of(names)
        elif any(map(str.strip, cells)):
            _add_csv(rows, line, columns, cells, workspace)
        line = reader.line_num + 1
    if columns is None and not rows.bad:
        rows.bad.append(BadRow(1, f"no header; want {','.join(COLUMNS)}", is_fatal=True))
    return rows


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a row what stands; -1: nowhere."""

    count: int
    texts: tuple[int, ...]
    """Of workspace, id, name, kind and company."""
    emails: int

    @classmethod
    def of(cls, names: list[str]) -> _Columns:
        """By the header."""
        where = {name: at for at, name in enumerate(names)}
        wanted = ("workspace", "id", "name", "kind", "company")
        return cls(len(names), tuple(where.get(name, -1) for name in wanted), where["emails"])


def _delimiter(header: str) -> str:
    """A comma, or what the header separates its names with if it has no comma."""
    return next((mark for mark in ",;\t" if mark in header), ",")


def _header_problem(columns: list[str]) -> str:
    """Why this is no header of ours, or nothing. Columns of other meaning are passed over."""
    for column in columns:
        near = get_close_matches(column, COLUMNS, n=1, cutoff=0.75)
        if column not in COLUMNS and near and near[0] not in columns:
            return f"unknown column {column!r}; did you mean {near[0]!r}?"
        if column in COLUMNS and columns.count(column) > 1:
            return f"the column {column!r} stands twice"
    missing = [name for name in ("id", "emails") if name not in columns]
    return f"the header lacks {' and '.join(missing)}; want {','.join(COLUMNS)}" if missing else ""


def _add_csv(rows: Rows, line: int, columns: _Columns, cells: list[str], workspace: str) -> None:
    if len(cells) != columns.count:
        rows.bad.append(BadRow(line, f"{len(cells)} cells where the header has {columns.count}"))
        return
    texts = ["" if at < 0 else cells[at] for at in columns.texts]
    texts[0] = texts[0].strip() or workspace
    rows.add_flat(line, texts, [one for one in cells[columns.emails].split(";") if one.strip()])


def _read_jsonl(text: TextIO, workspace: str) -> Rows:
    rows = Rows()
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        if len(line) > LINE_MAX:
            rows.bad.append(BadRow(number, f"more than {LINE_MAX} characters"))
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            rows.bad.append(BadRow(number, "no JSON"))
            continue
        if isinstance(value, dict):
            rows.add(number, value, workspace)
        else:
            rows.bad.append(BadRow(number, "want one JSON object a line"))
    return rows


def _lines(text: TextIO) -> Iterator[str]:
    """Lines of JSON; of one that is too long its beginning, too long still."""
    while line := text.readline(LINE_MAX + 1):
        rest = line
        while rest and not rest.endswith("\n"):
            rest = text.readline(LINE_MAX)
        yield line


def _read_vcf(text: TextIO, workspace: str) -> Rows:
    rows = Rows()
    for line, card in vcards.read(text):
        if isinstance(card, str):
            rows.bad.append(BadRow(line, card))
        else:
            rows.add(line, card, workspace)
    return rows


def write(contacts: Iterable[Mapping[str, Any]], format_: str) -> Iterator[str]:
    """The lines of a file with these contacts (in their JSON form), each with its line end.

    CSV and vCard have no place for an address's times: they hold the current ones. In CSV a name
    or company that a spreadsheet would run as a formula gets an apostrophe in front (CWE-1236),
    which importing does not take away.
    """
    if format_ == "jsonl":
        return (json.dumps(dict(one), ensure_ascii=False) + "\n" for one in contacts)
    if format_ == "vcf":
        return (vcards.write(one, _current(one)) for one in contacts)
    return _write_csv(contacts)


def _write_csv(contacts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")

    def line(cells: Iterable[str]) -> str:
        writer.writerow(cells)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    yield line(COLUMNS)
    for one in contacts:
        yield line(
            [
                one["id"],
                _plain(one["name"]),
                ";".join(_current(one)),
                one["workspace"],
                one["kind"],
                _plain(one["company"]),
            ]
        )


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _current(one: Mapping[str, Any]) -> list[str]:
    """The current addresses, the primary one first."""
    current = [address for address in one["addresses"] if address["ended_at"] is None]
    return [a["address"] for a in sorted(current, key=lambda a: not a["primary"])]
