"""The kinds of values a configuration key may have, as pydantic types, and the base of all tables.

Each kind parses what TOML gives, refuses with a sentence and an example, and writes itself back
as the TOML it came from: ``model_dump`` of a table is a table again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from eisd.config import units
from eisd.config.units import Listen, Rate, WindowSpan, shown


class Table(BaseModel):
    """One table of the configuration: frozen, and a key it does not know is a mistake."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
    )


def key(default: Any = ..., doc: str = "", **more: Any) -> Any:
    """A key: its default as TOML would write it, and the sentence that documents it."""
    return Field(default, description=doc or None, **more)


def refuse(message: str, *, hint: str = "", code: str = "value") -> PydanticCustomError:
    """An error whose text is ours word for word, with a hint and a short stable code."""
    context = {"text": message, "hint": hint, "code": code}
    return PydanticCustomError("eisd", "{text}", context)


def _parsed(parse: Callable[[Any], Any]) -> PlainValidator:
    def validate(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise refuse(str(error)) from None

    return PlainValidator(validate)


def _text_schema(kind: str, pattern: str = "", *examples: str) -> WithJsonSchema:
    """A text of a kind of ours; ``x-kind`` names it for the reference page."""
    schema: dict[str, Any] = {"type": "string", "x-kind": kind}
    if pattern:
        schema |= {"pattern": pattern}
    if examples:
        schema |= {"examples": list(examples)}
    return WithJsonSchema(schema)


def _duration(value: object) -> float:
    seconds = units.parse_duration(value)
    if seconds <= 0:
        raise ValueError(f'want a duration above zero such as "30s" or "5m", got {shown(value)}')
    return seconds


Duration = Annotated[
    float,
    _parsed(_duration),
    PlainSerializer(units.format_duration, return_type=str),
    _text_schema("duration", r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$", "30s", "5m", "1h30m"),
]
"""Seconds, written ``1h30m``."""

Size = Annotated[
    int,
    _parsed(units.parse_size),
    PlainSerializer(units.format_size, return_type=str),
    _text_schema("size", r"^\d+(\.\d+)? ?([KMG]i?)?B$", "25MB", "512KiB"),
]
"""Octets, written ``25MB``."""

Window = Annotated[
    WindowSpan,
    _parsed(units.parse_window),
    PlainSerializer(str, return_type=str),
    _text_schema("window", r"^(all|none|\d+[dwmy])$", "7d", "1m", "1y", "all", "none"),
]
"""How far back, written ``3m`` (months here)."""


def _keep(value: object) -> WindowSpan:
    span = units.parse_window(value)
    if span.is_none:
        raise ValueError(f'want "all", or at least a day such as "90d" or "2y", got {shown(value)}')
    return span


Keep = Annotated[
    WindowSpan,
    _parsed(_keep),
    PlainSerializer(str, return_type=str),
    _text_schema("age", r"^(all|\d+[dwmy])$", "90d", "6m", "2y", "all"),
]
"""For how long something is kept, written ``2y`` (``m`` is a month here)."""

RateValue = Annotated[
    Rate,
    _parsed(units.parse_rate),
    PlainSerializer(str, return_type=str),
    _text_schema("rate", r"^\d+/[smhd]$", "30/m"),
]
"""So many in a span of time, written ``30/m``."""

ListenValue = Annotated[
    Listen,
    _parsed(units.parse_listen),
    PlainSerializer(str, return_type=str),
    _text_schema("listen address", "", "unix:/run/eisd/api.sock", "127.0.0.1:8425"),
]
"""Where a server listens."""


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"want a path in quotes, got {shown(value)}")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"nobody here has the home that is meant by {shown(value)}") from None


FilePath = Annotated[
    Path,
    _parsed(_path),
    PlainSerializer(str, return_type=str),
    _text_schema("path"),
]
"""A path; a relative one is taken from the place its key names."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def _name(value: str) -> str:
    if _NAME.fullmatch(value):
        return value
    suggestion = re.sub(r"[^a-z0-9._-]+", "-", value.lower()).strip("-._")[:64]
    raise refuse(
        f"want a name of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, "
        f"got {shown(value)}",
        hint=f"for example {suggestion}" if suggestion else "for example sales",
        code="name",
    )


Name = Annotated[str, AfterValidator(_name), _text_schema("name", f"^{_NAME.pattern}$")]
"""What an operator calls a mailbox, owner, app: also a metric label and part of file names."""

_DOMAIN = r"(?:[^\s@\[\]<>,;:\"'()\\.]+(?:\.[^\s@\[\]<>,;:\"'()\\.]+)*|\[[0-9A-Fa-f:.IPv]+\])"
_ADDRESS = re.compile(rf"[^\s@<>,;:\"()\[\]\\]+@{_DOMAIN}")


def is_address(text: str) -> bool:
    """Whether a text is one bare addr-spec (RFC 5322 3.4.1, no quoted local part)."""
    return _ADDRESS.fullmatch(text) is not None


def _address(value: str) -> str:
    if is_address(value):
        return value
    raise refuse(
        f"want one email address such as 'sales@example.org', got {shown(value)}", code="address"
    )


Address = Annotated[str, AfterValidator(_address), _text_schema("address")]
"""One email address, without a display name."""


def _domain(value: str) -> str:
    if re.fullmatch(_DOMAIN, value):
        return value.rstrip(".").lower()
    raise refuse(f"want a domain such as 'example.org', got {shown(value)}", code="domain")


Domain = Annotated[str, AfterValidator(_domain), _text_schema("domain")]
"""A domain name, without ``@``."""


def _entry(value: str) -> str:
    if is_address(value) or (value.startswith("@") and re.fullmatch(_DOMAIN, value[1:])):
        return value
    raise refuse(
        f"want '@domain' or a full address, got {shown(value)}",
        hint=f'write "@{value}" for a domain' if re.fullmatch(_DOMAIN, value) else "",
        code="address",
    )


Entry = Annotated[str, AfterValidator(_entry), _text_schema("address or @domain")]
"""A block-list entry: an address, or ``@domain`` for it and its subdomains."""


def _url(value: str) -> str:
    scheme, host = _scheme_and_host(value)
    if scheme not in ("https", "http") or not host:
        raise refuse('want a URL such as "https://crm.example.org/hook"', code="url")
    if units.has_userinfo(value):
        raise refuse(
            "a URL here carries no user name or password",
            hint="give the secret by its own key",
            code="literal_secret",
        )
    if scheme == "http" and not units.is_loopback(host):
        raise refuse(
            "want https: plain http is for this machine only", hint="write https://", code="url"
        )
    return value


def _scheme_and_host(url: str) -> tuple[str, str]:
    """The scheme and host of a URL; empty where it cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return "", ""
    return ("", "") if any(c.isspace() for c in url) else (parts.scheme, parts.hostname or "")


Url = Annotated[str, AfterValidator(_url), _text_schema("URL")]
"""An https URL; plain http for loopback alone."""

Lax = Field(strict=False)
"""For a list (TOML gives lists, we keep tuples) and for an enumeration (TOML gives its text)."""
