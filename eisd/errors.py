"""The errors of eisd, named by what to do next.

EisdError
  UserError          the operator can mend it; shown without a traceback, carries the exit code
    ConfigError      the configuration is refused (78)
  DriverError        a remote, or the way to it
    Transient        try again later, by itself; may carry the remote's own delay
    AuthRejected     the remote refused the credentials: a person must act
    Misconfigured    the remote cannot be used as configured (TLS, host, permission)
    CursorExpired    a position in a folder means nothing any more: list the folder again
    FolderGone       the folder is not there (any more)
    Rejected         the remote said no to one thing, for good
    ProtocolError    the remote broke its protocol; drop the connection
    SendRefused      the remote took a message for nobody (in `eisd.model.outgoing`)
    InDoubt          a message may have been taken: find out, never send it again blindly
  StoreError         the database cannot be used
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (sysexits.h, and 1 for "the answer is no")."""

    OK = 0
    NO = 1
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    UNKNOWN = 67
    UNAVAILABLE = 69
    BUG = 70
    CANT_CREATE = 73
    IO = 74
    TRY_LATER = 75
    PROTOCOL = 76
    AUTH = 77
    CONFIG = 78
    INTERRUPTED = 130


class EisdError(Exception):
    """Anything eisd raises on purpose."""


class UserError(EisdError):
    """Something the operator can mend: a sentence, the way out, and an exit code."""

    def __init__(self, message: str, *, hint: str = "", code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class ConfigError(UserError):
    """The configuration is refused; ``message`` holds every problem, one a line."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=ExitCode.CONFIG)


class DriverError(EisdError):
    """Raised by drivers alone; ``code`` is a short, closed word for logs and metrics."""

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class Transient(DriverError):
    """Trouble that passes by itself. ``retry_after``: seconds the remote asked for, if it did.

    ``if_lasting`` is the reason that needs a person (``permission`` for one) where the same
    trouble comes again and again: some remotes say so in no other way.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        hint: str = "",
        retry_after: float | None = None,
        if_lasting: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after
        self.if_lasting = if_lasting


class AuthRejected(DriverError):
    """The remote refused the credentials in its own words; never raised for network trouble."""


class Misconfigured(DriverError):
    """The remote cannot be used as configured. ``code`` is tls, permission, server or config."""


class CursorExpired(DriverError):
    """The position means nothing to the remote any more (UIDVALIDITY changed, history gone)."""


class FolderGone(DriverError):
    """The folder was deleted, renamed, or can no longer be opened."""


class Rejected(DriverError):
    """The remote refused one request for good; asking again in the same words is pointless."""


class ProtocolError(DriverError):
    """The remote sent what its protocol does not allow; the connection must not be reused."""


class InDoubt(DriverError):
    """The whole message was sent and no complete answer came: it may have been taken or not."""


class StoreError(EisdError):
    """The database cannot be read or written."""
