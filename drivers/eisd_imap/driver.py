"""The generic IMAP driver: a host, a user name, and a password or an OAuth token."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.options import Kind, Options, read_options
from eisd.driver.presets import by_domain


class ImapDriver(ImapBase):
    """Speaks IMAP4rev1 (RFC 3501) and later to any server that does."""

    name = "imap"

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        """Read the tables; what they do not say comes from what is known of the provider."""
        provider = by_domain(address.rpartition("@")[2])
        return read_options(table, address, Kind(self.name, provider))
