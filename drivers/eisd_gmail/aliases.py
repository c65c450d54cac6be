"""A mailbox's other addresses at Google: those it may send as, asked of the Gmail API.

The mail scope of IMAP covers the question; where the API is not enabled for the application, or a
service account has the IMAP scope alone, there is no answer, and the configuration's aliases count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from eisd.errors import DriverError
from eisd.wire.http import Web

URL = "https://gmail.googleapis.com/gmail/v1/users/me/settings/sendAs"
_OK = 200
_MOST = 200
_SECONDS = 15.0


class Aliases:
    """Asks, and remembers the last answer for when there is none."""

    def __init__(self, url: str = URL, *, ca_file: str | None = None) -> None:
        self._url = url
        self._ca_file = ca_file
        self._web: tuple[asyncio.AbstractEventLoop, Web] | None = None
        self._told: dict[str, Sequence[str]] = {}

    async def ask(self, address: str, token: str) -> Sequence[str]:
        """The verified addresses of the mailbox beside ``address``; as before in trouble."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            reply = await self._here().get(self._url, headers=headers, seconds=_SECONDS)
            if reply.status == _OK:
                self._told[address] = _addresses(reply.json(), address)
        except DriverError:
            pass
        return self._told.get(address, ())

    def _here(self) -> Web:
        """The connections of the loop at hand."""
        loop = asyncio.get_running_loop()
        if self._web is None or self._web[0] is not loop:
            self._web = (loop, Web(connections=4, ca_file=self._ca_file))
        return self._web[1]


def _addresses(answer: Any, own: str) -> tuple[str, ...]:
    listed = answer.get("sendAs") if isinstance(answer, dict) else None
    found = [
        str(one.get("sendAsEmail", ""))
        for one in (listed if isinstance(listed, list) else [])[:_MOST]
        if isinstance(one, dict)
        and (one.get("isPrimary") or one.get("verificationStatus") == "accepted")
    ]
    return tuple(one for one in found if "@" in one and one.casefold() != own.casefold())
