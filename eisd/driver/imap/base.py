"""What the drivers that speak IMAP have in common; each adds its options and its dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from eisd.driver.imap import connect
from eisd.driver.imap.dialect import PLAIN, Dialect
from eisd.driver.imap.login import login_of
from eisd.driver.imap.options import Options
from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import AskAliases
from eisd.driver.interface import API_VERSION, Login, Sender, Session, Step
from eisd.driver.presets import by_host
from eisd.driver.smtp.outlet import outlet_of, signs_in_as
from eisd.model.outgoing import Envelope, Outlet
from eisd.wire.imap import Endpoint


class ImapBase:
    """A driver of an IMAP server, but for its name and its options."""

    api_version = API_VERSION
    dialect: ClassVar[Dialect] = PLAIN

    def __init__(self, sizes: Sizes | None = None) -> None:
        self._sizes = sizes

    def identity(self, options: Any) -> str:
        host: str = options.imap.host
        return host

    def session(self, options: Any, login: Login) -> AbstractAsyncContextManager[Session]:
        return connect.session(self._way(options, login), sizes=self._sizes)

    def outlet(self, options: Any) -> Outlet | None:
        return outlet_of(options)

    def sender(self, options: Any, login: Login) -> AbstractAsyncContextManager[Sender]:
        from eisd.driver.smtp import sender  # noqa: PLC0415 - SMTP, when there is mail to send

        return sender.sender(sender.way_out(options, login, self._way(options, login)))

    def probe_sender(
        self, options: Any, login: Login, message: tuple[Envelope, bytes] | None = None
    ) -> AsyncIterator[Step]:
        from eisd.driver.smtp import probe, sender  # noqa: PLC0415

        way = sender.way_out(options, login, self._way(options, login))
        return probe.probe(way, signs_in_as(options), message)

    def probe(self, options: Any, login: Login) -> AsyncIterator[Step]:
        return connect.probe(self._way(options, login), options.imap.username)

    def _way(self, options: Options, login: Login) -> connect.Way:
        server = options.imap
        known = by_host(server.host)
        return connect.Way(
            endpoint=Endpoint(server.host, server.port, server.tls, server.ca_file),
            authenticate=login_of(options, login),
            dialect=self.dialect,
            advice=known.advice if known is not None and not options.app else "",
            aliases=self._alias_question(options, login),
        )

    def _alias_question(self, options: Options, login: Login) -> AskAliases | None:  # noqa: ARG002
        """How to ask for a mailbox's other addresses; most servers cannot be asked."""
        return None
