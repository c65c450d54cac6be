"""Gmail and Google Workspace: All Mail, told apart by labels, over IMAP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eisd.driver.imap.base import ImapBase
from eisd.driver.imap.options import Kind, Options, read_options
from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import AskAliases
from eisd.driver.interface import Login
from eisd.driver.presets import by_domain
from eisd_gmail.aliases import Aliases
from eisd_gmail.dialect import GMAIL

_HOST = "imap.gmail.com"


class GmailDriver(ImapBase):
    """Signs in with OAuth, or with an app password, at imap.gmail.com."""

    name = "gmail"
    dialect = GMAIL

    def __init__(self, sizes: Sizes | None = None, aliases: Aliases | None = None) -> None:
        """Take ``aliases`` to ask another API than Google's own."""
        super().__init__(sizes)
        self._aliases = aliases or Aliases()
        self._elsewhere = aliases is not None

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        """Read the tables; any domain may be Google's, so the servers are known."""
        return read_options(table, address, Kind(self.name, by_domain("gmail.com")))

    def _alias_question(self, options: Options, login: Login) -> AskAliases | None:
        """Ask with the mailbox's token, which goes to Google alone."""
        if not options.app or not (self._elsewhere or options.imap.host == _HOST):
            return None

        async def ask() -> Sequence[str]:
            return await self._aliases.ask(options.address, await login.access_token())

        return ask
