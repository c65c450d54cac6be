"""A scripted server with one folder and the bad habits a test gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lab.scripted import QUICK, Scripted, Talk

from eisd.driver.imap.scan import Sizes
from eisd.driver.imap.session import ImapSession
from eisd.model.folder import Batch, Folder, FolderRole
from eisd.wire.imap_grammar import UidSet, expand

INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)
CAPABILITIES = "IMAP4rev1 IDLE AUTH=PLAIN SASL-IR"


@dataclass
class Quirks:
    """The folder INBOX and how the server misbehaves about it."""

    uids: list[int] = field(default_factory=list)
    uidvalidity: int | None = 1
    uidnext: int | None = 0
    """0: as it should be; None: never told."""
    capabilities: str = CAPABILITIES
    silent: set[int] = field(default_factory=set)
    """UIDs that FETCH never answers."""
    shy: dict[int, int] = field(default_factory=dict)
    """UIDs that FETCH leaves out so many times."""
    headless: set[int] = field(default_factory=set)
    """UIDs whose HEADER.FIELDS is NIL."""
    nil: set[int] = field(default_factory=set)
    """UIDs whose every section is NIL."""
    shuffled: bool = False
    """Answers backwards, some twice, and some that nobody asked for."""
    during_fetch: list[bytes] = field(default_factory=list)
    """Lines sent before the next FETCH is complete, one each."""
    refuses: dict[str, bytes] = field(default_factory=dict)
    """Commands and the completion that refuses them."""
    asked: list[list[int]] = field(default_factory=list)
    """The UIDs of each FETCH."""

    @property
    def next_uid(self) -> int | None:
        return max(self.uids, default=0) + 1 if self.uidnext == 0 else self.uidnext

    @asynccontextmanager
    async def session(self, sizes: Sizes | None = None) -> AsyncIterator[ImapSession]:
        """A session on it."""
        async with self.server() as server:
            client = await server.client(timeouts=QUICK, folder=None)
            try:
                yield ImapSession(client, "127.0.0.1", sizes or Sizes(5, 10, 1000))
            finally:
                client.abort()

    def server(self) -> Scripted:
        """The server itself."""
        replies = {
            "CAPABILITY": f"* CAPABILITY {self.capabilities}\r\n{{tag}} OK x\r\n".encode(),
            "EXAMINE": self._examine,
            "SEARCH": self._search,
            "FETCH": self._fetch,
            "STATUS": self._status,
            **{name: b"{tag} " + words for name, words in self.refuses.items()},
        }
        return Scripted(replies)

    async def _examine(self, talk: Talk) -> None:
        lines = [b"* %d EXISTS\r\n" % len(self.uids)]
        if self.uidvalidity is not None:
            lines.append(b"* OK [UIDVALIDITY %d] x\r\n" % self.uidvalidity)
        if self.next_uid is not None:
            lines.append(b"* OK [UIDNEXT %d] x\r\n" % self.next_uid)
        await talk.send(b"".join(lines) + b"{tag} OK [READ-ONLY] x\r\n")

    async def _status(self, talk: Talk) -> None:
        items = [f"MESSAGES {len(self.uids)}"]
        if self.next_uid is not None:
            items.append(f"UIDNEXT {self.next_uid}")
        if self.uidvalidity is not None:
            items.append(f"UIDVALIDITY {self.uidvalidity}")
        await talk.send(f"* STATUS INBOX ({' '.join(items)})\r\n{{tag}} OK x\r\n".encode())

    async def _search(self, talk: Talk) -> None:
        words = talk.arguments.decode().split()
        found = self.uids
        if words[0] == "UID":
            top = max(self.uids, default=0)
            wanted = UidSet.parse(words[1].replace("*", str(top or 1)))
            found = [u for u in self.uids if u in wanted]
        line = " ".join(map(str, sorted(found, reverse=self.shuffled) * (1 + self.shuffled)))
        await talk.send(f"* SEARCH {line}\r\n{{tag}} OK x\r\n".encode())

    async def _fetch(self, talk: Talk) -> None:
        text, _, items = talk.arguments.decode().partition(" ")
        asked = expand(text)
        self.asked.append(asked)
        lines = [self._answer(u, items) for u in asked if self._answers(u)]
        if self.shuffled:
            lines = [*lines[::-1], *lines[:1], self._answer(4_000_000, items)]
        if self.during_fetch:
            lines.append(self.during_fetch.pop(0))
        await talk.send(b"".join(lines) + b"{tag} OK x\r\n")

    def _answers(self, uid: int) -> bool:
        if self.shy.get(uid, 0):
            self.shy[uid] -= 1
            return False
        return uid in self.uids and uid not in self.silent

    def _answer(self, uid: int, items: str) -> bytes:
        head = f"Message-ID: <{uid}@q>\r\nSubject: nr {uid}\r\n\r\n".encode()
        facts = b'* 1 FETCH (UID %d FLAGS (\\seen custom) INTERNALDATE "01-Mar-2026 12:00:00 +0100"'
        line = facts % uid + b" RFC822.SIZE %d" % (len(head) + 4)
        for item in ("BODY[HEADER.FIELDS", "BODY[HEADER]", "BODY[]"):
            if item not in items.replace(".PEEK", ""):
                continue
            name = (item if item.endswith("]") else f"{item} (X)]").encode()
            if uid in self.nil or (uid in self.headless and "FIELDS" in item):
                line += b" " + name + b" NIL"
            else:
                content = head + b"body" if item == "BODY[]" else head
                line += b" " + name + b" {%d}\r\n" % len(content) + content
        return line + b")\r\n"


def uids_of(batches: Iterable[Batch]) -> list[int]:
    """The UIDs of all copies, in order."""
    return [int(c.remote_id) for b in batches for c in b.copies]


__all__ = ["INBOX", "Quirks", "uids_of"]
