"""Signing in to the submission server, and to nobody else.

A password or a token goes where the configuration sends it. What is given for IMAP alone is used
for SMTP only at the same provider: a relay somewhere else must not get to know it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from eisd.driver.imap.options import Options, Server
from eisd.driver.interface import Login
from eisd.driver.presets import by_host
from eisd.errors import AuthRejected
from eisd.mime.domains import registrable_domain
from eisd.wire.smtp_words import APP_PASSWORD

if TYPE_CHECKING:
    from eisd.wire.smtp import Client

Authenticate = Callable[["Client"], Awaitable[None]]
"""Logs a connection in; asks for the secret as late as that."""

Way = Literal["own", "imap", "token", "none"]


def way_in(options: Options, smtp: Server) -> Way:
    """With a password of its own, with IMAP's, with the mailbox's token, or not at all."""
    if smtp.has_password:
        return "own"
    imap = options.imap.host
    if options.app:
        known = same_provider(imap, smtp.host) or _same_domain(imap, smtp.host)
        return "token" if known else "none"
    return "imap" if same_provider(imap, smtp.host) else "none"


def same_provider(imap: str, smtp: str) -> bool:
    """Whether both hosts are one machine's, or known to be one provider's."""
    known = by_host(smtp)
    return imap == smtp or (known is not None and imap == known.imap.host)


def _same_domain(imap: str, smtp: str) -> bool:
    """A token is good for all servers of the domain that takes it."""
    domain = registrable_domain(smtp)
    return bool(domain) and domain == registrable_domain(imap)


def login_of(options: Options, smtp: Server, login: Login) -> Authenticate:
    """The way in that the options ask for."""
    way = way_in(options, smtp)
    table = "smtp" if way == "own" else "imap"

    async def by_password(client: Client) -> None:
        try:
            await client.login(smtp.username, await login.password(table))
        except AuthRejected as error:
            raise _advised(error, smtp.host) from error

    async def by_token(client: Client) -> None:
        token = await login.access_token()
        try:
            await client.login_token(smtp.username, token)
        except AuthRejected as error:
            if error.hint:
                raise  # it is not the token that is refused
            # Revoked, or cut short: one more is asked for, and only its refusal is believed.
            another = await login.access_token(refused=token)
            if another == token:
                raise
            await client.login_token(smtp.username, another)

    async def as_nobody(client: Client) -> None:
        del client

    return {"own": by_password, "imap": by_password, "token": by_token, "none": as_nobody}[way]


def _advised(error: AuthRejected, host: str) -> AuthRejected:
    """What to do about a refused password, where the provider is known and its words are not."""
    provider = by_host(host)
    if provider is None or not provider.advice or error.hint not in {"", APP_PASSWORD}:
        return error
    return AuthRejected(str(error), code=error.code, hint=provider.advice)
