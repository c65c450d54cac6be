"""A driver for IMAP servers with OBJECTID (RFC 8474): their threads and message ids are used."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.dialect import Dialect, Told, saying
from eisd.driver.imap.options import Kind, Options, read_options
from eisd.driver.presets import by_domain
from eisd.errors import Misconfigured
from eisd.wire.imap_grammar import Token

__all__ = ["ObjectIdDriver", "driver"]


def read(items: Mapping[bytes, Token]) -> Told:
    """What EMAILID and THREADID say of a copy; both stand in parentheses, THREADID may be NIL."""
    return Told(thread=_id(items.get(b"THREADID")), message=_id(items.get(b"EMAILID")))


def _id(value: Token) -> str:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], bytes):
        return value[0].decode("ascii", "replace")
    return ""


OBJECTID = Dialect(
    requires="OBJECTID",
    items="EMAILID THREADID",
    read=read,
    whole_note="",
    sayings=(
        saying("mailbox is locked by the administrator", Misconfigured, "permission",
               "ask the server's administrator to unlock it"),
    ),
)  # fmt: skip
"""What the server has besides; without the capability it is any IMAP server."""


class ObjectIdDriver(ImapBase):
    """As the generic driver, and the server's own ids."""

    name = "objectid"
    dialect = OBJECTID

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        """Read the tables ``imap``, ``smtp`` and ``oauth``."""
        return read_options(table, address, Kind(self.name, by_domain(address.rpartition("@")[2])))


driver = ObjectIdDriver()
