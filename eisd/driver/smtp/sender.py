"""A `Sender` over SMTP, with the copies filed over IMAP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from eisd.driver.imap.connect import Way as ImapWay
from eisd.driver.imap.options import Options
from eisd.driver.interface import BeforeCommit, Login, RemoteId
from eisd.driver.smtp.filing import Filing
from eisd.driver.smtp.login import Authenticate, login_of
from eisd.errors import DriverError, Misconfigured, Transient
from eisd.model.folder import FolderRole
from eisd.model.outgoing import Envelope, Receipt, SendRefused
from eisd.wire.smtp import Client, Endpoint, Timeouts

_ASK_AFTER = 20.0
"""Seconds of rest after which a connection is asked whether it is still there."""
_CLOSING = 421


@dataclass(frozen=True, slots=True)
class Way:
    """The way out of one mailbox: where to, as whom, and where its copies are."""

    endpoint: Endpoint
    authenticate: Authenticate
    mailbox: ImapWay
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - a frozen value

    async def connect(self) -> Client:
        """A connection that is logged in."""
        client = await Client.connect(self.endpoint, self.timeouts)
        try:
            await self.authenticate(client)
        except BaseException:
            client.abort()
            raise
        return client


def way_out(options: Options, login: Login, mailbox: ImapWay) -> Way:
    """The way out that the options name. Raises `Misconfigured`: they name none."""
    smtp = options.smtp
    if smtp is None:
        hint = 'write smtp = { host = "...", password = { same_as = "imap" } }'
        raise Misconfigured("the mailbox has no way to send", code="config", hint=hint)
    return Way(
        endpoint=Endpoint(smtp.host, smtp.port, smtp.tls, smtp.ca_file),
        authenticate=login_of(options, smtp, login),
        mailbox=mailbox,
    )


@asynccontextmanager
async def sender(way: Way) -> AsyncIterator[SmtpSender]:
    """The way out; leaving it closes its connections, politely where all went well."""
    made = SmtpSender(way)
    try:
        yield made
        await made.close()
    finally:
        made.abort()


class SmtpSender:
    """Sends over one connection, which is kept as long as it lives."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._client: Client | None = None
        self._filing = Filing(way.mailbox)

    async def send(
        self, envelope: Envelope, rfc822: bytes, *, before_commit: BeforeCommit | None = None
    ) -> Receipt:
        client = await self._ready()
        used = client.messages > 0
        committed = False

        async def commit() -> None:
            nonlocal committed
            committed = True
            if before_commit is not None:
                await before_commit()

        try:
            return await client.send(envelope, rfc822, commit)
        except DriverError as error:
            if committed or not used or not _worn_out(error):
                raise
        # The server had enough of this connection; nothing of the message was kept.
        client = await self._ready()
        return await client.send(envelope, rfc822, before_commit)

    async def find_sent(self, message_id: str) -> RemoteId | None:
        return await self._filing.find(FolderRole.SENT, message_id)

    async def append_sent(self, rfc822: bytes) -> RemoteId | None:
        return await self._filing.append(FolderRole.SENT, rfc822, "\\Seen")

    async def find_draft(self, message_id: str) -> RemoteId | None:
        return await self._filing.find(FolderRole.DRAFTS, message_id)

    async def append_draft(self, rfc822: bytes) -> RemoteId | None:
        return await self._filing.append(FolderRole.DRAFTS, rfc822, "\\Draft")

    async def remove_draft(self, message_id: str) -> bool:
        return await self._filing.remove(FolderRole.DRAFTS, message_id)

    async def close(self) -> None:
        """End the connections with a word of goodbye."""
        if self._client is not None:
            await self._client.quit()
        await self._filing.close()

    def abort(self) -> None:
        """Drop the connections at once."""
        if self._client is not None:
            self._client.abort()
        self._filing.abort()

    async def _ready(self) -> Client:
        client = self._client
        if client is not None and client.lost is None:
            if client.idle_s < _ASK_AFTER or await client.alive():
                return client
            client.abort()
        self._client = await self._way.connect()
        return self._client


def _worn_out(error: DriverError) -> bool:
    """The connection was closed before it said anything about this message."""
    if isinstance(error, SendRefused):
        return error.refusals[0].code == _CLOSING
    return isinstance(error, Transient) and error.code == "lost"
