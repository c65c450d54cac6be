"""An IMAP driver's keys of a mailbox's table: ``imap`` and ``smtp`` (servers), and ``oauth``.

Drivers differ by their `Kind`: which provider they take for granted, and how people sign in to it.
Every problem is collected; the loader adds file, line and column.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast, get_args

from eisd.driver.interface import OptionsError, Problem
from eisd.driver.presets import PORTS, Place, Provider, Service, Tls

_KEYS = ("host", "port", "tls", "username", "password", "ca_file", "allow_plaintext")
_TABLES = (*PORTS, "oauth")
_HIGHEST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})\.?|[0-9A-Fa-f:.]{2,45}")
_REFERENCE = 'write password = { file = "/etc/eisd/secrets/NAME" }, or credential, env, command'
_OAUTH = 'beside it oauth = { app = "NAME" }'


@dataclass(frozen=True, slots=True)
class Server:
    """One server to connect to. The password itself is the core's to keep."""

    host: str
    port: int
    tls: Tls
    username: str
    ca_file: str | None = None
    has_password: bool = field(default=False, compare=False)
    """One is given for it; the core keeps it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the driver needs to know of a mailbox."""

    address: str
    imap: Server
    smtp: Server | None = None
    app: str = ""
    """The [oauth.NAME] whose tokens it signs in with; empty: it has a password."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a driver takes for granted."""

    name: str
    provider: Provider | None = None
    """Whose servers they are where the table does not say."""
    password: bool = True
    """Whether one can sign in with a password at all."""


def read_options(table: Mapping[str, object], address: str, kind: Kind) -> Options:
    """The options of a mailbox's table. Raises `OptionsError` with every problem."""
    problems = _strangers(table)
    reader = _Reader(address, problems, kind)
    app = reader.app(table.get("oauth"))
    known = kind.provider is not None
    imap = reader.server("imap", table.get("imap", {} if known else None))
    smtp = reader.server("smtp", table.get("smtp", {})) if known or "smtp" in table else None
    if imap is not None:
        reader.credentials(table)
    if problems or imap is None:
        raise OptionsError(problems)
    return Options(address, imap, smtp, app)


def _strangers(table: Mapping[str, object]) -> list[Problem]:
    """Tables that are no business of this driver."""
    problems: list[Problem] = []
    for key, value in table.items():
        if isinstance(value, Mapping) and key not in _TABLES:
            problems.append(_unknown((key,), key, _TABLES))
    return problems


def _unknown(path: tuple[str, ...], key: str, known: tuple[str, ...]) -> Problem:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return Problem(path, f"unknown key {key!r}", hint)


class _Reader:
    """Reads servers, collecting what is wrong with them."""

    def __init__(self, address: str, problems: list[Problem], kind: Kind) -> None:
        self._address = address
        self._problems = problems
        self._kind = kind

    def app(self, table: object) -> str:
        """The application of the ``oauth`` table, if there is one."""
        if table is None:
            return ""
        if not isinstance(table, Mapping):
            self._problem(("oauth",), "oauth must be a table", 'write oauth = { app = "NAME" }')
            return ""
        keys = cast("Mapping[str, object]", table)
        strange = [key for key in keys if key != "app"]
        self._problems.extend(_unknown(("oauth", key), key, ("app",)) for key in strange)
        if "app" not in keys and not strange:
            self._problem(("oauth",), "app is missing", "name one of the tables [oauth.NAME]")
        return self._text("oauth", keys, "app") or ""

    def credentials(self, table: Mapping[str, object]) -> None:
        """There is one way to sign in, and the provider takes it."""
        imap = table.get("imap")
        has_password = isinstance(imap, Mapping) and "password" in imap
        if "oauth" in table:
            if has_password:
                hint = "keep one of the two"
                self._problem(("imap", "password"), "the mailbox signs in with OAuth", hint)
        elif not self._kind.password:
            hint = 'write oauth = { app = "NAME" }, with the application under [oauth.NAME]'
            said = f"the {self._kind.name} driver signs in with OAuth, not with a password"
            self._problem(("imap", "password") if has_password else ("oauth",), said, hint)
        elif not has_password:
            path = ("imap",)
            self._problem(path, "password is missing", f"{_REFERENCE}; or {_OAUTH}")

    def server(self, name: Service, table: object) -> Server | None:
        """One server's table."""
        if not isinstance(table, Mapping):
            said = "is missing" if table is None else "must be a table"
            hint = (
                f'write {name} = {{ host = "{name}.example.org", password = {{ file = "..." }} }}'
            )
            self._problem((name,), f"{name} {said}", hint)
            return None
        keys = cast("Mapping[str, object]", table)
        for key in keys:
            if key not in _KEYS:
                self._problems.append(_unknown((name, key), key, _KEYS))
        tls = self._tls(name, keys)
        host = self._host(name, keys)
        self._password(name, keys)
        self._plaintext(name, keys, tls, host)
        usual = self._usual(name, host)
        port = usual.port if usual and usual.tls == tls else PORTS[name][tls]
        port = self._port(name, keys.get("port", port))
        username = self._text(name, keys, "username") or self._username(name, usual)
        ca_file = self._text(name, keys, "ca_file")
        return Server(host, port, tls, username, ca_file, "password" in keys)

    def _usual(self, name: Service, host: str = "") -> Place | None:
        """Where the provider has that service, unless ``host`` is another one."""
        provider = self._kind.provider
        if provider is None:
            return None
        place = provider.imap if name == "imap" else provider.smtp
        return place if host in ("", place.host) else None

    def _username(self, name: Service, usual: Place | None) -> str:
        provider = self._kind.provider
        if name == "imap" and usual is not None and provider is not None:
            return provider.imap_username(self._address)
        return self._address

    def _problem(self, path: tuple[str, ...], message: str, hint: str = "") -> None:
        self._problems.append(Problem(path, message, hint))

    def _text(self, name: str, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value and value.isprintable():
            return value
        self._problem((name, key), f"{key} must be text on one line")
        return None

    def _host(self, name: str, table: Mapping[str, object]) -> str:
        if "host" not in table and (usual := self._usual(cast("Service", name))):
            return usual.host
        if "host" not in table:
            misspelt = get_close_matches("host", [k for k in table if k not in _KEYS], n=1)
            if not misspelt:  # else the unknown key is the one problem there is
                self._problem((name,), "host is missing", f'for example "{name}.example.org"')
            return ""
        host = (self._text(name, table, "host") or "").strip("[]")
        if host and not _HOST.fullmatch(_ascii(host)):
            hint = "a name or an IP address alone; the port has a key of its own"
            self._problem((name, "host"), f"host {host!r} is no host name", hint)
        return host.lower()

    def _port(self, name: str, value: object) -> int:
        if type(value) is int and 0 < value <= _HIGHEST_PORT:
            return value
        hint = f"for example {PORTS[name]['implicit']}"
        self._problem((name, "port"), f"port must be a number from 1 to {_HIGHEST_PORT}", hint)
        return 0

    def _tls(self, name: str, table: Mapping[str, object]) -> Tls:
        usual = self._usual(cast("Service", name), str(table.get("host", "")).lower())
        value = table.get("tls", usual.tls if usual else "implicit")
        if value in get_args(Tls):
            return cast("Tls", value)
        near = get_close_matches(str(value), get_args(Tls), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "implicit, starttls or none"
        self._problem((name, "tls"), f"tls cannot be {value!r}", hint)
        return "implicit"

    def _password(self, name: str, table: Mapping[str, object]) -> None:
        """Only its shape: the core resolves it, and it is never shown."""
        value = table.get("password")
        if value is not None and not isinstance(value, Mapping):
            self._problem(
                (name, "password"), "a secret does not stand in the configuration", _REFERENCE
            )

    def _plaintext(self, name: str, table: Mapping[str, object], tls: Tls, host: str) -> None:
        allowed = table.get("allow_plaintext", False)
        if not isinstance(allowed, bool):
            self._problem((name, "allow_plaintext"), "allow_plaintext must be true or false")
        elif tls == "none" and host and not allowed and not _is_loopback(host):
            hint = 'use tls = "implicit" or "starttls"; or add allow_plaintext = true'
            self._problem((name, "tls"), f"the password would go to {host} unprotected", hint)


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return " "


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", "localhost."} or host.endswith(".localhost")
