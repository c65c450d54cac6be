"""Redaction, layers 2 to 4: plain values, scrubbed keys and values, tracebacks without locals.

(Layer 1 is the catalogue: an event takes declared fields only.) Pure: values in, values out.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Final

from eisd.logs.names import hash_address

MASK: Final = "***"
MAX_TEXT: Final = 4096
"""Characters of one value."""
MAX_TRACEBACK: Final = 32_768
MAX_ITEMS: Final = 100
MAX_DEPTH: Final = 4

READABLE: Final = frozenset({"message_id", "trace_id"})
"""Fields in which an ``@`` is no address."""

_SECRET_WORDS: Final = frozenset(
    {"password", "passwd", "passphrase", "token", "tokens", "secret", "secrets"}
    | {"authorization", "cookie", "assertion"}
)
_SECRET_KEYS: Final = frozenset({"code", "pass", "auth"})

_SECRETS: Final = re.compile(
    r"""
      (?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}
    | (?P<pair>\b(?:access_token|refresh_token|id_token|client_secret|client_assertion|assertion
         |code_verifier|device_code|user_code|password|passwd|secret|token)
         ["']?\s*[=:]\s*["']?)[^\s"'&,;}]+
    | (?P<code>[?&\s]code=)[^\s&"']{6,}
    | (?P<sasl>\bAUTH(?:ENTICATE)?\s+[A-Z0-9-]+\s+)[A-Za-z0-9+/=]{4,}
    | (?P<login>\b[A-Z]{1,8}[0-9]+\s+LOGIN\s+).+   # an IMAP command with its tag
    | (?P<userinfo>\b[a-z][a-z0-9+.-]*://)[^/@\s]+(?=@)
    | \bya29\.[\w.-]+
    | \b1//[\w-]{20,}
    | \bGOCSPX-[\w-]+
    | \beyJ[\w-]{5,}\.[\w-]+\.[\w-]*
    | \b(?:dXNlcj|bixhPX)[A-Za-z0-9+/=]{8,}   # base64: XOAUTH2, OAUTHBEARER
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HINT: Final = re.compile(
    "bearer|basic|token|secret|assert|code|passw|auth|login|://|ya29|1//|gocspx|eyj|dxnlcj|bixhpx",
    re.IGNORECASE,
)
"""Something of this is in every text that `_SECRETS` or `_QUERY` finds something in."""
_SHORTEST: Final = 8
_QUERY: Final = re.compile(r"""(\bhttps?://[^\s?"'<>]+\?)[^\s"'<>]+""", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"""(?:"[^"\n]{1,64}"|[^\s<>()\[\],;:"'@=/*]{1,256})@[\w.\[\]:-]*\w\]?"""
)
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Controls, line and paragraph separators, bidi overrides, lone surrogates; LF and TAB stay."""


def scrub(text: str, *, limit: int = MAX_TEXT, readable: bool = False) -> str:
    """Text fit for a log: no secret of a known shape, no readable address, no controls."""
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text)} characters)"
    if len(text) >= _SHORTEST and _HINT.search(text):
        text = _SECRETS.sub(_mask, _QUERY.sub(rf"\1{MASK}", text))
    if not readable and "@" in text:
        text = _ADDRESS.sub(lambda found: hash_address(found.group()), text)
    if text.isprintable():
        return text
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _mask(found: re.Match[str]) -> str:
    """Keep what announces a secret, mask the secret."""
    return f"{found.group(found.lastgroup) if found.lastgroup else ''}{MASK}"


@lru_cache(1024)
def is_secret(key: str) -> bool:
    """Whether a value under this key is masked whatever it looks like."""
    lower = key.lower()
    return lower in _SECRET_KEYS or not _SECRET_WORDS.isdisjoint(re.split(r"[^a-z]+", lower))


def plain(value: object, *, readable: bool = False, depth: int = 0) -> object:
    """A value as JSON knows it, scrubbed and bounded. Unknown objects speak through ``str``."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return round(value, 3)
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        return record(value, depth=depth + 1)
    if depth < MAX_DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        items = value if isinstance(value, (list, tuple)) else sorted(value, key=str)
        return [plain(item, readable=readable, depth=depth + 1) for item in items[:MAX_ITEMS]]
    return scrub(_text(value), readable=readable)


def _text(value: object) -> str:
    """Any other value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes):
        return value[:MAX_TEXT].decode("utf-8", "backslashreplace")
    return str(value)


def record(fields: Mapping[str, object], *, depth: int = 0) -> dict[str, object]:
    """Every field scrubbed; those under a secret's name masked, those that are None left out."""
    return {
        key: MASK if is_secret(key) else plain(value, readable=key in READABLE, depth=depth)
        for key, value in _first(fields.items())
        if value is not None
    }


def _first(items: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    """At most `MAX_ITEMS` of them, keys as text."""
    return ((str(key), value) for _, (key, value) in zip(range(MAX_ITEMS), items, strict=False))


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with milliseconds and ``Z``; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def traceback_of(error: BaseException) -> str:
    """The traceback without locals, its messages scrubbed, its end kept when it is long."""
    text = "".join(traceback.format_exception(error, limit=-40)).rstrip()
    return scrub(text[-MAX_TRACEBACK:], limit=MAX_TRACEBACK)
