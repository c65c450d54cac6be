"""Grants: what sign-ins have earned, sealed among the secrets, one for each mailbox.

A grant is durable before anybody uses it: a refresh token that a provider has replaced must not
live in memory alone. `alone` lets one process at a time refresh a mailbox's tokens, daemon and
commands alike; its lock goes with its holder, whatever becomes of that.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import struct
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar

from eisd.errors import StoreError, Transient
from eisd.model.grant import Grant, Identity, Kind
from eisd.store.secrets import Secrets

T = TypeVar("T")

WAIT: Final = 60.0
"""Seconds that another process may take for a refresh."""
MOMENT: Final = 0.02
_LOOK: Final = 0.05
_FORMAT: Final = "grant_v1"


class Grants:
    """The grants of one installation. Nothing here blocks the loop: one thread does the work."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._locks = secrets.path.with_name("grants.lock")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="eisd-grants")
        self._waiting: dict[str, bytes] = {}
        self._writing: asyncio.Task[None] | None = None

    async def load(self, mailbox: str) -> Grant | None:
        """A mailbox's grant. Raises `StoreError` when it does not open with our key."""
        return await self._run(lambda: self.read(mailbox))

    async def save(self, mailbox: str, grant: Grant) -> None:
        """Keep a grant; it is durable when this returns.

        What is saved within a moment shares one commit: the disk also serves the mail.
        """
        self._waiting[_name(mailbox)] = packed(grant)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        await asyncio.sleep(MOMENT)
        values, self._waiting, self._writing = self._waiting, {}, None
        await self._run(lambda: self._secrets.put_all(values))

    async def delete(self, mailbox: str) -> None:
        """Forget a mailbox's grant."""
        await self._run(lambda: self._secrets.delete(_name(mailbox)))

    def read(self, mailbox: str) -> Grant | None:
        """`load` for who may block."""
        value = self._secrets.get(_name(mailbox))
        return None if value is None else unpacked(mailbox, value)

    @asynccontextmanager
    async def alone(self, mailbox: str) -> AsyncIterator[None]:
        """Be the only one, in any process, who changes this mailbox's grant.

        Raises:
            Transient: another process has kept the lock for a minute.
        """
        handle = await self._run(lambda: _open(self._locks))
        try:
            await _locked(handle, _place(mailbox))
            yield
        finally:
            os.close(handle)  # and the lock with it

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread, once its work is done. Blocks for a moment."""
        self._thread.shutdown()


def _name(mailbox: str) -> str:
    return f"{mailbox}.grant"


def packed(grant: Grant) -> bytes:
    """A grant as it is sealed."""
    return json.dumps({_FORMAT: True, **asdict(grant)}, separators=(",", ":")).encode()


def unpacked(mailbox: str, value: bytes) -> Grant:
    """The grant in an opened value. Raises `StoreError` when it is of another version."""
    try:
        fields: dict[str, Any] = json.loads(value)
        del fields[_FORMAT]
        who = fields.pop("identity")
        identity = Identity(tuple(who["names"]), who["subject"], Kind(who["kind"]))
        return Grant(**{**fields, "scope": tuple(fields["scope"]), "identity": identity})
    except (ValueError, KeyError, TypeError) as error:
        text = f"the grant of {mailbox} is of another version; sign in: eisd auth login {mailbox}"
        raise StoreError(text) from error


def _open(path: Path) -> int:
    """The lock file; one that root makes belongs to whom the state belongs to."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    return handle


def _place(mailbox: str) -> int:
    """The octet of the lock file that stands for a mailbox; two that share one only wait longer."""
    return int.from_bytes(blake2b(mailbox.encode(), digest_size=4).digest(), "big")


async def _locked(handle: int, place: int) -> None:
    """Wait for the lock, but not for ever."""
    try:
        async with asyncio.timeout(WAIT):
            while not _lock(handle, place):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK)  # another process tells nobody
    except TimeoutError as error:
        text = "another process has been refreshing this mailbox's token for a minute"
        raise Transient(text, code="token_endpoint") from error


def _lock(handle: int, place: int) -> bool:
    """Lock one octet for this open file (fcntl(2), open file description locks)."""
    wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, wanted)
    except (BlockingIOError, PermissionError):
        return False
    return True
