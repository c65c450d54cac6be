"""The daemon's parts, built from a configuration, and what commands may ask of them.

`Core` is what the API speaks to. It owns the store, the parser's workers and the supervisor; it
knows nothing of sockets, signals or systemd.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from eisd import events
from eisd.api.core import Condition
from eisd.api.stream import Stream
from eisd.auth.apps import apps_of, secret_of
from eisd.auth.keeper import Keeper
from eisd.config.difference import Change, differences
from eisd.config.load import Loaded, load
from eisd.config.plans import Terms, terms
from eisd.config.schema import Settings
from eisd.daemon import assemble
from eisd.daemon.files import open_store, places, signature
from eisd.daemon.reloaded import Reloaded
from eisd.daemon.sending import recording, stations
from eisd.daemon.supervisor import Supervisor
from eisd.driver.registry import Registry, discover
from eisd.errors import ConfigError, ExitCode, UserError
from eisd.logs import bind, emit
from eisd.matcher.keys import Hasher
from eisd.mime.worker import ParserPool
from eisd.outbox.desk import Desk
from eisd.outbox.station import Services as Sending
from eisd.store import copies, folders, mailboxes
from eisd.store.activities import Fresh
from eisd.store.contact_import import Imported
from eisd.store.database import Database, Tx
from eisd.store.grants import Grants
from eisd.store.mailboxes import MailboxRow
from eisd.store.secrets import Secrets
from eisd.sync.headers import HeaderPool
from eisd.sync.importing import Given, import_contacts
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox, Plan, Services, tell_log
from eisd.sync.retro import Retro
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled

PARSER_REST = 900.0
"""Seconds a parser's process may rest before it ends. Starting one takes a quarter of a second, ten
times what a new message takes from the server's notice to its activity; it holds some 15 MB."""
CONNECTING = 40
"""So many mailboxes may be connecting at once."""


class Core:
    """A running eisd without its edges. Use `open`, then `start`, and `close` at the end."""

    def __init__(
        self,
        loaded: Loaded,
        registry: Registry,
        secrets: Secrets,
        hasher: Hasher,
        store: Database,
    ) -> None:
        self.loaded = loaded
        self.registry = registry
        self.secrets = secrets
        self.keeper = Keeper(Grants(secrets))
        self.hasher = hasher
        self.condition = Condition()
        self.stream = Stream()
        self.store = store
        self.parser = ParserPool(rest_seconds=PARSER_REST)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="eisd-headers")
        self.headers = HeaderPool(self._threads)
        self._ids: dict[str, int] = {}
        self._rules: Rules | None = None
        self._listeners: list[Callable[[str, Sequence[int]], None]] = []
        self.activities = 0
        self.services = Services(
            store=self.store,
            parser=self.parser,
            headers=self.headers,
            threads=self._threads,
            rules=self.rules,
            logins=asyncio.Semaphore(CONNECTING),
            on_activity=self._on_activity,
            on_settled=self._on_settled,
            on_aliases=self._on_aliases,
        )
        self.supervisor = Supervisor(self.services)
        self.outbox = Desk(
            Sending(store, self.parser, recording(self.rules, self._on_settled), self._tell_sent),
            hasher,
        )
        self.retro = Retro(store, self.rules, self._from_the_past)
        self._looking: set[asyncio.Task[Settled]] = set()
        self._applying = asyncio.Lock()
        self._signature: tuple[object, ...] = ()
        self.before_reload: Callable[[Settings], Awaitable[None]] = _nothing
        """Awaited with the new settings before they take effect; may refuse them."""

    @classmethod
    async def open(cls, loaded: Loaded, registry: Registry | None = None) -> Core:
        """Open what lies on disk and take the configuration in; nothing connects yet."""
        secrets, hasher = await asyncio.to_thread(open_store, loaded.settings)
        store = await asyncio.to_thread(Database, loaded.settings.paths.database)
        drivers = await asyncio.to_thread(discover) if registry is None else registry
        core = cls(loaded, drivers, secrets, hasher, store)
        await core._configure(loaded)
        return core

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.loaded.settings

    @property
    def mailboxes(self) -> Mapping[str, Mailbox]:
        """The mailboxes at work, by name."""
        return self.supervisor.mailboxes

    def plan(self, name: str) -> tuple[int, Plan]:
        """A configured mailbox's row id and plan. Raises UserError (67) when there is none."""
        plan = self._plans(self.loaded).get(name)
        if plan is None:
            known = ", ".join(self.settings.mailboxes) or "none"
            raise UserError(
                f"no mailbox called {name!r} is configured and enabled",
                hint=f"configured: {known}",
                code=ExitCode.UNKNOWN,
            )
        return self._ids[name], plan

    def changed_on_disk(self) -> bool:
        """Whether the configuration's files changed since they were read."""
        return signature(self.loaded.path) != self._signature

    def rules(self) -> Rules:
        """The rules in force."""
        if self._rules is None:
            raise RuntimeError("not configured yet")
        return self._rules

    async def start(self) -> None:
        """Start a task for every mailbox that is enabled, and send what is queued."""
        await self.supervisor.apply(self._plans(self.loaded), self._ids)
        await self.outbox.posts.start()

    async def once(self) -> dict[str, Exception | None]:
        """Send what is queued and bring every enabled mailbox up to date.

        Returns what went wrong, by name.
        """
        unsent = await self.outbox.posts.drain()
        mailboxes_at_work = []
        for name, plan in self._plans(self.loaded).items():
            row = await self._row(self._ids[name])
            if not (row.paused or plan.over):
                mailboxes_at_work.append(Mailbox(row.id, plan, self.services))
        limit = asyncio.Semaphore(CONNECTING)

        async def one(mailbox: Mailbox) -> tuple[str, Exception | None]:
            bind(mailbox=mailbox.name)
            async with limit:
                try:
                    await Life(mailbox).once()
                except Exception as exc:  # noqa: BLE001  told by name; the others go on
                    return mailbox.name, exc
            return mailbox.name, None

        found = dict(await asyncio.gather(*map(one, mailboxes_at_work)))
        late = [m for m in mailboxes_at_work if not found[m.name] and await self._waits(m)]
        found |= await asyncio.gather(*map(one, late))  # mail that another mailbox made wanted
        return {name: error or unsent.get(name) for name, error in found.items()}

    async def close(self) -> None:
        """Stop the mailboxes, finish what is being written, and let go of everything."""
        await asyncio.gather(self.supervisor.close(), self.outbox.posts.close())
        await self.keeper.aclose()
        await asyncio.gather(  # the database waits for the disk, the rest for processes
            self.parser.aclose(),
            self.headers.aclose(),
            asyncio.to_thread(self._threads.shutdown),
            asyncio.to_thread(self.store.close),
        )

    # What commands ask

    async def reload(self) -> Reloaded:
        """Read the configuration again; all of it takes effect, or nothing does.

        Raises:
            ConfigError: it is refused, or it changes what needs a restart.
        """
        condition = self.condition
        try:
            async with self._applying:
                changes, keys = await self._reload()
        except UserError as error:
            condition.refused = str(error)
            emit(events.CONFIG_RELOAD_REJECTED, errors=places(error))
            kept = condition.loaded_at.strftime("%Y-%m-%d %H:%M:%SZ")
            raise ConfigError(
                f"{error}. Nothing changed: the configuration of {kept} stays in force.",
                hint=error.hint,
            ) from error
        condition.refused = ""
        condition.loaded_at = datetime.now(UTC)
        named = [one.key for one in keys if not one.key.startswith("mailboxes.")]
        emit(events.CONFIG_RELOADED, changed=[*named, *changes])
        return Reloaded(tuple(changes), keys)

    async def compare(self) -> tuple[Loaded, tuple[Change, ...]]:
        """The configuration on disk, and how it differs. Raises ConfigError: it is refused."""
        check = self.registry.check
        new = await asyncio.to_thread(load, self.loaded.path, check_driver=check)
        return new, await asyncio.to_thread(differences, self.loaded, new)

    async def _reload(self) -> tuple[list[str], tuple[Change, ...]]:
        new, keys = await self.compare()
        old, paths = self.settings.paths, new.settings.paths
        if (paths.database, paths.state_dir) != (old.database, old.state_dir):
            raise ConfigError(
                "database.path and daemon.state_dir cannot change while eisd runs",
                hint="restart the daemon",
            )
        plans = self._plans(new)
        await self.before_reload(new.settings)
        await self._configure(new)
        self.loaded = new
        return await self.supervisor.apply(plans, self._ids), keys

    def running(self, name: str) -> Mailbox:
        """A mailbox's task. Raises UserError (67) when there is none of that name."""
        mailbox = self.supervisor.mailboxes.get(name)
        if mailbox is None:
            known = sorted(self.supervisor.mailboxes)
            raise UserError(
                f"no mailbox called {name!r} is running",
                hint=f"running: {', '.join(known) or 'none'}",
                code=ExitCode.UNKNOWN,
            )
        return mailbox

    async def pause(self, name: str, *, paused: bool) -> None:
        """Pause or resume a mailbox, over restarts; one that is not at work, for the next start."""
        row = await self.store.read(lambda db: mailboxes.by_name(db, name))
        if row is None:
            raise UserError(f"no mailbox called {name!r}", code=ExitCode.UNKNOWN)
        await self.store.write(lambda tx: mailboxes.set_paused(tx.db, row.id, paused=paused))
        if mailbox := self.supervisor.mailboxes.get(name):
            mailbox.paused = paused
            mailbox.bell.ring()
        over = terms(self.settings).get(name, Terms()).over
        await self.outbox.posts.pause(name, paused=paused or bool(over))

    def reconnect(self, name: str) -> None:
        """Connect anew, at once, whatever the mailbox is waiting for."""
        mailbox = self.running(name)
        mailbox.reconnect = True
        mailbox.bell.ring()
        self.outbox.posts.wake(name)

    async def resync(self, name: str, folder: str | None, since_ms: int | None) -> list[str]:
        """List folders anew from the window, or from ``since_ms``; return which."""
        mailbox, _ = self.plan(name)
        rows = await self.store.read(lambda db: folders.of_mailbox(db, mailbox))
        chosen = [
            row for row in rows if row.status == "synced" and folder in (None, row.folder.name)
        ]
        if not chosen:
            raise UserError(
                f"{name} has no synced folder {folder!r}",
                hint=f"synced: {', '.join(r.folder.name for r in rows if r.status == 'synced')}",
                code=ExitCode.UNKNOWN,
            )

        def reset(tx: Tx) -> None:
            if since_ms is not None:
                mailboxes.set_begin(tx.db, mailbox, since_ms)
            for row in chosen:
                folders.reset(tx.db, row.id)

        await self.store.write(reset)
        if name in self.mailboxes:
            self.reconnect(name)
        return [row.folder.name for row in chosen]

    async def forget(self, name: str) -> None:
        """Erase a mailbox that is no longer configured, its copies and its staff addresses."""
        row = await self.store.read(lambda db: mailboxes.by_name(db, name))
        if row is None:
            raise UserError(f"no mailbox called {name!r}", code=ExitCode.UNKNOWN)
        if row.configured:
            raise UserError(
                f"{name} is still in the configuration",
                hint=f"take it out first: eisd mailbox remove {name}",
                code=ExitCode.NO,
            )

        def erase(tx: Tx) -> None:
            mailboxes.forget(tx.db, row.id)
            assemble.restaff(tx, self.settings, self.hasher)

        await self.store.write(erase)
        if await self.keeper.grants.load(name) is not None:
            await self.keeper.forget(name)
        emit(events.MAILBOX_FORGOTTEN, mailbox=name, copies=None, activities=None)

    async def import_contacts(self, given: Given, *, replace: bool) -> tuple[Imported, Settled]:
        """Import contacts and let the lanes fetch what they bring."""
        told = self.condition.imported
        try:
            done = await import_contacts(self.store, self.rules(), given, told, replace=replace)
        finally:
            told(None)
        return done, await self.look_back() or Settled()

    async def look_back(self, seconds: float | None = None) -> Settled | None:
        """Have the jobs on the past worked off; None: that goes on in the background."""
        task = asyncio.create_task(self.retro.drain(), name="look back")
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
        await asyncio.wait({task}, timeout=seconds)
        return task.result() if task.done() else None

    def listen(self, listener: Callable[[str, Sequence[int]], None]) -> Callable[[], None]:
        """Be told (mailbox, new activity ids) after each commit; call the result to stop.

        The mailbox is empty where a change of contacts made activities of what was on record.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # Inside

    async def _configure(self, loaded: Loaded) -> None:
        settings, hasher, registry = loaded.settings, self.hasher, self.registry
        self._signature = await asyncio.to_thread(signature, loaded.path)
        ids = await self.store.write(lambda tx: assemble.configure(tx, settings, hasher, registry))
        self._ids = ids
        self.keeper.configure(apps_of(settings), secret_of(settings, loaded.base_dir, self.secrets))
        told = await self.store.read(mailboxes.told_aliases)
        self._rules = assemble.rules(settings, hasher, ids, told)
        rows = await self.store.read(mailboxes.all_rows)
        plans = self._plans(loaded)
        paused = {row.name for row in rows if row.configured and row.paused}
        paused |= {name for name, plan in plans.items() if plan.over}
        self.outbox.local_case = settings.normalize.local_case
        await self.outbox.posts.apply(stations(settings, plans, ids), paused)

    async def _waits(self, mailbox: Mailbox) -> bool:
        return bool(await self.store.read(lambda db: copies.queue(db, mailbox.id, 1)))

    async def _row(self, mailbox: int) -> MailboxRow:
        return await self.store.read(lambda db: mailboxes.by_id(db, mailbox))

    def _plans(self, loaded: Loaded) -> dict[str, Plan]:
        return assemble.plans(
            loaded.settings, self.registry, loaded.base_dir, self.secrets, self.keeper
        )

    def _tell_sent(self, mailbox: str, fresh: Sequence[Fresh]) -> None:
        """What is sent has become activities, and they are durable."""
        if fresh:
            tell_log(fresh, live=True)
            self._on_activity(mailbox, [one.id for one in fresh])

    def _from_the_past(self, settled: Settled) -> None:
        """What a change of contacts brought is durable: tell it, and let the lanes fetch."""
        if settled.activities:
            tell_log(settled.activities, live=False)
            self._on_activity("", [one.id for one in settled.activities])
        self._on_settled(settled)

    def _on_settled(self, settled: Settled) -> None:
        """A mailbox's mail concerns the past, or copies in other mailboxes."""
        if settled.looks_back:
            self.retro.bell.ring()
        if settled.pending:
            for mailbox in self.supervisor.mailboxes.values():
                mailbox.lane_bell.ring()

    async def _on_aliases(self, mailbox: int, aliases: Sequence[str]) -> None:
        known = (self.settings, self.hasher, self._ids)
        self._rules = await assemble.take_aliases(self.store, *known, mailbox, aliases)

    def _on_activity(self, mailbox: str, ids: Sequence[int]) -> None:
        self.activities += len(ids)
        for listener in self._listeners:
            listener(mailbox, ids)


async def _nothing(settings: Settings) -> None:
    """Refuse no settings."""
    del settings
