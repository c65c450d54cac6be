"""Signing in to IMAP: with a password, or with an OAuth access token (RFC 7628, XOAUTH2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from eisd.driver.imap.options import Options
from eisd.driver.interface import Login
from eisd.errors import AuthRejected
from eisd.wire.imap import Client

Authenticate = Callable[[Client], Awaitable[None]]
"""Logs a connection in; asks for the secret as late as that."""


def login_of(options: Options, login: Login) -> Authenticate:
    """The way in that the options ask for."""
    username = options.imap.username

    async def by_password(client: Client) -> None:
        await client.auth(username, await login.password("imap"))

    async def by_token(client: Client) -> None:
        mechanism = _mechanism(client.capabilities)
        token = await login.access_token()
        try:
            await client.authenticate(mechanism, username, token)
        except AuthRejected:
            # Revoked, or cut short: one more is asked for, and only its refusal is believed.
            another = await login.access_token(refused=token)
            if another == token:
                raise
            await client.authenticate(mechanism, username, another)

    return by_token if options.app else by_password


def _mechanism(capabilities: frozenset[str]) -> Literal["XOAUTH2", "OAUTHBEARER"]:
    """XOAUTH2 unless the server has only the standard one: both vendors know it best."""
    bearer = "AUTH=OAUTHBEARER" in capabilities and "AUTH=XOAUTH2" not in capabilities
    return "OAUTHBEARER" if bearer else "XOAUTH2"
