"""A small world around the sync layer: a store, contacts, and mailboxes of the memory driver.

Every `World.sync` is a new start of a mailbox, as after a restart of the daemon.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eisd.driver.memory import MemoryDriver
from eisd.driver.memory_mailbox import MemoryMailbox
from eisd.matcher.blocklist import Blocklist
from eisd.matcher.keys import Hasher
from eisd.matcher.policy import Policy
from eisd.matcher.staff import staff_of
from eisd.mime.addresses import address_key, relaxed_key
from eisd.mime.parse import parse
from eisd.model.contact import AddressIn, ContactIn
from eisd.model.folder import FolderRole
from eisd.model.mail import Parsed, RawMessage
from eisd.model.mailbox import SyncMode
from eisd.store import mailboxes
from eisd.store.database import Database, Tx, create
from eisd.store.mailboxes import MailboxSpec
from eisd.sync.headers import HeaderPool, HeaderReader
from eisd.sync.importing import Given, import_contacts
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox, Plan, Services
from eisd.sync.record import forget_people
from eisd.sync.retro import Retro
from eisd.sync.rules import MailboxRules, Rules
from lab.mail import make

HASHER = Hasher(b"k" * 32)


def ago(**units: float) -> datetime:
    """A moment in the past, in whole seconds."""
    return (datetime.now(UTC) - timedelta(**units)).replace(microsecond=0)


class InlineParser:
    """The parser without its process: what is tested here is what is made of its answers."""

    def __init__(self) -> None:
        self.poison: set[bytes] = set()

    async def parse(self, messages: Sequence[RawMessage], *, html: bool = False) -> list[Parsed]:
        """Parse at once."""
        return [parse(raw.rfc822, raw.omitted, html=html) for raw in messages]


class Login:
    """Knows the password of every mailbox of the memory driver."""

    async def password(self, _table: str = "") -> str:
        """What the memory driver asks for."""
        return "secret"

    async def access_token(self, *, refused: str = "") -> str:
        """No mailbox here has one."""
        raise NotImplementedError


@dataclass
class Box:
    """A mailbox of this world: what the provider holds, and how it is synced."""

    name: str
    address: str
    id: int
    provider: MemoryMailbox
    plan: Plan

    def deliver(
        self,
        from_: str,
        to: str | Sequence[str] = (),
        *,
        folder: str = "INBOX",
        at: datetime | None = None,
        flags: Sequence[str] = (),
        thread: str = "",
        **parts: Any,
    ) -> str:
        """Put a message into a folder; returns its remote id."""
        when = at or ago(hours=1)
        rfc822 = make(from_, to or self.address, date=when, **parts)
        return self.put(rfc822, folder=folder, at=when, flags=flags, thread=thread)

    def put(
        self,
        rfc822: bytes,
        *,
        folder: str = "INBOX",
        at: datetime | None = None,
        flags: Sequence[str] = (),
        thread: str = "",
    ) -> str:
        """Put these bytes into a folder; returns their remote id."""
        when = at or ago(hours=1)
        return self.provider.deliver(rfc822, folder, gate_at=when, flags=flags, thread=thread)


@dataclass
class World:
    """Everything, with the questions tests ask."""

    path: Path
    store: Database
    policy: Policy
    blocklist: Sequence[Any] = ()
    trusted: frozenset[str] = frozenset()
    on_remote_delete: str = "retain"
    scope: str = "addresses"
    index: bool = True
    keep_days: int | None = None
    internal: Sequence[str] = ()
    boxes: dict[str, Box] = field(default_factory=dict)
    modes: dict[str, SyncMode] = field(default_factory=dict)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    parser: InlineParser = field(default_factory=InlineParser)
    headers: HeaderPool = field(init=False)
    reader: HeaderReader | None = None
    """Who reads headers instead of the pool."""
    fresh: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers = HeaderPool(self.threads)

    async def mailbox(
        self,
        name: str = "anna",
        address: str | None = None,
        *,
        workspaces: tuple[str, ...] = ("default",),
        window_days: int | None = 30,
        mode: SyncMode = SyncMode.TWO_WAY,
        aliases: tuple[str, ...] = (),
    ) -> Box:
        """Connect a mailbox with INBOX, Sent, Drafts, Junk and Trash."""
        address = address or f"{name}@lab.test"
        provider = MemoryMailbox(batch_size=7)
        for folder, role in (
            ("Sent", FolderRole.SENT),
            ("Drafts", FolderRole.DRAFTS),
            ("Junk", FolderRole.JUNK),
            ("Trash", FolderRole.TRASH),
        ):
            if folder not in {held.name for held in provider.folders()}:
                provider.create_folder(folder, role)
        driver = MemoryDriver({address: provider})
        plan = Plan(
            name=name,
            driver=driver,
            options=driver.options({}, address=address),
            login=Login(),
            window_days=window_days,
            interval=300.0,
            max_message_size=50 << 20,
            mode=mode,
            fingerprint=name,
        )
        self.modes[name] = mode
        spec = MailboxSpec(
            name, f"{address}|memory", address, aliases, "memory", name, "personal", workspaces
        )
        box = Box(name, address, 0, provider, plan)
        self.boxes[name] = box
        self._specs = [*getattr(self, "_specs", []), spec]
        specs = list(self._specs)
        ids = await self.store.write(lambda tx: self._configure(tx, specs))
        for known, row_id in ids.items():
            self.boxes[known].id = row_id
        return box

    def _configure(self, tx: Tx, specs: list[MailboxSpec]) -> dict[str, int]:
        ids = mailboxes.configure(tx.db, specs)
        by_workspace: dict[str, list[str]] = {}
        for workspace, address in mailboxes.staff_addresses(tx.db):
            by_workspace.setdefault(workspace, []).append(address)
        mailboxes.replace_staff(
            tx.db,
            {
                workspace: staff_of(
                    addresses,
                    hasher=HASHER,
                    addresses=self.internal,
                    scope=self.scope,  # type: ignore[arg-type]
                )
                for workspace, addresses in by_workspace.items()
            },
        )
        forget_people(tx)
        return ids

    def rules(self) -> Rules:
        """The rules in force."""
        return Rules(
            hasher=HASHER,
            policy=self.policy,
            mailboxes={
                box.id: MailboxRules(
                    key=HASHER.key(address_key(box.address)),
                    mode=self.modes[box.name],
                    visibility="subject",
                    blocklist=Blocklist.of(self.blocklist, box.name),
                    on_remote_delete=self.on_remote_delete,
                )
                for box in self.boxes.values()
            },
            trusted_authserv=self.trusted,
            index=self.index,
            keep_days=self.keep_days,
        )

    async def contact(
        self, contact_id: str, *addresses: str, workspace: str = "default", replace: bool = False
    ) -> None:
        """Import one contact; the first address is primary."""
        await self.contacts({contact_id: addresses}, workspace=workspace, replace=replace)

    async def contacts(
        self,
        people: dict[str, Sequence[str]],
        *,
        workspace: str = "default",
        replace: bool = False,
        **interval: int | None,
    ) -> None:
        """Import contacts by id."""
        rows = [
            ContactIn(
                workspace,
                contact_id,
                contact_id.title(),
                "",
                "",
                tuple(
                    AddressIn(
                        address,
                        address_key(address),
                        HASHER.key(address_key(address)),
                        HASHER.key(relaxed_key(address_key(address))),
                        at == 0,
                        **interval,
                    )
                    for at, address in enumerate(addresses)
                ),
            )
            for contact_id, addresses in people.items()
        ]
        await import_contacts(self.store, self.rules(), Given.of(rows), replace=replace)
        await self.look_back()

    async def look_back(self) -> int:
        """Work off the jobs on the past; returns how many copies now wait for their text."""
        found = await Retro(self.store, self.rules).drain()
        self.fresh.extend(one.id for one in found.activities)
        return found.pending

    def services(self) -> Services:
        """What mailboxes work with."""
        return Services(
            store=self.store,
            parser=self.parser,
            headers=self.reader or self.headers,
            threads=self.threads,
            rules=self.rules,
            logins=asyncio.Semaphore(8),
            on_activity=lambda _mailbox, ids: self.fresh.extend(ids),
        )

    def start(self, name: str = "anna", **changes: Any) -> Mailbox:
        """A mailbox as a new daemon would have it."""
        box = self.boxes[name]
        return Mailbox(box.id, replace(box.plan, **changes), self.services())

    async def sync(self, *names: str) -> None:
        """Bring mailboxes up to date, one after the other, each as after a restart."""
        for name in names or tuple(self.boxes):
            await Life(self.start(name)).once()
        if await self.look_back():
            await self.sync(*names)

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return await self.store.read(lambda db: db.execute(sql, values).fetchall())

    async def outcomes(self) -> dict[tuple[str, str, str], str]:
        """(mailbox, folder, remote id) to ``outcome:reason`` of copies that are there."""
        return {
            (mailbox, folder, remote): f"{outcome}:{reason}" if reason else outcome
            for mailbox, folder, remote, outcome, reason in await self.rows(
                "SELECT mailbox, folder, remote_id, outcome, reason FROM message_outcomes"
                " WHERE removed_at IS NULL"
            )
        }

    async def activities(self) -> list[tuple[Any, ...]]:
        """(contact, direction, roles, mailboxes, flags, subject), in a fixed order."""
        return sorted(
            await self.rows(
                "SELECT contact_id, direction, roles, mailboxes, flags, subject FROM activity_feed"
            )
        )

    async def check(self) -> None:
        """What must hold at any time, whatever happened (RI1, RI3)."""
        assert await self.rows("PRAGMA integrity_check") == [("ok",)]
        assert await self.rows("PRAGMA foreign_key_check") == []


@asynccontextmanager
async def world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A world with an empty database in ``folder``."""
    path = folder / "eisd.db"
    await asyncio.to_thread(create, path)
    store = await asyncio.to_thread(Database, path)
    here = World(path, store, settings.pop("policy", Policy()), **settings)
    try:
        yield here
    finally:
        await here.headers.aclose()
        here.threads.shutdown()
        await asyncio.to_thread(store.close)


def in_writer(run: Callable[[sqlite3.Connection], Any]) -> Callable[[Tx], Any]:
    """Adapt a function of a connection to a write."""
    return lambda tx: run(tx.db)
