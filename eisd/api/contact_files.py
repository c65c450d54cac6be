"""Contacts in files: CSV, JSON Lines and vCard 3 and 4, read with every bad row named, and written.

Reading never stops at the first mistake. Text may be UTF-8 with or without a byte order mark,
UTF-16 with one, or what Excel writes where it writes no UTF-8 (Windows-1252); line ends may be any.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Final

from eisd.api import vcards
from eisd.api.contact_rows import DEFAULT_WORKSPACE, BadRow, Rows
from eisd.errors import ExitCode, UserError

COLUMNS: Final = ("id", "name", "emails", "workspace", "kind", "company")
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
    readers: Mapping[str, Callable[[str, str], Rows]] = {
        "csv": _read_csv,
        "jsonl": _read_jsonl,
        "vcf": _read_vcf,
    }
    return readers[format_](_decode(data), workspace)


def refusal(name: str, bad: Iterable[BadRow], *, shown: int = 50) -> UserError:
    """Why a file is refused: each bad row as ``file:line: problem``, at most ``shown`` of them."""
    listed = sorted(bad, key=lambda row: row.line)
    lines = [f"{name}:{row.line}: {row.problem}" for row in listed[:shown]]
    if len(listed) > shown:
        lines.append(f"... and {len(listed) - shown} more")
    count = "1 bad row" if len(listed) == 1 else f"{len(listed)} bad rows"
    return UserError(
        "\n".join([*lines, f"{count}: nothing was imported"]),
        hint="mend the rows, or leave them out with --skip-bad",
        code=ExitCode.DATA,
    )


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _read_csv(text: str, workspace: str) -> Rows:
    rows = Rows()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: list[str] | None = None
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:  # a quote that never ends: what follows cannot be told apart
            rows.bad.append(BadRow(line, f"no CSV: {error}"))
            break
        if columns is None:
            columns = [cell.strip().lower() for cell in cells]
            if problem := _header_problem(columns):
                rows.bad.append(BadRow(line, problem))
                break
        elif any(cell.strip() for cell in cells):
            _add_csv(rows, line, columns, cells, workspace)
        line = reader.line_num + 1
    if columns is None and not rows.bad:
        rows.bad.append(BadRow(1, f"no header; want {','.join(COLUMNS)}"))
    return rows


def _delimiter(text: str) -> str:
    """A comma, or what the header separates its names with if it has no comma."""
    header = text.lstrip().partition("\n")[0]
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


def _add_csv(rows: Rows, line: int, columns: list[str], cells: list[str], workspace: str) -> None:
    if len(cells) != len(columns):
        rows.bad.append(BadRow(line, f"{len(cells)} cells where the header has {len(columns)}"))
        return
    given = dict(zip(columns, cells, strict=True))
    values: dict[str, Any] = {name: given[name] for name in COLUMNS if name in given}
    values["emails"] = [one for one in values["emails"].split(";") if one.strip()]
    rows.add(line, values, workspace)


def _read_jsonl(text: str, workspace: str) -> Rows:
    rows = Rows()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
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


def _read_vcf(text: str, workspace: str) -> Rows:
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
