"""Durations, sizes, windows, rates and listen addresses: text to values and back. Pure.

A parser raises `ValueError` with a whole sentence that shows an example; ``format_x(parse_x(t))``
is a shortest spelling that parses to the same value.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_ITEM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_ITEM.pattern})+", re.ASCII)

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_WINDOW = re.compile(r"(\d{1,5})([dwmy])", re.ASCII)

_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(B|[KMG]I?B)", re.ASCII | re.IGNORECASE)

_RATE = re.compile(r"(\d{1,7})/([smhd])", re.ASCII)

MAX_PORT = 65535


def parse_duration(text: object) -> float:
    """Seconds of a duration such as ``1h30m``; here ``m`` is a minute."""
    if isinstance(text, str) and _DURATION.fullmatch(text):
        return sum(float(n) * _SECONDS[unit] for n, unit in _DURATION_ITEM.findall(text))
    raise ValueError(f'want a duration such as "30s", "5m" or "1h30m", got {shown(text)}')


def format_duration(seconds: float) -> str:
    """The duration with the fewest and largest units: 5400.0 is ``1h30m``."""
    rest = round(seconds * 1000)
    parts = []
    for unit, scale in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, scale)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """How far back a first sync goes: days, 0 for nothing of the past, None for all of it."""

    days: int | None

    @property
    def is_all(self) -> bool:
        """Everything the mailbox holds."""
        return self.days is None

    @property
    def is_none(self) -> bool:
        """Only what comes from now on."""
        return self.days == 0

    def begin(self, now: datetime) -> datetime | None:
        """The instant the window begins at, seen from ``now``; None means there is no begin."""
        return None if self.days is None else now - timedelta(days=self.days)

    def __str__(self) -> str:
        if self.days is None:
            return "all"
        if self.days == 0:
            return "none"
        for unit in ("y", "m"):
            if self.days % _DAYS[unit] == 0:
                return f"{self.days // _DAYS[unit]}{unit}"
        return f"{self.days}d"


def parse_window(text: object) -> WindowSpan:
    """A window such as ``3m``; here ``m`` is a month of 30 days and ``y`` a year of 365."""
    if isinstance(text, WindowSpan):
        return text
    if text == "all":
        return WindowSpan(None)
    if text == "none":
        return WindowSpan(0)
    found = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            f'want a window such as "7d", "1m" (a month), "1y", "all" or "none", got {shown(text)}'
        )
    return WindowSpan(int(found[1]) * _DAYS[found[2]])


def parse_size(text: object) -> int:
    """Octets of a size such as ``25MB``: KB, MB, GB count by 1000, KiB, MiB, GiB by 1024."""
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'want a size such as "25MB" or "512KiB", got {shown(text)}')
    return round(float(found[1]) * _BYTES[found[2].upper()])


def format_size(octets: int) -> str:
    """The size in the largest unit that needs no fraction: 25000000 is ``25MB``."""
    for unit in ("GiB", "GB", "MiB", "MB", "KiB", "KB"):
        if octets and octets % _BYTES[unit.upper()] == 0:
            return f"{octets // _BYTES[unit.upper()]}{unit}"
    return f"{octets}B"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in each span of ``seconds``."""

    count: int
    seconds: float

    def __str__(self) -> str:
        unit = next(u for u in ("d", "h", "m", "s") if self.seconds == _SECONDS[u])
        return f"{self.count}/{unit}"


def parse_rate(text: object) -> Rate:
    """A rate such as ``30/m``: so many a second, minute, hour or day."""
    if isinstance(text, Rate):
        return text
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError(f'want a rate such as "30/m" or "500/h", got {shown(text)}')
    return Rate(int(found[1]), _SECONDS[found[2]])


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a server listens: a Unix socket (``path``), or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def is_unix(self) -> bool:
        """A Unix socket."""
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """Reachable from this machine alone."""
        return self.is_unix or is_loopback(self.host)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_listen(text: object) -> Listen:
    """``unix:/path``, ``host:port`` or ``[v6]:port``."""
    if isinstance(text, Listen):
        return text
    if isinstance(text, str):
        if text.startswith("unix:") and PurePosixPath(text[5:]).is_absolute():
            return Listen(path=text[5:])
        host, port = _split_host_port(text)
        if host and 0 <= port <= MAX_PORT:
            return Listen(host=host, port=port)
    raise ValueError(
        f'want "unix:/absolute/path", "127.0.0.1:8425" or "[::1]:8425", got {shown(text)}'
    )


def _split_host_port(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", text, re.ASCII)
    return (found[1].strip("[]"), int(found[2])) if found else ("", -1)


def is_loopback(host: str) -> bool:
    """Whether a host, as written, can only be this machine (RFC 1122 3.2.1.3, RFC 6761 6.3)."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def has_userinfo(url: str) -> bool:
    """Whether a URL carries ``user:password@``, which never belongs in a configuration."""
    return "@" in urlsplit(url).netloc


def shown(value: object) -> str:
    """A value as an error message quotes it: short, on one line, in TOML's spelling."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "..."  # noqa: PLR2004 - width of a line
        return "'" + "".join(c if c.isprintable() else "?" for c in text) + "'"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    return str(value)
