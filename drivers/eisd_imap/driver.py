"""The generic IMAP driver: a host, a user name, a password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from eisd.driver.imap import connect
from eisd.driver.imap.scan import Sizes
from eisd.driver.interface import API_VERSION, Login, Sender, Session, Step
from eisd.errors import Misconfigured
from eisd.model.outgoing import Envelope, Outlet
from eisd.wire.imap import Client, Endpoint
from eisd_imap.options import Options, read_options


class ImapDriver:
    """Speaks IMAP4rev1 (RFC 3501) and later to any server that does."""

    name = "imap"
    api_version = API_VERSION

    def __init__(self, sizes: Sizes | None = None) -> None:
        self._sizes = sizes

    def options(self, table: Mapping[str, object], *, address: str) -> Options:
        return read_options(table, address)

    def identity(self, options: Any) -> str:
        host: str = options.imap.host
        return host

    def session(self, options: Any, login: Login) -> AbstractAsyncContextManager[Session]:
        authenticate = _password_login(options, login)
        return connect.session(_endpoint(options), authenticate, sizes=self._sizes)

    def outlet(self, options: Any) -> Outlet | None:
        return None if options.smtp is None else Outlet(options.smtp.host)

    def sender(self, options: Any, login: Login) -> AbstractAsyncContextManager[Sender]:  # noqa: ARG002
        raise Misconfigured("this driver cannot send yet", code="config")

    def probe_sender(
        self,
        options: Any,  # noqa: ARG002
        login: Login,  # noqa: ARG002
        message: tuple[Envelope, bytes] | None = None,  # noqa: ARG002
    ) -> AsyncIterator[Step]:
        raise Misconfigured("this driver cannot send yet", code="config")

    def probe(self, options: Any, login: Login) -> AsyncIterator[Step]:
        authenticate = _password_login(options, login)
        return connect.probe(_endpoint(options), authenticate, options.imap.username)


def _endpoint(options: Options) -> Endpoint:
    server = options.imap
    return Endpoint(server.host, server.port, server.tls, server.ca_file)


def _password_login(options: Options, login: Login) -> connect.Authenticate:
    async def authenticate(client: Client) -> None:
        await client.auth(options.imap.username, await login.password())

    return authenticate
