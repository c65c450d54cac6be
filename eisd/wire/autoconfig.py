"""The autoconfig format of Thunderbird and the ISPDB (draft-ietf-mailmaint-autoconfig). Pure.

What comes here is a stranger's: bounded, without entities, and believed only in what it names.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from eisd.errors import ProtocolError

MAX_BYTES: Final = 65_536
_TLS: Final[dict[str, Literal["implicit", "starttls"]]] = {
    "SSL": "implicit",
    "STARTTLS": "starttls",
}
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HIGHEST_PORT: Final = 65_535
_PLACEHOLDERS: Final = re.compile(r"%(EMAILADDRESS|EMAILLOCALPART|EMAILDOMAIN)%")


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a configuration."""

    kind: Literal["imap", "smtp"]
    host: str
    port: int
    tls: Literal["implicit", "starttls"]
    username: str
    """With the address filled in; empty where it is not said."""
    ways: tuple[str, ...]
    """How to sign in, such as ``OAuth2`` and ``password-cleartext``, the preferred first."""


def parse(document: bytes, address: str) -> list[Server]:
    """The IMAP and SMTP servers for an address that have TLS, in the order they stand.

    Raises:
        ProtocolError: it is no such document, or one that is not to be read.
    """
    if len(document) > MAX_BYTES:
        raise ProtocolError("the autoconfig document is too long", code="autoconfig")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise ProtocolError("the autoconfig document declares entities", code="autoconfig")
    try:
        root = ET.fromstring(document)  # noqa: S314 - bounded, and without declarations
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ProtocolError("the autoconfig document is no XML", code="autoconfig") from error
    if root.tag != "clientConfig":
        raise ProtocolError("the document is no autoconfig", code="autoconfig")
    return list(_servers(root, address))


def _servers(root: ET.Element, address: str) -> Iterator[Server]:
    for path, kind in (("incomingServer", "imap"), ("outgoingServer", "smtp")):
        for element in root.findall(f"emailProvider/{path}"):
            if element.get("type") == kind and (server := _server(element, kind, address)):
                yield server


def _server(element: ET.Element, kind: str, address: str) -> Server | None:
    """One server; None where it lacks something, or TLS."""
    tls = _TLS.get(_text(element, "socketType").upper())
    host = _filled(_text(element, "hostname"), address)
    port = _text(element, "port")
    if tls is None or not _HOST.fullmatch(host) or not (port.isascii() and port.isdecimal()):
        return None
    if not 0 < int(port[:6]) <= _HIGHEST_PORT:
        return None
    username = _filled(_text(element, "username"), address)
    ways = tuple((one.text or "").strip() for one in element.findall("authentication"))
    known = username if username.isprintable() else ""
    return Server("imap" if kind == "imap" else "smtp", host.lower(), int(port), tls, known, ways)


def _text(element: ET.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _filled(text: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    values = {"EMAILADDRESS": address, "EMAILLOCALPART": local, "EMAILDOMAIN": domain}
    return _PLACEHOLDERS.sub(lambda match: values[match[1]], text)
