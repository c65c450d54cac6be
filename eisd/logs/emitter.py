"""The emitter: the only place in eisd that calls a logger."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Self

import structlog
from structlog.contextvars import bind_contextvars, merge_contextvars, reset_contextvars

from eisd.events import (
    BOUND,
    CATALOGUE,
    ERROR,
    LIBRARY_WARNED,
    LOG_LINES_DROPPED,
    EventSpec,
    Level,
)
from eisd.logs import formats, redact
from eisd.logs.catalog import MESSAGE_IDS
from eisd.logs.count import count
from eisd.logs.fold import Entry, Folds
from eisd.logs.journal import encode, is_journal, reach
from eisd.logs.pipeline import FdSink, Pipeline, Sink

REPEAT_WINDOW: Final = 60.0
"""Seconds in which repetitions of a folded event become one line."""

_PRIORITY: Final = {10: "7", 20: "6", 30: "4", 40: "3", 50: "2"}
_JOURNAL_FIELDS: Final = {
    "event": "EISD_EVENT",
    "mailbox": "EISD_MAILBOX",
    "trace_id": "EISD_TRACE_ID",
    "message_id": "EISD_MESSAGE_ID",
    "submission": "EISD_OUTBOX_ID",
}
"""What can be searched for in the journal; the rest stands in the JSON line."""
_ALIASES: Final = {name.replace(".", "_"): name for name in ERROR if "." in name}

Record = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counters:
    """What the log has to say of itself since the process began."""

    errors: int
    """Events at level error or above."""
    suppressed: int
    dropped: int


@dataclass(slots=True)
class _State:
    """The one log of this process."""

    level: Level = Level.INFO
    strict: bool = False
    pipeline: Pipeline | None = None
    handler: logging.Handler | None = None
    captures: list[list[dict[str, object]]] = field(default_factory=list)
    taps: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    errors: int = 0
    libraries: frozenset[str] = frozenset()
    """Loggers whose level was set."""


_state = _State()


def emit(
    event: EventSpec | str,
    /,
    *,
    level: Level | None = None,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Say that something happened.

    Args:
        event: from the catalogue, or its name.
        level: where the event's own level does not fit (`events` says when).
        error: what it is about; becomes ``error.type``, ``error.code``, ``error.message``.
        fields: declared ones; a trailing underscore is dropped (``from_``), and ``error_code``
            is ``error.code``.

    Never raises, never blocks; an undeclared field is left out. When `set_strict` is on, it and
    an unknown event raise `TypeError`.
    """
    try:
        spec = event if isinstance(event, EventSpec) else CATALOGUE[event]
        severity = spec.level if level is None else level
        if severity >= Level.ERROR:
            _state.errors += 1
        count(spec, severity, error, fields)
        least = min(_state.level, Level.INFO) if _state.taps else _state.level
        if severity < least and not _state.captures and not _state.strict:
            return
        known = _declared(spec, fields)
        if error is not None:
            known |= _of_error(error, with_traceback=spec.level >= Level.ERROR)
        _logger.log(severity, spec.name, **known)
    except Exception as failure:
        if _state.strict:
            raise TypeError(f"bad event {event!r}: {failure}") from failure


def _declared(spec: EventSpec, fields: Mapping[str, object]) -> dict[str, object]:
    """The fields this event may carry, under their names in the log."""
    known: dict[str, object] = {}
    for key, value in fields.items():
        name = _ALIASES.get(key) or key.removesuffix("_")
        if name in spec.fields or name in BOUND or (spec.error and name in ERROR):
            known[name] = value
        elif _state.strict:
            raise TypeError(f"{spec.name} declares no field {name!r}")
    return known


def _of_error(error: BaseException, *, with_traceback: bool) -> dict[str, object]:
    """What an exception says of itself; a traceback where the error is not one of ours."""
    ours = type(error).__module__ == "eisd.errors"
    return {
        "error.type": type(error).__name__,
        "error.code": getattr(error, "code", None) or None,
        "error.message": str(error),
        "traceback": None if ours or not with_traceback else redact.traceback_of(error),
    }


# Processors of structlog: each takes the record on


def _redacted(_: Any, __: str, record: Record) -> Record:
    """Scrub the fields; what comes later is our own."""
    event, traceback = record.pop("event"), record.pop("traceback", None)
    clean = {"event": event, **redact.record(record)}
    if traceback is not None:
        clean["traceback"] = traceback  # scrubbed, and longer than a field may be
    return clean


def _stamped(_: Any, method: str, record: Record) -> Record:
    """Put the mandatory fields in front: ts, level, event, msg, and the mailbox."""
    spec = CATALOGUE[record.pop("event")]
    sentence = spec.msg.format_map(_Sentence(record))[: redact.MAX_TEXT]
    head = {"ts": redact.rfc3339(datetime.now(UTC)), "level": method}
    head |= {"event": spec.name, "msg": sentence}
    if "mailbox" in record:
        head["mailbox"] = record.pop("mailbox")
    return {**head, **record}


class _Sentence(dict[str, object]):
    """Fields for a sentence; one that is missing reads ``?``."""

    def __missing__(self, key: str) -> str:
        return "?"


def _hand_over(_: Any, __: str, record: Record) -> Record:
    """Give the record to the pipeline and to whoever captures; structlog's part ends here."""
    spec, level = CATALOGUE[record["event"]], Level[record["level"].upper()]
    entry = Entry(
        level,
        dict(record),
        fold=_fold_key(record) if spec.folded else None,
        origin=_origin() if level >= Level.ERROR else None,
    )
    for capture_ in _state.captures:
        capture_.append(entry.record)
    if level >= Level.INFO:
        for tap_ in _state.taps:
            tap_(entry.record)
    if _state.pipeline is not None and level >= _state.level:
        _state.pipeline.submit(entry)
    raise structlog.DropEvent


def _fold_key(record: Mapping[str, object]) -> tuple[object, ...]:
    """What makes two events repetitions of each other."""
    return tuple(record.get(k) for k in ("event", "mailbox", "error.code", "folder", "logger"))


def _origin() -> tuple[str, int] | None:
    """File and line of the code that emitted, outside of the log's own machinery."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a caller's frame
    here = os.path.dirname(__file__)  # noqa: PTH120 - a string for comparing, on a hot path
    while frame.f_back and (
        frame.f_code.co_filename.startswith(here) or "structlog" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


_logger: Final = structlog.wrap_logger(
    None,
    processors=[merge_contextvars, _redacted, _stamped, _hand_over],
    wrapper_class=structlog.make_filtering_bound_logger(Level.DEBUG),
).bind()


class Binding:
    """Fields bound to the running task; as a context manager it takes them back at the end."""

    def __init__(self, **fields: object) -> None:
        unknown = fields.keys() - set(BOUND)
        if unknown and _state.strict:
            raise TypeError(f"cannot be bound: {sorted(unknown)}")
        self._tokens = bind_contextvars(**{k: v for k, v in fields.items() if k in BOUND})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        reset_contextvars(**self._tokens)


def bind(**fields: object) -> Binding:
    """Let every event of this task, and of tasks it starts, carry these fields (`BOUND`).

    For the task's whole life, or for a block: ``with bind(folder="INBOX"): ...``.
    """
    return Binding(**fields)


def configure(
    level: str = "info",
    format: str = "auto",  # noqa: A002 - the word of the configuration
    *,
    fd: int = 2,
    repeat_window: float = REPEAT_WINDOW,
    levels: Mapping[str, str] | None = None,
) -> None:
    """Begin to write the log; a second call replaces the first.

    Args:
        level: debug, info, warning or error.
        format: json, logfmt, console, journald, or auto: journald where ``fd`` is the journal,
            console on a terminal, else json.
        fd: the descriptor lines go to.
        repeat_window: seconds; see `eisd.logs.fold`.
        levels: a level for single libraries, by logger name; the others speak from warning up.

    Raises:
        ConfigError: the journal was asked for, and there is none; the log goes on as it was.
    """
    sink, render = _output(_resolve(format, fd), fd)
    _replace(Pipeline(sink, render, folds=Folds(repeat_window), own_up=_own_up))
    _state.level = Level[level.upper()]
    _state.handler = _LibraryHandler()
    root = logging.getLogger()
    root.addHandler(_state.handler)
    root.setLevel(logging.WARNING)  # libraries log URLs and received mail below it
    set_library_levels(levels or {})
    logging.captureWarnings(True)
    atexit.register(shutdown)


def _resolve(format_: str, fd: int) -> str:
    """What ``auto`` means here."""
    if format_ != "auto":
        return format_
    if is_journal(fd):
        return "journald"
    return "console" if os.isatty(fd) else "json"


def _output(format_: str, fd: int) -> tuple[Sink, Callable[[Entry], bytes]]:
    """The sink and what makes its bytes."""
    if format_ == "journald":
        return reach(), _journal_entry
    colour = os.isatty(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines: dict[str, Callable[[formats.Record], str]] = {
        "json": formats.json_line,
        "logfmt": formats.logfmt_line,
        "console": partial(formats.console_line, colour=colour),
    }
    line = lines[format_]
    return FdSink(fd), lambda entry: f"{line(entry.record)}\n".encode("utf-8", "backslashreplace")


def _journal_entry(entry: Entry) -> bytes:
    """An entry for journald: MESSAGE is the JSON line, so ``journalctl -o cat | jq`` works."""
    fields = {
        "MESSAGE": formats.json_line(entry.record),
        "PRIORITY": _PRIORITY[entry.level],
        "SYSLOG_IDENTIFIER": "eisd",
    }
    for name, key in _JOURNAL_FIELDS.items():
        if name in entry.record:
            fields[key] = str(entry.record[name])
    event = str(entry.record["event"])
    if event in MESSAGE_IDS:
        fields["MESSAGE_ID"] = MESSAGE_IDS[event]
    if entry.origin is not None:
        fields["CODE_FILE"], fields["CODE_LINE"] = entry.origin[0], str(entry.origin[1])
    return encode(fields)


def _own_up(count: int) -> Entry:
    """The entry that says how many lines are missing."""
    record = _stamped(None, "warning", {"event": LOG_LINES_DROPPED.name, "n": count})
    return Entry(LOG_LINES_DROPPED.level, dict(record))


class _LibraryHandler(logging.Handler):
    """Brings what libraries log into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        level = Level(min(50, record.levelno // 10 * 10))
        emit(LIBRARY_WARNED, level=level, logger=record.name, text=_text(record), error=error)


def _text(record: logging.LogRecord) -> str:
    """The library's sentence, also when its arguments do not fit."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def set_library_levels(levels: Mapping[str, str]) -> None:
    """Let single libraries say more, or less; those not named speak from warning up.

    aioimaplib never goes below info: it writes received mail at debug.
    """
    for name in _state.libraries - levels.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in levels.items():
        least = logging.INFO if name.startswith("aioimaplib") else logging.DEBUG
        logging.getLogger(name).setLevel(max(least, Level[level.upper()]))
    _state.libraries = frozenset(levels)


def set_strict(strict: bool) -> None:
    """Let `emit` and `bind` raise on what is not declared; for tests."""
    _state.strict = strict


def counters() -> Counters:
    """Errors, folded and dropped lines since the start."""
    pipeline = _state.pipeline
    if pipeline is None:
        return Counters(_state.errors, 0, 0)
    return Counters(_state.errors, pipeline.suppressed, pipeline.dropped)


def shutdown(seconds: float = 2.0) -> None:
    """Write what is queued, for at most ``seconds``, and end the log. Blocks."""
    _replace(None, seconds)


def _replace(successor: Pipeline | None, seconds: float = 2.0) -> None:
    """Let another pipeline go on, or none; what the one before has queued is written."""
    if _state.handler is not None:
        logging.getLogger().removeHandler(_state.handler)
        logging.captureWarnings(False)
        set_library_levels({})
        _state.handler = None
    pipeline, _state.pipeline = _state.pipeline, successor
    if pipeline is not None:
        pipeline.close(seconds)


def tap(listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Hand every event from info up to a listener, redacted and unfolded, whatever is logged.

    It is called in the thread of whoever emits, and must not wait. Call the result to stop.
    """
    _state.taps.append(listener)
    return lambda: _state.taps.remove(listener)


@contextmanager
def capture() -> Iterator[list[dict[str, object]]]:
    """Collect the records emitted meanwhile, at every level, unfolded; for tests."""
    records: list[dict[str, object]] = []
    _state.captures.append(records)
    try:
        yield records
    finally:
        _state.captures.remove(records)
