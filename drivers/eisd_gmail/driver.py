"""Gmail and Google Workspace: All Mail, told apart by labels, over IMAP."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.options import Kind, Options, read_options
from eisd.driver.presets import by_domain
from eisd_gmail.dialect import GMAIL


class GmailDriver(ImapBase):
    """Signs in with OAuth, or with an app password, at imap.gmail.com."""

    name = "gmail"
    dialect = GMAIL

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        """Read the tables; any domain may be Google's, so the servers are known."""
        return read_options(table, address, Kind(self.name, by_domain("gmail.com")))
