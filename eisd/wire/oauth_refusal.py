"""From a token endpoint's answer to one of our errors: status and ``error`` decide the class.

The vendors' own codes choose the sentence (`eisd.wire.oauth_errors`); what an answer says in its
own words is kept short and never holds a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from eisd.errors import (
    AuthRejected,
    DriverError,
    Misconfigured,
    ProtocolError,
    Transient,
)
from eisd.wire.oauth_errors import STANDARD, VENDOR, Fault, Meaning
from eisd.wire.reply import Reply

MAX_WAIT: Final = 6 * 3600.0
"""Seconds of a Retry-After that are believed."""
SKEW: Final = 120.0
"""Seconds by which our clock may differ from the provider's before it is said."""
_TEXT: Final = 200
_AADSTS: Final = re.compile(r"AADSTS(\d+)")
_SECRET: Final = re.compile(r"[A-Za-z0-9_\-./+=~!*|]{24,}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, and by whom."""

    fault: Fault
    error: str
    """The standard ``error``, or ``http_503``."""
    code: str
    """The vendor's own, as far as it is known."""
    what: str
    remedy: str
    said: str
    """The provider's own words, short and without anything secret."""
    retry_after: float | None = None

    def as_error(self, *, provider: str, mailbox: str, app: str) -> DriverError:
        """The error that says it, with the next step as its hint."""
        names = {"provider": provider, "mailbox": mailbox, "app": app}
        known = f"{self.error}, {self.code}" if self.code not in ("", self.error) else self.error
        text = f"{provider}: {self.what.format_map(names)} ({known})"
        hint = self.remedy.format_map(names)
        match self.fault:
            case Fault.TRANSIENT:
                return Transient(text, code="token_endpoint", retry_after=self.retry_after)
            case Fault.THROTTLED:
                return Transient(text, code="throttled", retry_after=self.retry_after or 60.0)
            case Fault.USER:
                return AuthRejected(text, code=self.code or self.error, hint=hint)
            case Fault.ADMIN:
                return Misconfigured(text, code="permission", hint=hint)
            case Fault.OPERATOR | Fault.CLOCK:
                return Misconfigured(text, code="config", hint=hint)


def read(provider: str, reply: Reply) -> Refusal:
    """What a refusal means."""
    body = _json(reply)
    error = _word(body.get("error"))
    said = _scrubbed(body.get("error_description"))
    wait = retry_after(reply)
    if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
        return _refusal(STANDARD["rate_limit_exceeded"], error or "http_429", "", said, wait)
    meaning, code = _meaning(provider, body, error)
    if reply.status >= 500:  # noqa: PLR2004 - the server's own failure, whatever it says of it
        if meaning is None or meaning.fault not in (Fault.TRANSIENT, Fault.THROTTLED):
            meaning = STANDARD["server_error"]
        return _refusal(meaning, error or f"http_{reply.status}", code, said, wait)
    if meaning is None:
        what = "gave an answer that is none" if not error else "refused in words of its own"
        meaning = Meaning("", Fault.TRANSIENT, f"the provider {what}", "")
        if error:
            meaning = Meaning("", Fault.OPERATOR, f"the provider {what}: {_quoted(said)}",
                              "compare [oauth.{app}] with the registration")  # fmt: skip
    return _refusal(meaning, error or f"http_{reply.status}", code, said, wait)


def answer(reply: Reply) -> dict[str, Any]:
    """A successful answer's members. Raises `Transient` where it is no JSON object."""
    body = _json(reply)
    if not body:
        raise Transient("the token endpoint's answer is no JSON", code="token_endpoint")
    return body


def retry_after(reply: Reply) -> float | None:
    """Seconds that the server asks for (RFC 9110 section 10.2.3), bounded; None: it does not."""
    value = reply.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), MAX_WAIT)
    when = _date(value)
    if when is None:
        return None
    return min(max(0.0, (when - datetime.now(UTC)).total_seconds()), MAX_WAIT)


def skew(reply: Reply, now: float) -> float:
    """By how many seconds our clock ``now`` is ahead of the server's; 0 when that is not known."""
    when = _date(reply.headers.get("date", ""))
    if when is None:
        return 0.0
    ahead = now - when.timestamp()
    return ahead if abs(ahead) > SKEW else 0.0


def _refusal(meaning: Meaning, error: str, code: str, said: str, wait: float | None) -> Refusal:
    return Refusal(meaning.fault, error, code, meaning.what, meaning.remedy, said, wait)


def _meaning(provider: str, body: Mapping[str, Any], error: str) -> tuple[Meaning | None, str]:
    """The most exact meaning known of an answer, and the code that gave it."""
    known = VENDOR.get(provider, {})
    for code in _codes(body):
        if code in known:
            return known[code], code
    said = str(body.get("error_description", ""))
    for code, meaning in known.items():
        if " " in code and said.startswith(code):
            return meaning, code
    return STANDARD.get(error), ""


def _codes(body: Mapping[str, Any]) -> Iterator[str]:
    """Everything in an answer that may be a vendor's code, the most exact first."""
    listed = body.get("error_codes")
    yield from (str(one) for one in (listed if isinstance(listed, list) else [])[:8])
    yield from _AADSTS.findall(str(body.get("error_description", "")))[:8]
    for name in ("suberror", "error_subtype", "error"):
        if isinstance(body.get(name), str):
            yield body[name]


def _json(reply: Reply) -> dict[str, Any]:
    try:
        body = reply.json()
    except ProtocolError:
        return {}
    return body if isinstance(body, dict) else {}


def _word(value: object) -> str:
    """A code of one word; anything else is no code."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.\-]{1,64}", value) else ""


def _scrubbed(value: object) -> str:
    text = value if isinstance(value, str) else ""
    line = " ".join(text.split())[: 4 * _TEXT]
    return _SECRET.sub("***", line)[:_TEXT]


def _quoted(said: str) -> str:
    return said.replace("{", "(").replace("}", ")") or "no reason given"


def _date(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
