"""What is known of mail providers: hosts, user names, kinds of password. Data, in providers.toml.

A provider is found by the domain of an address, by where a domain's mail goes (MX), or by one of
its hosts. Nothing here asks the network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, cast

Tls = Literal["implicit", "starttls", "none"]
Service = Literal["imap", "smtp"]

PORTS: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "imap": {"implicit": 993, "starttls": 143, "none": 143},
        "smtp": {"implicit": 465, "starttls": 587, "none": 25},
    }
)
"""The usual port of a service, by the way it is secured."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is, and how the way there is secured."""

    host: str
    port: int
    tls: Tls


@dataclass(frozen=True, slots=True)
class Provider:
    """One mail provider; the fields are described at the head of providers.toml."""

    key: str
    title: str
    imap: Place
    smtp: Place
    driver: str = "imap"
    domains: frozenset[str] = frozenset()
    mx: tuple[str, ...] = ()
    username: Literal["address", "local"] = "address"
    sign_in: Literal["password", "app_password", "oauth"] = "password"
    page: str = ""
    first: str = ""
    refused: str = ""
    saves_sent: bool = False
    per_minute: int | None = None
    per_day: int | None = None
    per_day_organisation: int | None = None
    counts_recipients: bool = False
    smtp_connections: int | None = None

    def imap_username(self, address: str) -> str:
        """What IMAP takes as the user name of an address."""
        return address.rpartition("@")[0] if self.username == "local" else address

    @property
    def advice(self) -> str:
        """What to do about a password that was refused."""
        where = f"; make one at {self.page}" if self.page and self.sign_in == "app_password" else ""
        return f"{self.refused}{where}"


def providers() -> tuple[Provider, ...]:
    """Every provider known, in the order of the file."""
    return _PROVIDERS


def by_domain(domain: str) -> Provider | None:
    """The provider of addresses in a domain, or in the domain it is below of."""
    name = domain.rstrip(".").lower()
    known = _domains()
    while name:
        if name in known:
            return known[name]
        name = name.partition(".")[2]
    return None


def by_mx(hosts: Iterable[str]) -> Provider | None:
    """The provider that a domain's mail goes to; ``hosts`` are its MX, the preferred first."""
    for host in hosts:
        name = host.rstrip(".").lower()
        for provider in providers():
            if any(fnmatchcase(name, pattern) for pattern in provider.mx):
                return provider
    return None


def by_host(host: str) -> Provider | None:
    """The provider that has a host as its IMAP or SMTP server; of two, the one with a domain."""
    return _hosts().get(host.rstrip(".").lower())


@cache
def _domains() -> Mapping[str, Provider]:
    return {domain: provider for provider in providers() for domain in provider.domains}


@cache
def _hosts() -> Mapping[str, Provider]:
    found: dict[str, Provider] = {}
    for provider in providers():
        for place in (provider.imap, provider.smtp):
            found.setdefault(place.host, provider)
    return found


def _provider(key: str, table: Mapping[str, Any]) -> Provider:
    given = dict(table)
    return Provider(
        key=key,
        imap=place(given.pop("imap"), "imap"),
        smtp=place(given.pop("smtp"), "smtp"),
        domains=frozenset(given.pop("domains", ())),
        mx=tuple(given.pop("mx", ())),
        **given,
    )


def place(text: str, service: Service) -> Place:
    """``host``, ``host:port`` or either with ``+starttls``."""
    where, _, way = text.partition("+")
    tls = cast("Tls", way or "implicit")
    host, _, port = where.partition(":")
    return Place(host, int(port) if port else PORTS[service][tls], tls)


def _load() -> tuple[Provider, ...]:
    text = files("eisd.driver").joinpath("data/providers.toml").read_text(encoding="utf-8")
    return tuple(_provider(key, table) for key, table in tomllib.loads(text).items())


_PROVIDERS: Final = _load()  # at import: a session that asks must not read a file
