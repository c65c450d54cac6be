"""Microsoft 365 and Outlook.com over IMAP, signed in with OAuth."""

from __future__ import annotations

from collections.abc import Mapping

from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.options import Kind, Options, read_options
from eisd.driver.presets import by_domain
from eisd_microsoft.dialect import MICROSOFT

_WORK = "onmicrosoft.com"


class MicrosoftDriver(ImapBase):
    """Signs in at outlook.office365.com, for a shared mailbox with the token of one who may.

    The user name is the mailbox's own address; whose token it is makes no difference to that.
    """

    name = "microsoft"
    dialect = MICROSOFT

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        """Read the tables; a domain that is nobody else's is an organisation's own."""
        known = by_domain(address.rpartition("@")[2])
        if known is None or known.driver != self.name:
            known = by_domain(_WORK)
        return read_options(table, address, Kind(self.name, known, password=False))
