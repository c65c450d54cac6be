"""Copies in Sent and Drafts, over an IMAP connection that is made when first needed."""

from __future__ import annotations

from eisd.driver.imap import connect
from eisd.driver.interface import RemoteId
from eisd.errors import FolderGone
from eisd.mime.headers import extract
from eisd.model.folder import Folder, FolderRole
from eisd.wire.imap import Client
from eisd.wire.imap_grammar import quote

_HEADER = 256 << 10


class Filing:
    """The folders a sender files in. `close` ends its connection."""

    def __init__(self, way: connect.Way) -> None:
        self._way = way
        self._client: Client | None = None
        self._folders: dict[FolderRole, Folder] = {}

    async def find(self, role: FolderRole, message_id: str) -> RemoteId | None:
        """The copy with this Message-ID, the newest of several."""
        client, folder = await self._opened(role)
        return await self._search(client, folder, message_id)

    async def append(self, role: FolderRole, rfc822: bytes, flag: str) -> RemoteId | None:
        """File a copy, unless one with its Message-ID is there."""
        client, folder = await self._opened(role)
        message_id = extract(rfc822[:_HEADER].partition(b"\r\n\r\n")[0] + b"\r\n\r\n").message_id
        if message_id and (there := await self._search(client, folder, message_id)):
            return there
        uid = await client.append(folder.handle, rfc822, [flag])
        return None if uid is None else str(uid)

    async def remove(self, role: FolderRole, message_id: str) -> bool:
        """Delete the copies with this Message-ID; False if there is none."""
        client, folder = await self._opened(role)
        await client.select(folder.handle, readonly=False)
        uids = await client.uid_search(_criterion(role, message_id))
        if uids:
            await client.delete(uids)
        await client.unselect()
        return bool(uids)

    async def close(self) -> None:
        """Say goodbye, if there is a connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.logout()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._client is not None:
            self._client.abort()

    async def _search(self, client: Client, folder: Folder, message_id: str) -> RemoteId | None:
        await client.select(folder.handle, readonly=True)  # anew: it shows what has come
        uids = await client.uid_search(_criterion(folder.role, message_id))
        return str(uids[-1]) if uids else None

    async def _opened(self, role: FolderRole) -> tuple[Client, Folder]:
        if self._client is None or self._client.lost is not None:
            await self.close()
            self._client, folders = await connect.bare(self._way)
            self._folders = {one.role: one for one in reversed(folders)}
        folder = self._folders.get(role)
        if folder is None:
            hint = f"create one on the server and mark it as \\{role.value.title()}"
            said = f"the mailbox has no folder for {role.value}"
            raise FolderGone(said, code="nonexistent", hint=hint)
        return self._client, folder


def _criterion(role: FolderRole, message_id: str) -> str:
    """What was thrown away was sent all the same; a draft that was thrown away is none."""
    found = f"HEADER Message-ID {quote(f'<{message_id}>')}"
    return f"UNDELETED {found}" if role is FolderRole.DRAFTS else found
