"""What becomes of a message that was not accepted: by who said no, and how.

The server's own words are looked up in `eisd.wire.smtp_words`; here stands what trouble on the way
to it means. Only `InDoubt` leaves open whether the message was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from eisd.errors import (
    AuthRejected,
    DriverError,
    FolderGone,
    InDoubt,
    Misconfigured,
    Rejected,
    Transient,
)
from eisd.model.outgoing import Refusal, SendRefused
from eisd.wire.smtp_words import Meaning, Means, Scope, meaning

__all__ = ["Ruling", "Scope", "Verdict", "verdict"]


class Ruling(StrEnum):
    """What to do with a message, or with one recipient of it."""

    PERMANENT = "permanent"
    """Failed: tell whoever sent it."""
    TRANSIENT = "transient"
    """Again, after a growing delay."""
    THROTTLE = "throttle"
    """Again, and nothing from this mailbox before ``retry_after``; it counts as no attempt."""
    AUTH = "auth"
    """The mailbox waits for a person; its messages keep."""
    CONFIG = "config"
    """The mailbox waits for the operator; its messages keep."""
    IN_DOUBT = "in_doubt"
    """It may have been sent: find out, never send it again blindly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ruling, what it is about, and what to tell people."""

    ruling: Ruling
    scope: Scope
    text: str
    """One sentence; it may hold the server's words, and those may hold addresses."""
    fix: str = ""
    code: str = ""
    """The enhanced status or reply code, else the error's own short word; for logs."""
    retry_after: float | None = None
    """Seconds, where the remote asked for them or experience does."""
    hard_bounce: bool = False
    """The address does not exist."""


_WORST = (Ruling.AUTH, Ruling.CONFIG, Ruling.THROTTLE, Ruling.TRANSIENT, Ruling.PERMANENT)


def verdict(cause: DriverError | Refusal) -> Verdict:
    """What is to be done about an error of `Sender.send` or about one recipient's refusal.

    Of several refusals the one that leaves most hope decides.
    """
    if isinstance(cause, Refusal):
        return _of_refusal(cause)
    if isinstance(cause, SendRefused):
        verdicts = [_of_refusal(one) for one in cause.refusals]
        return min(verdicts, key=lambda one: _WORST.index(one.ruling))
    return _of_error(cause)


def _of_refusal(refusal: Refusal) -> Verdict:
    found: Meaning = meaning(refusal)
    said = " ".join(w for w in (str(refusal.code or ""), refusal.enhanced, refusal.text) if w)
    return Verdict(
        ruling=Ruling(found.means.value),
        scope=found.scope,
        text=f"{found.say} ({said})" if found.say else said,
        fix=found.fix,
        code=refusal.enhanced or str(refusal.code or ""),
        retry_after=found.rest,
        hard_bounce=found.hard and found.means is Means.PERMANENT,
    )


def _of_error(error: DriverError) -> Verdict:
    ruling, scope = Ruling.TRANSIENT, Scope.MAILBOX
    rest: float | None = None
    match error:
        case InDoubt():
            ruling, scope = Ruling.IN_DOUBT, Scope.MESSAGE
        case Transient():
            rest = error.retry_after
            ruling = Ruling.THROTTLE if error.code == "throttled" else ruling
        case AuthRejected():
            ruling = Ruling.AUTH
        case Misconfigured():
            ruling = Ruling.CONFIG
        case Rejected() | FolderGone():
            ruling, scope = Ruling.PERMANENT, Scope.MESSAGE
        case _:
            pass
    return Verdict(ruling, scope, str(error), error.hint, error.code, rest)
