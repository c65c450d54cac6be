"""One authenticated IMAP connection as a `Session`.

Folders are opened by EXAMINE alone, so nothing we do marks mail as read. Positions are compared
with what EXAMINE or STATUS says now; the STATUS of the folder that is open is never asked, for
servers answer it from what the connection has seen (RFC 9051 6.3.11).
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import suppress

from eisd.driver.imap.bodies import Bodies
from eisd.driver.imap.dialect import PLAIN, Dialect
from eisd.driver.imap.folders import Namespaces, folder_roles
from eisd.driver.imap.position import Position, position_of, validity_text
from eisd.driver.imap.scan import Ahead, Flight, Scan, Sizes, first_position
from eisd.driver.imap.uids import UidWalk
from eisd.driver.imap.watch import Watch
from eisd.driver.interface import Capabilities
from eisd.errors import CursorExpired, FolderGone, ProtocolError, Rejected
from eisd.model.folder import Batch, Cursor, Folder, FolderRole, Window
from eisd.model.mail import RawMessage
from eisd.wire.imap import Client
from eisd.wire.imap_grammar import MAX_UID
from eisd.wire.imap_responses import Selected, Status

_STATUS_EACH = 8  # up to so many folders are asked one by one though the server has LIST-STATUS

AskAliases = Callable[[], Awaitable[Sequence[str]]]


class ImapSession:
    """A session on a logged-in connection to ``host``."""

    def __init__(
        self,
        client: Client,
        host: str,
        sizes: Sizes | None = None,
        dialect: Dialect = PLAIN,
        aliases: AskAliases | None = None,
    ) -> None:
        self._client = client
        self._aliases = aliases
        self._dialect = dialect.spoken_by(client.capabilities)
        self._cut: dict[str, str] = {}  # handle: the sentence for people
        self._notes: tuple[str, ...] = ()
        self._host = host
        self._sizes = sizes or Sizes()
        self._watch = Watch(client, host)
        self._open: tuple[str, Selected] | None = None
        self._seen: dict[str, tuple[int, int]] = {}  # handle: UIDVALIDITY, live_next
        self._ahead: tuple[str, Ahead] | None = None  # handle; of one folder, it is a megabyte

    @property
    def capabilities(self) -> Capabilities:
        """As far as they have proved true."""
        return Capabilities(
            push=self._watch.push,
            push_all=self._watch.push_all,
            labels=bool(self._dialect.items),
            host=self._host,
            names=self._client.capabilities,
            partial=frozenset(self._cut),
            notes=(*self._notes, *self._cut.values()),
        )

    async def aliases(self) -> Sequence[str]:
        """The mailbox's other addresses, where the provider tells them."""
        return () if self._aliases is None else await self._aliases()

    # Folders

    async def folders(self) -> Sequence[Folder]:
        entries = await self._client.list_folders()
        if not entries:
            raise ProtocolError("the server lists no folder, not even INBOX", code="list")
        folders = folder_roles(entries, await self._namespaces())
        whole = any(folder.role is FolderRole.ALL for folder in folders)
        note = "" if whole else self._dialect.whole_note
        self._notes = (note,) if note else ()
        return folders

    async def _namespaces(self) -> Namespaces:
        if "NAMESPACE" not in self._client.capabilities:
            return Namespaces()
        try:
            told = await self._client.namespace()
        except Rejected:
            return Namespaces()
        foreign = (*told.other, *told.shared)
        return Namespaces(
            tuple(n.prefix for n in told.personal) or ("",), tuple(n.prefix for n in foreign)
        )

    async def _examine(self, folder: Folder) -> Selected:
        """Open the folder anew, whatever is open."""
        self._watch.take()
        if self._open is not None:
            self._watch.left(self._open[0])
        self._open = None
        selected = await self._client.select(folder.handle, readonly=True)
        self._open = (folder.handle, selected)
        self._look_for_cut(folder, selected)
        return selected

    def _look_for_cut(self, folder: Folder, selected: Selected) -> None:
        """Notice a folder of which the provider shows the newest messages alone."""
        self._cut.pop(folder.handle, None)
        if selected.exists in self._dialect.cut_sizes:
            note = self._dialect.cut_note
            self._cut[folder.handle] = note.format(folder=folder.name, count=selected.exists)

    async def _opened(self, folder: Folder) -> Selected:
        """The folder as it was when it was opened; opens it if another one is open."""
        if self._open is not None and self._open[0] == folder.handle:
            return self._open[1]
        return await self._examine(folder)

    # News

    async def changed(self, cursors: Mapping[Folder, Cursor]) -> Collection[Folder]:
        named: set[Folder] = set()
        asked: dict[Folder, Position] = {}
        for folder, cursor in cursors.items():
            try:
                position = position_of(cursor)
            except CursorExpired:
                named.add(folder)
                continue
            self._seen[folder.handle] = (position.validity, position.live_next)
            if position.backfilling:
                named.add(folder)
            elif self._open is None or self._open[0] != folder.handle:
                asked[folder] = position
            elif await self._stirred(folder, position):
                named.add(folder)
        return named | await self._differing(asked)

    async def _stirred(self, folder: Folder, position: Position) -> bool:
        """Something is new in the folder that is open: seen by opening it again."""
        try:
            selected = await self._examine(folder)
        except (FolderGone, Rejected):
            return True
        uid_next = selected.uidnext
        if uid_next is None:  # Courier
            found = await self._client.uid_search(f"UID {position.live_next}:*")
            uid_next = max(position.live_next, *(uid + 1 for uid in found), 1)
        return _differs(position, selected.uidvalidity, uid_next)

    async def _differing(self, asked: Mapping[Folder, Position]) -> set[Folder]:
        """Those of the folders that are not open whose STATUS is not as the position has it."""
        stale = self._watch.stale([f.handle for f in asked])
        if stale:
            self._watch.keep(stale, await self._statuses(stale))
        statuses = self._watch.statuses
        return {
            folder
            for folder, position in asked.items()
            if (status := statuses.get(folder.handle)) is None
            or _differs(position, status.uidvalidity, status.uidnext)
        }

    async def _statuses(self, wires: Sequence[str]) -> Mapping[str, Status]:
        """The STATUS of each folder by its wire name; one that was refused is left out."""
        listed: dict[str, Status] = {}
        if len(wires) > _STATUS_EACH and "LIST-STATUS" in self._client.capabilities:
            with suppress(Rejected):
                listed = dict(await self._client.list_status())
        rest = [w for w in wires if w not in listed]
        each = await self._client.statuses(rest)
        return listed | {wire: status for wire, status in each.items() if status is not None}

    async def wait(self, folder: Folder, seconds: float) -> None:
        self._watch.begin()
        if self._open is None or self._open[0] != folder.handle:
            selected = await self._examine(folder)
            seen = self._seen.get(folder.handle)
            now = (selected.uidvalidity or 0, selected.uidnext or 0)
            self._seen[folder.handle] = now
            if seen is not None and selected.uidnext is not None and seen != now:
                return  # it came before we were listening
        await self._watch.wait(seconds)

    def nudge(self) -> None:
        self._watch.nudge()

    # Scanning

    async def scan(
        self, folder: Folder, since: Cursor | Window, *, authentication: bool = True
    ) -> AsyncGenerator[Batch, None]:
        selected = await self._examine(folder)
        uid_next = selected.uidnext
        if isinstance(since, Window):
            uid_next = await self._uid_next(folder, selected)
            position = await first_position(self._client, selected, uid_next, since)
            yield self._note(folder, Batch((), position.cursor(), None), position)
        else:
            position = position_of(since)
            position.require(selected.uidvalidity or 0, uid_next)
        scan = Scan(
            self._client,
            self._watch.take,
            position,
            selected,
            uid_next,
            self._sizes,
            self._dialect,
            self._take_ahead(folder, position, authentication=authentication),
            authentication=authentication,
        )
        try:
            while await self._still(folder, scan.position):
                batch = await scan.next()
                if batch is None:
                    break
                yield self._note(folder, batch, scan.position)
        finally:
            ahead = await scan.close()
            if self._ahead is None and ahead.flights:
                self._ahead = folder.handle, ahead

    def _take_ahead(
        self, folder: Folder, position: Position, *, authentication: bool
    ) -> Sequence[Flight]:
        """What an earlier scan of the folder was answered beyond this position."""
        if self._ahead is None or self._ahead[0] != folder.handle:
            return ()
        (_, ahead), self._ahead = self._ahead, None
        return ahead.below(position, authentication=authentication)

    async def _still(self, folder: Folder, position: Position) -> bool:
        """The folder is open, again if somebody opened another between two batches."""
        if self._open is None or self._open[0] != folder.handle:
            selected = await self._examine(folder)
            position.require(selected.uidvalidity or 0, selected.uidnext)
        return True

    def _note(self, folder: Folder, batch: Batch, position: Position) -> Batch:
        self._seen[folder.handle] = (position.validity, position.live_next)
        return batch

    async def _uid_next(self, folder: Folder, selected: Selected) -> int:
        """UIDNEXT, from servers too that do not say it on EXAMINE."""
        if selected.uidnext is not None:
            return selected.uidnext
        if not selected.exists:
            return 1
        with suppress(Rejected, FolderGone):
            told = (await self._client.status(folder.handle)).uidnext
            if told is not None:
                return told
        return max(await self._client.uid_search("UID *"), default=0) + 1

    async def listing(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Sequence[str]]:
        position = position_of(cursor)
        selected = await self._examine(folder)
        position.require(selected.uidvalidity or 0, selected.uidnext)
        high = MAX_UID if selected.uidnext is None else selected.uidnext - 1
        walk = UidWalk(
            self._client,
            position.floor,
            high,
            selected.exists,
            per_search=self._sizes.per_search,
        )
        while not walk.done and await self._still(folder, position):
            found = await walk.next()
            if found:
                yield [str(uid) for uid in found]

    # Fetching

    async def fetch(
        self,
        folder: Folder,
        ids: Sequence[str],
        *,
        limit: int,
        validity: str = "",
        whole: bool = False,
    ) -> AsyncGenerator[RawMessage, None]:
        if not ids:
            return
        selected = await self._opened(folder)
        if validity and validity != validity_text(selected.uidvalidity or 0):
            raise CursorExpired("UIDVALIDITY changed: the ids mean other copies", code="validity")
        bodies = Bodies(self._client, [int(i) for i in ids], limit, whole=whole)
        try:
            while batch := await self._more(folder, bodies):
                for message in batch:
                    yield message
        finally:
            await bodies.close()

    async def _more(self, folder: Folder, bodies: Bodies) -> Sequence[RawMessage]:
        await self._opened(folder)
        return await bodies.next()


def _differs(position: Position, validity: int | None, uid_next: int | None) -> bool:
    """A scan from the position would find something, or might: the server does not say."""
    return uid_next is None or (validity or 0, uid_next) != (
        position.validity,
        position.live_next,
    )
