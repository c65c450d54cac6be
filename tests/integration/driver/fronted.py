"""A mailbox of the sync layer on a real Dovecot behind a front that speaks as its provider does."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from contract.harness import Password
from lab.dialect import Front, Tongue
from lab.dovecot import Dovecot
from lab.mail import make
from lab.world import Box, World, ago

from eisd.driver.imap.scan import Sizes
from eisd.driver.interface import Session
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox

SMALL = Sizes(first=5, batch=10, per_search=20)
CONTACT = "ada@people.test"
_numbers = itertools.count(1)


@dataclass(slots=True)
class Fronted:
    """One mailbox, called ``box``, and the hands in it."""

    here: World
    box: Box
    server: Dovecot
    user: str
    front: Front
    driver: Any
    options: Any
    token: str = "token-1"

    async def put(
        self, folder: str, *, outgoing: bool = False, flags: Sequence[str] = (), **parts: Any
    ) -> None:
        """File a letter between the owner and the contact."""
        pair = (self.user, CONTACT) if outgoing else (CONTACT, self.user)
        when = ago(hours=1)
        rfc822 = make(*pair, date=when, **parts)
        await run_sync(
            partial(self.server.append, self.user, folder, rfc822, flags=flags, internaldate=when)
        )

    def start(self) -> Mailbox:
        """The mailbox as a new daemon would have it."""
        return self.here.start(
            "box", driver=self.driver, options=self.options, login=Password(self.token)
        )

    async def sync(self) -> None:
        """Bring it up to date, as after a restart."""
        await Life(self.start()).once()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session by itself."""
        async with self.driver.session(self.options, Password(self.token)) as session:
            yield session

    async def outcomes(self) -> dict[tuple[str, str], int]:
        """How many copies of a folder ended so."""
        rows = await self.here.rows(
            "SELECT folder, rtrim(outcome || ':' || coalesce(reason, ''), ':'), COUNT(*)"
            " FROM message_outcomes WHERE removed_at IS NULL GROUP BY 1, 2"
        )
        return {(folder, outcome): count for folder, outcome, count in rows}


@asynccontextmanager
async def fronted(
    here: World, server: Dovecot, driver: Any, tongue: Tongue, **options: Any
) -> AsyncIterator[Fronted]:
    """A fresh mailbox of that provider, with one contact who may write."""
    user = await run_sync(server.add_user, f"front{next(_numbers)}@lab.test")
    await here.contact("ada", CONTACT)
    async with Front(tongue, server.port_imap) as front:
        box = await here.mailbox("box", user)
        imap = {"host": "localhost", "port": front.port, "tls": "none"}
        table = {"imap": imap, "oauth": {"app": "corp"}} | options
        found = Fronted(here, box, server, user, front, driver, driver.options(table, address=user))
        front.tokens[found.token] = user
        yield found
