"""What a server's refusal means: which error a NO, a BAD or a BYE becomes. Pure.

Response codes (RFC 9051 section 7.1, RFC 5530) decide; words only where servers send no code.
"""

from __future__ import annotations

import re

from eisd.errors import AuthRejected, DriverError, FolderGone, Misconfigured, Rejected, Transient
from eisd.wire.imap_responses import Completion

_BACKOFF = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
_THROTTLED = re.compile(
    r"throttl|too many (simultaneous |concurrent )?(connections|requests|logins|sessions)"
    r"|(command|bandwidth|rate|connection) limits? (was |is )?(exceeded|reached)"
    r"|exceeded (command|bandwidth|rate|connection)|maximum number of connections",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"temporar|try again|internal (server )?error|server (is )?busy|unavailable"
    r"|authenticated but not connected|timed? ?out",
    re.IGNORECASE,
)
_WAITS = (
    # Seconds, where the server does not say: asked again sooner, it only counts once more.
    (re.compile(r"bandwidth|OVERQUOTA", re.IGNORECASE), 1800.0),
    (re.compile(r"connections|logins|sessions", re.IGNORECASE), 60.0),
)
_PASSING_CODES = frozenset({"UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "CONTACTADMIN"})
_AUTH_CODES = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})
_GONE_CODES = frozenset({"NONEXISTENT", "TRYCREATE", "NOPERM", "CANNOT"})


def transient(done: Completion, doing: str) -> Transient | None:
    """The refusal as trouble that passes by itself, None if it will not."""
    throttled = done.code in {"THROTTLED", "OVERQUOTA"} or _THROTTLED.search(done.text)
    if throttled and not (done.code == "OVERQUOTA" and doing == "APPEND"):
        return Transient(_words(done, doing), code="throttled", retry_after=_wait(done))
    if done.code in _PASSING_CODES:
        return Transient(_words(done, doing), code=done.code.lower())
    if not done.code and _PASSING.search(done.text):
        return Transient(_words(done, doing), code="unavailable")
    return None


def _wait(done: Completion) -> float | None:
    """Seconds to leave a throttling server alone: what it says, else what is known to do."""
    if said := _BACKOFF.search(done.text):
        return int(said[1]) / 1000
    text = f"{done.code} {done.text}"
    return next((seconds for words, seconds in _WAITS if words.search(text)), None)


def of_command(done: Completion, doing: str) -> DriverError:
    """A refused command that concerns no folder and no credentials."""
    code = "bad" if done.status == "BAD" else done.code.lower() or "no"
    return transient(done, doing) or Rejected(_words(done, doing), code=code)


def of_folder(done: Completion, doing: str) -> DriverError:
    """A refused SELECT, EXAMINE or STATUS: the folder cannot be opened, whatever the words."""
    if passing := transient(done, doing):
        return passing
    if done.status == "NO":
        return FolderGone(_words(done, doing), code=done.code.lower() or "gone")
    return of_command(done, doing)


def of_append(done: Completion) -> DriverError:
    """A refused APPEND: the folder is gone only where a code says so."""
    gone = done.status == "NO" and done.code in _GONE_CODES
    return of_folder(done, "APPEND") if gone else of_command(done, "APPEND")


def of_login(done: Completion, doing: str) -> DriverError:
    """Refused credentials; a bare NO is about them, a bare BAD about the command."""
    if done.code in _AUTH_CODES:
        return AuthRejected(_words(done, doing), code=done.code.lower())
    if done.code == "PRIVACYREQUIRED":
        return Misconfigured(_words(done, doing), code="tls", hint="the server wants TLS first")
    if passing := transient(done, doing):
        return passing
    if done.status == "NO":
        return AuthRejected(_words(done, doing), code=done.code.lower() or "no")
    return Rejected(_words(done, doing), code="bad")


def of_farewell(done: Completion) -> DriverError:
    """BYE (RFC 9051 section 7.1.5), at any moment."""
    if done.code in _AUTH_CODES:
        return AuthRejected(_words(done, "BYE"), code=done.code.lower())
    return transient(done, "BYE") or Transient(_words(done, "BYE"), code="bye")


def injected() -> Misconfigured:
    """Octets between the OK to STARTTLS and TLS (CVE-2021-38371 and its family)."""
    hint = "somebody between here and the server may be tampering: do not go on without TLS"
    return Misconfigured("the server spoke before TLS was up", code="tls", hint=hint)


def _words(done: Completion, doing: str) -> str:
    said = f"[{done.code}] {done.text}" if done.code else done.text
    if doing == "BYE":
        return f"the server ended the connection: {said or 'BYE'}"
    return f"the server refused {doing}: {said.strip() or done.status}"
