"""How a record looks: JSON, logfmt, or a line for a person at a terminal. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

Record = Mapping[str, object]
"""``ts``, ``level``, ``event`` and ``msg``, then the fields; all plain (`eisd.logs.redact`)."""

_HEAD: Final = frozenset({"ts", "level", "event", "msg", "mailbox", "traceback"})
_BARE: Final = re.compile(r"""[^\s"'=\\]+""")
_COLOUR: Final = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def json_line(record: Record) -> str:
    """One JSON object, no line ends in it."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str)


def logfmt_line(record: Record) -> str:
    """``key=value`` pairs; values are quoted as JSON where they need it."""
    return " ".join(f"{key}={_logfmt(value)}" for key, value in record.items())


def console_line(record: Record, *, colour: bool = False) -> str:
    """For a person: time of day (UTC), level, mailbox, sentence, event and fields.

    A traceback follows on its own lines; any other line end is shown as an escape.
    """
    level = str(record["level"])
    paint = partial(_paint, colour=colour)
    fields = " ".join(f"{k}={_logfmt(v)}" for k, v in record.items() if k not in _HEAD)
    parts = [
        paint(str(record["ts"])[11:23], _DIM),
        paint(f"{level:<8}", _COLOUR[level]),
        *([paint(f"[{record['mailbox']}]", _BOLD)] if "mailbox" in record else []),
        str(record["msg"]).replace("\n", "\\n"),
        paint(f"({record['event']}{' ' if fields else ''}{fields})", _DIM),
    ]
    tail = f"\n{record['traceback']}" if "traceback" in record else ""
    return " ".join(parts) + tail


def _paint(text: str, code: str, *, colour: bool) -> str:
    """Text in a colour, if there are colours."""
    return f"{code}{text}{_RESET}" if colour else text


def _logfmt(value: object) -> str:
    """A value without white space around it or in it, unless quoted."""
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    if isinstance(value, (list, dict)):
        return json.dumps(json_line({"": value})[4:-1], ensure_ascii=False)
    return json_line({"": value})[4:-1]
