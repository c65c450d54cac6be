"""Addresses as they go over the wire: checked before, never mended after (RFC 5321 section 4.1.2).

A server would strip, reject or misread what we let through; so nothing is let through that is not
an address by the grammar.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import idna

from eisd.mime.addresses import parse_addresses
from eisd.model.outgoing import Party

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2070-\ud7ff\uf900-\U0010ffff-]"
_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_DOTTY: Final = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED: Final = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*"
)
_LITERAL: Final = re.compile(r"\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]")
_LOCAL_MAX: Final = 64
_MAX: Final = 400


@lru_cache(maxsize=4_096)
def wire_address(address: str) -> str | None:
    """The address as it may stand in MAIL FROM and RCPT TO, or None if it is none.

    The domain comes in A-labels. Characters beyond ASCII are left in the local part alone: then
    the remote must know SMTPUTF8. A local part that real people have and the grammar has not
    (two dots in a row, one at its end) comes quoted.
    """
    local, _, domain = address.rpartition("@")
    if len(address) > _MAX or not local or len(local.encode("utf-8", "replace")) > _LOCAL_MAX:
        return None
    if not _ATOM.fullmatch(local) and not _QUOTED.fullmatch(local):
        if not _DOTTY.fullmatch(local):
            return None
        local = f'"{local}"'
    found = _wire_domain(domain)
    return f"{local}@{found}" if found else None


def _wire_domain(domain: str) -> str:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            return ""
    known = _DOMAIN.fullmatch(domain) or _LITERAL.fullmatch(domain)
    return domain if known else ""


def needs_utf8(address: str) -> bool:
    """Whether the address can be reached by SMTPUTF8 (RFC 6531) only."""
    return not address.rpartition("@")[0].isascii()


def read_parties(text: str) -> tuple[Party, ...]:
    """The parties in text that a person typed: ``Ada <ada@x.org>, bob@y.org``.

    Raises `ValueError` with the first piece that holds no address.
    """
    found: list[Party] = []
    for item in parse_addresses(text.encode("utf-8", "replace"), local_case="exact"):
        if not item.address or wire_address(item.address) is None:
            raise ValueError(item.text or item.address)
        found.append(Party(item.address, item.name))
    if not found:
        raise ValueError(text.strip())
    return tuple(found)
