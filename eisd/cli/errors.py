"""From an exception to a sentence and an exit code. Every command's errors end here."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Final

import click

from eisd.cli import output
from eisd.errors import (
    AuthRejected,
    ConfigError,
    CursorExpired,
    DriverError,
    ExitCode,
    FolderGone,
    InDoubt,
    Misconfigured,
    ProtocolError,
    Rejected,
    StoreError,
    Transient,
    UserError,
)
from eisd.model.outgoing import SendRefused

DRIVER_CODES: Final[dict[type[DriverError], ExitCode]] = {
    Transient: ExitCode.TRY_LATER,
    AuthRejected: ExitCode.AUTH,
    Misconfigured: ExitCode.CONFIG,
    CursorExpired: ExitCode.TRY_LATER,
    FolderGone: ExitCode.TRY_LATER,
    Rejected: ExitCode.DATA,
    ProtocolError: ExitCode.PROTOCOL,
    SendRefused: ExitCode.DATA,
    InDoubt: ExitCode.UNAVAILABLE,
}

_ROOM: Final = "make room on that disk, then do it again"
_RIGHTS: Final = (
    "run it as the user whose file it is (sudo -u eisd ...), or mend its owner and mode"
)
_DAMAGED: Final = "put a whole one in its place: eisd restore FILE, of those that eisd backup made"
_READ_ONLY: Final = "it, or its file system, may only be read: mend that, or do it as its owner"
WAYS_OUT: Final[dict[int | str | None, str]] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    "FULL": _ROOM,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    "CANTOPEN": _RIGHTS,
    "CORRUPT": _DAMAGED,
    "NOTADB": _DAMAGED,
    errno.EROFS: _READ_ONLY,
    "READONLY": _READ_ONLY,
}
"""By errno, and by the first word of SQLite's result code."""


def handle(error: BaseException) -> int:
    """Tell stderr what happened and how to mend it; return the exit code.

    A traceback is shown only when EISD_DEBUG is set.
    """
    error = _single(error)
    if os.environ.get("EISD_DEBUG") and not isinstance(error, (click.exceptions.Exit, SystemExit)):
        traceback.print_exception(error)
    try:
        return int(_tell(error))
    except BrokenPipeError:  # nobody reads stderr either
        return int(ExitCode.IO)


def _single(error: BaseException) -> BaseException:
    """The one error of a task group in which nothing else failed."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _tell(error: BaseException) -> int:
    match error:
        case SystemExit() | click.exceptions.Exit():
            code = getattr(error, "exit_code", getattr(error, "code", 0))
            return code if isinstance(code, int) else ExitCode.OK
        case KeyboardInterrupt() | click.Abort():
            output.say()
            return ExitCode.INTERRUPTED
        case BrokenPipeError():  # whoever read has seen enough (``| head``): no error
            _give_up_stdout()
            return ExitCode.OK
        case click.ClickException():
            return _usage(error)
        case UserError() | DriverError() | StoreError() | OSError():
            return _mendable(error)
        case _:
            return _bug(error)


def _give_up_stdout() -> None:
    """Let what is left in the buffer go nowhere, or the interpreter fails over it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _usage(error: click.ClickException) -> int:
    """A mistake on the command line, in click's words, with the page that helps."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.say(error.format_message())
        return ExitCode.USAGE
    output.say(f"eisd: {error.format_message()}")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.say(f"See: {error.ctx.command_path} --help")
    return ExitCode.NO_INPUT if isinstance(error, click.FileError) else ExitCode.USAGE


def _mendable(error: Exception) -> int:
    """An error that has a sentence of its own, and perhaps a way out."""
    message, hint, code = str(error), getattr(error, "hint", ""), ExitCode.IO
    if isinstance(error, UserError):
        code = error.code
    elif isinstance(error, DriverError):
        code = DRIVER_CODES.get(type(error), ExitCode.UNAVAILABLE)
    elif isinstance(error, OSError):
        _give_up_stdout()
        message = (
            f"{error.filename}: {error.strerror}" if error.filename else error.strerror or message
        )
    hint = hint or _way_out(error)
    prefix = "" if isinstance(error, ConfigError) else "eisd: "
    output.say(f"{prefix}{output.safe(message, lines=True)}")
    if hint:
        output.say(output.safe(hint, lines=True))
    return code


def _way_out(error: BaseException | None) -> str:
    """What helps where the system, or SQLite in its place, refuses a file."""
    if error is None:
        return ""
    number = error.errno if isinstance(error, OSError) else None
    name: str = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
    return WAYS_OUT.get(number) or WAYS_OUT.get(name) or _way_out(error.__cause__)


def _bug(error: BaseException) -> int:
    """Anything else is a mistake of ours."""
    output.say(f"eisd: {type(error).__name__}: {output.safe(str(error), lines=True)}")
    output.say("This is a bug in eisd. EISD_DEBUG=1 shows where; please report it with that.")
    return ExitCode.BUG
