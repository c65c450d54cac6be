"""A whole daemon in this process with one mailbox that signs in by OAuth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from eisd.api import signing
from eisd.api.actions import contacts_import
from eisd.config.load import load
from eisd.daemon.core import Core
from lab.idp import MAIL
from lab.keeping import until
from lab.mail import make
from lab.tokens import TokenServer

BACK = "http://127.0.0.1:4711"
BOB = {"id": "bob", "addresses": [{"address": "bob@elsewhere.test"}]}
_numbers = count(1)


class Provider(Protocol):
    """Who is signed in to."""

    def google(self) -> dict[str, Any]: ...
    def sign_in(self, url: str, user: str) -> str: ...


class Anna:
    """The daemon, its mailbox `anna`, and what tests ask of both."""

    def __init__(self, core: Core, server: TokenServer, address: str) -> None:
        self.core = core
        self.server = server
        self.address = address

    async def sign_in(self, idp: Provider) -> dict[str, Any]:
        """What `eisd auth login anna` does with a browser."""
        who = signing.who(self.core, "anna")
        begun = await signing.begin(self.core, who, BACK)
        redirect = await asyncio.to_thread(idp.sign_in, begun["url"], self.address)
        return await signing.finish(self.core, who, begun["ticket"], redirect)

    @property
    def state(self) -> str:
        """``state`` or ``state:reason`` of the mailbox."""
        mailbox = self.core.mailboxes["anna"]
        return f"{mailbox.state}:{mailbox.reason}" if mailbox.reason else str(mailbox.state)

    async def until(self, state: str, seconds: float = 20.0) -> None:
        """Wait for a state."""
        await until(lambda: self.state == state, seconds)

    async def deliver(self, subject: str) -> None:
        """Mail from the contact arrives."""
        message = make("Bob <bob@elsewhere.test>", self.address, subject)
        await asyncio.to_thread(self.server.dovecot.deliver, self.address, message)

    async def cut(self) -> None:
        """The provider closes the mailbox's connections."""
        await asyncio.to_thread(self.server.dovecot.kick, self.address)

    async def subjects(self) -> list[str]:
        """The subjects of all activities."""
        sql = "SELECT subject FROM activity_feed ORDER BY subject"
        rows = await self.core.store.read(lambda db: db.execute(sql).fetchall())
        return [row[0] for row in rows]

    async def arrived(self, *subjects: str) -> None:
        """Wait until these are the activities, each once."""
        async with asyncio.timeout(25):
            while await self.subjects() != sorted(subjects):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def daemon(
    folder: Path, server: TokenServer, idp: Provider, *, vendor: str = "google", start: bool = True
) -> AsyncIterator[Anna]:
    """Start the daemon; the client secret comes from the variable LAB_SECRET."""
    dovecot, address = server.dovecot, f"user{next(_numbers)}@lab.test"
    secret = {"client_secret": {"env": "LAB_SECRET"}} if vendor == "google" else {}
    app = {**getattr(idp, vendor)(), **secret, "scopes": [MAIL]}
    imap = {
        "host": dovecot.host,
        "port": dovecot.port_imaps,
        "ca_file": str(dovecot.certs.ca_file),
    }
    mailbox = {"address": address, "imap": imap, "oauth": {"app": "corp"}}
    config = folder / "config.toml"
    lines = [
        f"daemon.state_dir = {json.dumps(str(folder))}",
        "metrics.listen = []",
        f"mailboxes.anna = {_toml(mailbox)}",
        f"oauth.corp = {_toml(app)}",
    ]
    config.write_text("\n".join(lines) + "\n")
    core = await Core.open(await asyncio.to_thread(load, config))
    try:
        await contacts_import(core, [BOB])
        if start:
            await core.start()
        yield Anna(core, server, address)
    finally:
        await core.close()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)
