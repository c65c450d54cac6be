"""What submission servers say when they say no, and what it means. Data, and one look-up. Pure.

The reply code decides (RFC 5321 section 4.2.1) unless a line of the table knows better: providers
say 5xx for limits that are over tomorrow, and nobody can do anything with "535" alone. The words
are matched without regard to case; a line that is wrong is mended here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from eisd.model.outgoing import Refusal, Stage


class Means(StrEnum):
    """What a refusal asks for."""

    PERMANENT = "permanent"
    """Give up: the same words would be refused again."""
    TRANSIENT = "transient"
    """Again later, by itself."""
    THROTTLE = "throttle"
    """A limit of the provider was met: again later, and nothing else from this mailbox before."""
    AUTH = "auth"
    """A person must see to the credentials or to the mailbox's right to send."""
    CONFIG = "config"
    """The operator must change the configuration."""


class Scope(StrEnum):
    """What a refusal is about."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    MAILBOX = "mailbox"
    """Whatever the mailbox sends now."""


class Meaning(NamedTuple):
    """One line of the table, or what the code alone says."""

    means: Means
    scope: Scope
    say: str = ""
    """A sentence for people; empty: the server's own words are as good."""
    fix: str = ""
    """The way out."""
    rest: float | None = None
    """Seconds that make sense before the next try."""
    hard: bool = False
    """The address does not exist: a hard bounce."""


APP_PASSWORD: Final = "make an app password in the provider's security settings and use that"  # noqa: S105
_HOUR: Final = 3600.0
_P, _T, _L, _A, _C = Means
_RCPT, _MSG, _BOX = Scope

_ENABLE: Final = (
    "Set-CASMailbox ADDRESS -SmtpClientAuthenticationDisabled $false"
    " (https://aka.ms/smtp_auth_disabled)"
)

KNOWN: Final[Mapping[tuple[str, ...], Meaning]] = {
    # Microsoft
    (r"SmtpClientAuthentication is disabled for the Tenant",): Meaning(
        _A,
        _BOX,
        "SMTP AUTH is switched off for the whole Microsoft 365 tenant",
        f"an Exchange administrator enables it for this mailbox alone: {_ENABLE}",
    ),
    (r"SmtpClientAuthentication is disabled for the Mailbox", r"smtp_auth_disabled"): Meaning(
        _A,
        _BOX,
        "SMTP AUTH is switched off for this Microsoft mailbox",
        f"an Exchange administrator runs: {_ENABLE}",
    ),
    (r"basic authentication is (disabled|not supported)", r"\b5\.7\.30\b"): Meaning(
        _A,
        _BOX,
        "Microsoft takes no password for sending",
        'use driver = "microsoft" with oauth = { app = ... }, then: eisd auth login NAME',
    ),
    (r"SendAsDenied", r"\b5\.7\.60\b", r"not have permissions to send as"): Meaning(
        _P,
        _MSG,
        "the mailbox may not send as this address",
        "an Exchange administrator grants Send As on it to the user who signs in",
    ),
    (
        r"\b5\.1\.8\b",
        r"bad outbound sender",
        r"outgoing blocked",
        r"unusual sending activity",
        r"account (has been )?(blocked|suspended|disabled)",
    ): Meaning(
        _A,
        _BOX,
        "the provider has barred this mailbox from sending",
        "its owner or administrator lifts the block with the provider; it often means that the"
        " mailbox was abused",
    ),
    (
        r"concurrent connections? limit",
        r"sender thread limit",
        r"too many (concurrent|simultaneous)",
    ): Meaning(_L, _BOX, "too many connections to this mailbox at once", rest=60.0),
    # Google
    (r"application-specific password required", r"\b5\.7\.9\b.*password"): Meaning(
        _A, _BOX, "the provider wants an app password", APP_PASSWORD
    ),
    (r"log ?in (via|with) your web browser", r"web login required", r"\b5\.7\.14\b"): Meaning(
        _A,
        _BOX,
        "the provider wants the owner to sign in with a browser once",
        "its owner signs in on the web and confirms that it was them",
    ),
    # Anybody
    (r"\b5\.(3\.4|2\.3)\b", r"(message|size).{0,30}(too (large|big)|exceeds)"): Meaning(
        _P, _MSG, "the message is too large for the server", "send a link, or less"
    ),
    (r"too many login attempts", r"too many (failed )?auth"): Meaning(
        _L, _BOX, "too many logins in a short time", rest=900.0
    ),
    (
        r"\b5\.4\.5\b",
        r"(daily|hourly|sending|message|recipient)s? (user |sending |message |rate )*(limit|quota)",
        r"exceeded.{0,40}(messages?|recipients?|sending).{0,20}(limit|quota)",
        r"limit on the number of",
    ): Meaning(_L, _BOX, "the provider's sending limit is used up", rest=_HOUR),
    (
        r"throttl",
        r"sending rate",
        r"rate limit",
        r"too (many|fast).{0,30}(messages|mails)",
        r"slow down",
    ): Meaning(_L, _BOX, "the provider asks to send more slowly", rest=60.0),
    (r"must issue a starttls", r"encryption (is )?required", r"\b5\.7\.10\b"): Meaning(
        _C, _BOX, "the server wants TLS first", 'write tls = "starttls" in smtp'
    ),
    (
        r"^530",
        r"authentication (is )?required",
        r"not authenticated",
        r"relay(ing)? (access )?denied",
        r"\b5\.7\.57\b",
    ): Meaning(
        _C,
        _BOX,
        "the server wants a login before it sends",
        'give smtp a password: smtp = { ..., password = { same_as = "imap" } }',
    ),
    (
        r"not (owned|permitted|allowed).{0,40}(sender|user|from|send)",
        r"sender address rejected",
        r"envelope.{0,10}sender.{0,30}(not|denied)",
    ): Meaning(
        _P,
        _MSG,
        "the server does not let this login send from this address",
        "send from the mailbox's own address, or let the server know the alias",
    ),
    (r"gr[ae]y-?list", r"try again (in|after)", r"(retry|try( again)?) (later|after)"): Meaning(
        _T, _RCPT, "the server asks to come back later", rest=300.0
    ),
    (r"\b5\.7\.0\b.*(content|security)", r"blocked.{0,40}(content|attachment)", r"virus"): Meaning(
        _P, _MSG, "the server refuses what is in the message", "leave the attachment out"
    ),
    (
        r"\b[45]\.2\.2\b",
        r"(mailbox|quota).{0,20}(full|exceeded)",
        r"over ?quota",
        r"insufficient.{0,10}storage",
    ): Meaning(_T, _RCPT, "the mailbox is full", rest=_HOUR),
    (r"\b[45]\.5\.3\b", r"too many recipients"): Meaning(
        _T, _RCPT, "the server takes fewer recipients at once"
    ),
    (
        r"\b5\.1\.(0|1|2|3|6|10)\b",
        r"(user|recipient|mailbox|address).{0,30}(unknown|not (exist|found)|invalid)",
        r"(user|recipient|mailbox|address).{0,30}(does(n't| not) exist|unavailable)",
        r"(no such|unknown|invalid) (user|recipient|mailbox|address)",
        r"\b5\.4\.(1|4)\b",
        r"domain.{0,20}not (found|exist)",
    ): Meaning(_P, _RCPT, "nobody has this address", "correct the address", hard=True),
}
"""By what the words hold, the reply code and the enhanced code first; the first that fits."""
_DELAY: Final = re.compile(
    r"(?:in|after|wait|delay(?:ed)? (?:for|by)|backoff time:?) +(\d{1,6}) *(ms|milli|s|m|h)?",
    re.IGNORECASE,
)
_UNITS: Final = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": _HOUR}
_STATUS: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=[\s]|$)")
_TEXT: Final = 500
_CLOSING: Final = 421
_LONGEST: Final = 24 * _HOUR


def refusal(reply: str, stage: Stage, recipient: str = "") -> Refusal:
    """A reply, such as ``550 5.1.1 User unknown``, as a refusal."""
    code, _, rest = reply.partition(" ")
    return refused(int(code) if code.isdecimal() else 0, rest, stage, recipient)


def refused(code: int, text: str, stage: Stage, recipient: str = "") -> Refusal:
    """A reply code with its text as a refusal; each line of the text may repeat the status."""
    found = _STATUS.match(text)
    status = found[1] if found else ""
    lines = [line.removeprefix(status).strip() for line in text.splitlines()]
    return Refusal(code, status, _clean(" ".join(filter(None, lines))), stage, recipient)


def _clean(text: str) -> str:
    """One line that may be shown and stored."""
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in readable[:_TEXT]).strip()


def meaning(refusal: Refusal) -> Meaning:
    """What the refusal asks for."""
    found = _known(refusal)
    asked = _delay(refusal.text)
    return found if asked is None or found.means is _P else found._replace(rest=asked)


def _known(refusal: Refusal) -> Meaning:
    words = f"{refusal.code} {refusal.enhanced} {refusal.text}"
    found = next((line for signs, line in _table() if signs.search(words)), None)
    if found is None:
        return _default(refusal)
    if refusal.code == _CLOSING and found.means is not _L:
        return Meaning(_T, _BOX, found.say, found.fix, found.rest)
    if found.scope is _RCPT and not refusal.recipient:
        found = found._replace(scope=_MSG, hard=False)
    if 400 <= refusal.code < 500 and found.means in {_P, _A, _C}:  # noqa: PLR2004
        # 4xx is never the last word: 450 may be an unknown user that is known in an hour.
        return Meaning(_T, _default(refusal).scope, found.say, found.fix)
    return found


@cache
def _table() -> Sequence[tuple[re.Pattern[str], Meaning]]:
    """The known words, compiled when the first refusal comes: most daemons never see one."""
    return [(re.compile("|".join(signs), re.IGNORECASE), means) for signs, means in KNOWN.items()]


def _default(refusal: Refusal) -> Meaning:
    """By the stage and the first digit of the code."""
    permanent = refusal.permanent
    scope = _RCPT if refusal.recipient else _MSG
    match refusal.stage:
        case Stage.CONNECT:
            return Meaning(_T, _BOX)
        case Stage.LOGIN:
            return Meaning(_A, _BOX) if permanent else Meaning(_T, _BOX)
        case _ if refusal.code == _CLOSING:
            return Meaning(_T, _BOX)
        case _ if refusal.code == 0 or permanent:
            return Meaning(_P, scope)
        case _:
            return Meaning(_T, scope)


def _delay(text: str) -> float | None:
    """Seconds the server asks for, if its words hold a time."""
    found = _DELAY.search(text)
    if found is None or not found[2]:
        return None
    return min(int(found[1]) * _UNITS[found[2].lower()], _LONGEST)
