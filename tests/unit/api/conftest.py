"""A core over the memory driver, with the API in front of it, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from eisd.api.app import create
from eisd.config.load import load
from eisd.daemon.core import Core
from eisd.driver.interface import Login, Sender
from eisd.driver.memory import MemoryDriver
from eisd.driver.memory_mailbox import MemoryMailbox
from eisd.driver.registry import Registry, registry_of

SALES = "sales@us.test"
CONFIG = f"""
[daemon]
state_dir = "state"
[mailboxes.sales]
address = "{SALES}"
owner = "alice"
driver = "memory"
memory = {{ password = {{ file = "secret" }} }}
"""


class Driver(MemoryDriver):
    """The memory driver, with a password of the configuration."""

    def options(self, table: Mapping[str, object], *, address: str) -> str:
        del table
        return address

    @asynccontextmanager
    async def sender(self, options: Any, login: Login) -> AsyncIterator[Sender]:
        """One password opens both ways."""
        async with super().sender(options, _Same(login)) as sender:
            yield sender


class _Same:
    """A login whose password is that of the mailbox, whatever asks."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def password(self, table: str = "") -> str:
        del table
        return await self._login.password()

    async def access_token(self, *, refused: str = "") -> str:
        """The mailbox's own."""
        return await self._login.access_token(refused=refused)


class Desk:
    """A core, what its provider holds, and an HTTP client."""

    def __init__(self, config: Path, provider: MemoryMailbox, registry: Registry) -> None:
        self.config = config
        self.provider = provider
        self.registry = registry
        self.core: Core
        self.http: httpx.AsyncClient

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the core and the client."""
        check = self.registry.check
        loaded = await asyncio.to_thread(load, self.config, check_driver=check)
        self.core = await Core.open(loaded, self.registry)
        transport = httpx.ASGITransport(create(self.core))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://eisd") as self.http:
                yield
        finally:
            await self.core.close()

    async def configure(self) -> None:
        """Take the changed file in, as a reload does, but let no mailbox start by itself."""
        check = self.registry.check
        loaded = await asyncio.to_thread(load, self.config, check_driver=check)
        await self.core._configure(loaded)
        self.core.loaded = loaded

    async def get(self, path: str, **params: Any) -> Any:
        """GET what must be there."""
        reply = await self.http.get(f"/v1{path}", params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """POST, with the status that must come."""
        reply = await self.http.post(f"/v1{path}", json=body)
        assert reply.status_code == status, reply.text
        return reply.json()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An open core with one mailbox, which does nothing until it is started."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    provider = MemoryMailbox()
    one = Desk(config, provider, registry_of(Driver({SALES: provider})))
    async with one.open():
        yield one
