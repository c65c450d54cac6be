"""What pydantic found, said for the operator: one sentence, a hint, a suggestion for a misspelling.

Pure: errors in, findings out; `eisd.config.load` gives each its file, line and column.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import ErrorDetails

from eisd.config.positions import Path
from eisd.config.problems import is_secret_name, suggest
from eisd.config.schema import Settings
from eisd.config.types import Table
from eisd.config.units import shown


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a path of the configuration, not yet at a place in a file."""

    path: Path
    message: str
    hint: str = ""
    code: str = "value"
    also: Path | None = None
    """Another path the sentence is about; its place is put where the message says ``{also}``."""
    needs: str = ""
    """The name that is missing, for findings that are wrong if it stands in an unreadable line."""
    severity: typing.Literal["error", "warning"] = "error"


def dotted(path: Iterable[str | int]) -> str:
    """A path as an operator writes it: ``mailboxes.sales.imap.port``, ``blocklist[0].entry``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[A-Za-z0-9_-]+", step, re.ASCII) else f'"{step}"'
            text += f".{name}" if text else name
    return text


def explain(errors: Sequence[ErrorDetails], base: Path = ()) -> list[Finding]:
    """The findings behind a validation's errors; what follows from another error is left out.

    ``base`` is the path of what was validated.
    """
    errors = [{**error, "loc": (*base, *error["loc"])} for error in errors]
    unknown = [e for e in errors if e["type"] == "extra_forbidden"]
    missing = [e for e in errors if e["type"] == "missing"]
    findings = []
    meant = set()
    for error in unknown:
        path = tuple(error["loc"])
        lacking = [str(e["loc"][-1]) for e in missing if tuple(e["loc"])[:-1] == path[:-1]]
        if name := suggest(str(path[-1]), lacking):
            meant.add((*path[:-1], name))
        findings.append(unknown_key(path, error["input"], name))
    places = {tuple(e["loc"]) for e in errors}
    for error in errors:
        path = tuple(error["loc"])
        if error["type"] == "extra_forbidden" or path in meant:
            continue
        if error["type"] == "too_short" and any(p[:-1] == path for p in places):
            continue  # the list is short because an item of it was refused
        findings.append(_finding(path, error))
    return findings


def unknown_key(path: Path, value: object, meant: str = "") -> Finding:
    """A key or table that is not in the schema, with what was probably meant."""
    name = str(path[-1])
    noun = "table" if isinstance(value, dict) else "key"
    model = table_at(path[:-1])
    if meant:
        hint = f"did you mean '{meant}'?"
    else:
        here = {key: f"did you mean '{key}'?" for key in keys_of(model)}
        hint = _best(name, _elsewhere(path[:-1]) | here)
    return Finding(path, f"unknown {noun} '{_printable(name)}'", hint, "unknown_key")


def table_at(path: Path) -> type[Table] | None:
    """The schema of the table at a path; None where there is none."""
    kind: Any = Settings
    for step in path:
        kind = _step(kind, step)
    return kind if isinstance(kind, type) and issubclass(kind, Table) else None


def keys_of(model: type[Table] | None) -> list[str]:
    """The keys an operator may write in a table."""
    if model is None:
        return []
    names = [name for name in model.model_fields if name != "driver_tables"]
    return [*names, "imap", "smtp"] if len(names) < len(model.model_fields) else names


def _step(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Table):
        field = kind.model_fields.get(str(step))
        return _bare(field.annotation) if field else None
    match typing.get_origin(kind):
        case origin if origin is dict:
            return _bare(typing.get_args(kind)[1])
        case origin if origin is tuple:
            return _bare(typing.get_args(kind)[0])
    return None


def _bare(kind: Any) -> Any:
    """A type without ``Annotated`` and ``| None``."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return _bare(next(arg for arg in typing.get_args(kind) if arg is not types.NoneType))
    return kind


def _elsewhere(parent: Path) -> dict[str, str]:
    """Keys of other tables by name, with the hint that says where such a key belongs."""
    homes: dict[str, list[str]] = {}
    for table in Settings.model_fields:
        model = table_at((table,))
        for name in model.model_fields if model is not None and (table,) != parent else ():
            homes.setdefault(name, []).append(table)
    hints = {n: f"'{n}' belongs in [{at[0]}]" for n, at in homes.items() if len(at) == 1}
    top = {n: f"'{n}' belongs at the top of the file" for n in ("version", "preset")}
    return hints | (top if parent else {})


def _best(name: str, hints: dict[str, str]) -> str:
    """The hint of the key that is most like the name."""
    return hints.get(suggest(name, hints), "")


def _finding(path: Path, error: ErrorDetails) -> Finding:
    kind = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "eisd":
        return Finding(_without_key(path), context["text"], context["hint"], context["code"])
    if kind == "missing":
        return Finding(path, f"missing key '{path[-1]}'", code="missing_key", needs=str(path[-1]))
    value = error["input"]
    quoted = "" if _is_secret(path) else f", got {shown(value)}"
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'|\b(\d+)\b", context["expected"])
        names = [a or b for a, b in choices] or [context["expected"].lower()]
        return _choice(path, value, names, quoted)
    if sentence := _SENTENCES.get(kind):
        message, hint = sentence(context, value)
        hint = hint if quoted else ""
        return Finding(_without_key(path), message + quoted, hint, "type")
    return Finding(_without_key(path), str(error["msg"]).removeprefix("Value error, "))


def _choice(path: Path, value: object, choices: list[str], quoted: str) -> Finding:
    if path == ("version",):
        return _version(path, value)
    allowed = ", ".join(f"'{choice}'" for choice in choices)
    meant = suggest(value, choices, cutoff=0.5) if isinstance(value, str) else ""
    hint = f"did you mean '{meant}'?" if meant else ""
    return Finding(path, f"want one of {allowed}{quoted}", hint, "choice")


def _version(path: Path, value: object) -> Finding:
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        return Finding(
            path,
            f"this configuration is of version {value}; this eisd reads version 1",
            "use a newer eisd",
            "version",
        )
    return Finding(path, f"want version = 1, got {shown(value)}", code="version")


_Sentence = Callable[[Mapping[str, Any], object], tuple[str, str]]


def _want(what: str, hint: str = "") -> _Sentence:
    return lambda _context, _value: (f"want {what}", hint)


def _want_unquoted(what: str) -> _Sentence:
    return lambda _context, value: (
        f"want {what}",
        "write it without quotes" if isinstance(value, str) else "",
    )


_SENTENCES: Final[dict[str, _Sentence]] = {
    "string_type": _want("a text in quotes"),
    "bool_type": _want_unquoted("true or false"),
    "int_type": _want_unquoted("a whole number"),
    "tuple_type": lambda _context, value: (
        "want a list",
        f'write ["{value}"]' if isinstance(value, str) and value.isprintable() else "",
    ),
    "dict_type": _want("a table"),
    "model_type": _want("a table"),
    "greater_than_equal": lambda context, _value: (f"want {context['ge']} or more", ""),
    "less_than_equal": lambda context, _value: (f"want {context['le']} or less", ""),
    "too_short": _want("at least one item"),
    "string_too_short": _want("a text that is not empty"),
}


def _without_key(path: Path) -> Path:
    """Pydantic marks an error about a dictionary's key with a last step of its own."""
    return path[:-1] if path and path[-1] == "[key]" else path


def _is_secret(path: Path) -> bool:
    return any(isinstance(step, str) and is_secret_name(step) for step in path)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:80]
