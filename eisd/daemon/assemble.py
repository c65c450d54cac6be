"""From a configuration to what the sync layer works with: rules, plans, logins, staff."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from eisd.auth.keeper import Holder, Keeper
from eisd.auth.login import TokenLogin
from eisd.config.mailbox import MailboxSettings
from eisd.config.plans import Terms, terms
from eisd.config.schema import Settings, effective
from eisd.config.secrets import resolve
from eisd.driver.interface import Login, OptionsError
from eisd.driver.registry import Registry
from eisd.errors import ConfigError, ExitCode, UserError
from eisd.matcher.blocklist import Blocklist
from eisd.matcher.keys import Hasher
from eisd.matcher.policy import Policy
from eisd.matcher.staff import staff_of
from eisd.mime.addresses import address_key, relaxed_key
from eisd.model.mailbox import MailboxState, Reason, SyncMode
from eisd.store import mailboxes
from eisd.store.database import Database, Tx
from eisd.store.mailboxes import MailboxSpec
from eisd.store.secrets import Secrets
from eisd.sync import people
from eisd.sync.mailbox import Plan
from eisd.sync.record import forget_people
from eisd.sync.rules import MailboxRules, Rules


@dataclass(frozen=True, slots=True)
class SecretLogin:
    """Fetches a mailbox's secret each time a driver asks; keeps nothing (`Login`)."""

    settings: Settings
    name: str
    base_dir: Path
    secrets: Secrets

    async def password(self, table: str = "") -> str:
        """The password in a table of the mailbox, its own driver's unless another is named."""
        return await asyncio.to_thread(self._resolve, table)

    async def access_token(self, *, refused: str = "") -> str:
        """Not for this kind of mailbox."""
        del refused
        raise UserError(f"{self.name}: no OAuth sign-in is configured", code=ExitCode.CONFIG)

    def _resolve(self, table: str) -> str:
        mailbox = self.settings.mailboxes[self.name]
        table = mailbox.secret_table(table or mailbox.driver)
        where = f"mailboxes.{self.name}.{table}.password"
        ref = mailbox.secret(table)
        if ref is None:
            raise UserError(
                f"{where} is missing",
                hint="say where the password lies, such as password = { file = ... }",
                code=ExitCode.CONFIG,
            )
        stored = f"{self.name}.{table}.password"

        def from_store() -> str | None:
            value = self.secrets.get(stored)
            return None if value is None else value.decode()

        return resolve(ref, where=where, base_dir=self.base_dir, store=from_store).reveal()


def specs(settings: Settings, registry: Registry) -> list[MailboxSpec]:
    """The mailboxes as the store knows them."""
    case = settings.normalize.local_case
    return [
        MailboxSpec(
            name=name,
            identity=f"{address_key(box.address, local_case=case)}|{_host(box, registry)}",
            address=box.address,
            aliases=tuple(box.aliases),
            driver=box.driver,
            owner=box.owner or "",
            access=box.access,
            workspaces=tuple(box.workspaces),
            shared_with=tuple(box.shared_with),
            visibility=settings.visibility_of(name),
        )
        for name, box in settings.mailboxes.items()
    ]


def _host(box: MailboxSettings, registry: Registry) -> str:
    """Where the mailbox is, as its driver says it: the same by whatever driver it is reached."""
    try:
        driver = registry.get(box.driver)
        return driver.identity(driver.options(box.driver_tables, address=box.address))
    except (ConfigError, OptionsError):  # refused elsewhere, if it is enabled at all
        return box.host()


def rules(
    settings: Settings,
    hasher: Hasher,
    ids: Mapping[str, int],
    told: Mapping[int, Sequence[str]],
) -> Rules:
    """The rules that recording goes by; ``told`` are the aliases that providers know of."""
    case = settings.normalize.local_case
    return Rules(
        hasher=hasher,
        policy=Policy.of(settings),
        mailboxes={
            ids[name]: MailboxRules(
                key=hasher.key(address_key(box.address, local_case=case)),
                aliases=frozenset(
                    hasher.key(key)
                    for alias in (*box.aliases, *told.get(ids[name], ()))
                    if (exact := address_key(alias, local_case=case))
                    for key in (exact, relaxed_key(exact))
                ),
                mode=box.sync,
                visibility=settings.visibility_of(name),
                blocklist=Blocklist.of(settings.blocklist, name, local_case=case),
                on_remote_delete=effective(settings, name).on_remote_delete,
            )
            for name, box in settings.mailboxes.items()
            if name in ids
        },
        trusted_authserv=frozenset(one.lower() for one in settings.internal.authserv_ids),
        local_case=case,
        index=settings.store.unmatched == "index",
        attachments=settings.store.attachments == "matched",
        keep_days=settings.retention.activities.days,
    )


def login(settings: Settings, name: str, base_dir: Path, keeper: Keeper, secrets: Secrets) -> Login:
    """How a mailbox signs in: with secrets, and with tokens if it names an application."""
    box = settings.mailboxes[name]
    passwords = SecretLogin(settings, name, base_dir, secrets)
    if box.oauth_app is None:
        return passwords
    return TokenLogin(keeper, Holder(name, box.oauth_app, box.address), passwords)


def plans(
    settings: Settings, registry: Registry, base_dir: Path, secrets: Secrets, keeper: Keeper
) -> dict[str, Plan]:
    """How each enabled mailbox is to be synced."""
    return {
        name: _plan(
            settings, name, held, registry, login(settings, name, base_dir, keeper, secrets)
        )
        for name, held in terms(settings).items()
    }


def _plan(settings: Settings, name: str, held: Terms, registry: Registry, login_: Login) -> Plan:
    box = settings.mailboxes[name]
    sync = effective(settings, name)
    driver = registry.get(box.driver)
    chosen = box.folders
    if chosen is None and settings.folders.policy == "selected":
        chosen = ("INBOX",)
    mode = box.sync if box.workspaces else SyncMode.ONE_WAY
    but = {"interval"}  # taken over as it is
    described = f"{box.model_dump_json(exclude=but)}{sync.model_dump_json(exclude=but)}"
    described += f"{settings.folders.policy}{held}"
    if box.oauth_app in settings.oauth:
        described += settings.oauth[box.oauth_app].model_dump_json()
    return Plan(
        name=name,
        driver=driver,
        options=driver.options(box.driver_tables, address=box.address),
        login=login_,
        window_days=sync.window.days,
        interval=sync.interval,
        max_message_size=sync.max_message_size,
        mode=mode,
        chosen=None if chosen is None else tuple(chosen),
        push=held.push,
        over=held.over,
        fingerprint=sha256(described.encode()).hexdigest(),
    )


def configure(tx: Tx, settings: Settings, hasher: Hasher, registry: Registry) -> dict[str, int]:
    """Bring the mailbox table and S up to the configuration; return row ids by name."""
    ids = mailboxes.configure(tx.db, specs(settings, registry))
    for name, box in settings.mailboxes.items():
        if not box.enabled:
            detail = "enabled = false in the configuration"
            mailboxes.set_state(tx.db, ids[name], MailboxState.DISCONNECTED, "", detail)
    for name, held in terms(settings).items():
        if held.over:
            mailboxes.set_state(tx.db, ids[name], MailboxState.PAUSED, Reason.QUOTA, held.over)
    people.rekey(tx, hasher, settings.normalize.local_case)
    restaff(tx, settings, hasher)
    return ids


def restaff(tx: Tx, settings: Settings, hasher: Hasher) -> None:
    """Work S out again for every workspace (S1)."""
    by_workspace: dict[str, list[str]] = {}
    for workspace, address in mailboxes.staff_addresses(tx.db):
        by_workspace.setdefault(workspace, []).append(address)
    if settings.internal.share_staff:
        everyone = [address for listed in by_workspace.values() for address in listed]
        by_workspace = dict.fromkeys(by_workspace, everyone)
    internal = settings.internal
    mailboxes.replace_staff(
        tx.db,
        {
            workspace: staff_of(
                addresses,
                hasher=hasher,
                addresses=internal.addresses,
                domains=internal.domains,
                scope=internal.scope,
                local_case=settings.normalize.local_case,
            )
            for workspace, addresses in by_workspace.items()
        },
    )
    forget_people(tx)


async def take_aliases(
    store: Database,
    settings: Settings,
    hasher: Hasher,
    ids: Mapping[str, int],
    mailbox: int,
    aliases: Sequence[str],
) -> Rules:
    """Take what a provider tells of a mailbox's addresses into S (S1), and make the rules anew."""

    def take(tx: Tx) -> dict[int, tuple[str, ...]]:
        if mailboxes.tell_aliases(tx.db, mailbox, aliases):
            restaff(tx, settings, hasher)
        return mailboxes.told_aliases(tx.db)

    return rules(settings, hasher, ids, await store.write(take))
