"""The configuration's schema: every key, its kind, its default and its sentence.

The single source of the loader, `config.example.toml`, the reference page and the JSON Schema.
`Settings` is plain and frozen; what depends on the machine (where state lies when nobody says) is
filled in by `eisd.config.load`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from eisd.config.mailbox import MailboxSettings
from eisd.config.paths import Paths, default_state_dir
from eisd.config.policy import (
    CalendarSettings,
    CaptureSettings,
    CreateSettings,
    FolderSettings,
    GroupSettings,
    InternalSettings,
    MatchSettings,
    NormalizeSettings,
    RetentionSettings,
    StoreSettings,
    SyncSettings,
    ThreadSettings,
    VisibilitySettings,
)
from eisd.config.presets import PresetName
from eisd.config.secrets import SecretRef
from eisd.config.types import (
    Duration,
    Entry,
    FilePath,
    Lax,
    ListenValue,
    Name,
    RateValue,
    Table,
    Url,
    key,
)
from eisd.config.units import Listen, Rate, WindowSpan

__all__ = [
    "Listen",
    "MailboxSettings",
    "Rate",
    "SecretRef",
    "Settings",
    "SyncSettings",
    "WindowSpan",
    "effective",
]

VERSION = 1
"""The newest version of the configuration's format that this eisd reads."""


class DaemonSettings(Table):
    """The daemon itself."""

    state_dir: FilePath | None = key(
        None,
        "Where the database and the secrets lie. Without it: $STATE_DIRECTORY (systemd sets it), "
        "else /var/lib/eisd for a configuration under /etc, else ~/.local/state/eisd.",
        examples=["/var/lib/eisd"],
    )


LogLevel = Literal["debug", "info", "warning", "error"]


class LogSettings(Table):
    """What is logged, and how."""

    level: LogLevel = key("info", "The least serious level that is logged.")
    format: Literal["auto", "journald", "json", "logfmt", "console"] = key(
        "auto", "auto is journald under systemd, console on a terminal, else json."
    )
    levels: dict[str, LogLevel] = key(
        {},
        "Levels of single libraries by logger name; without one a library speaks from warning up.",
        examples=[{"httpx": "debug"}],
    )
    repeat_window: Duration = key(
        "1m", "The same event of the same mailbox again within this time is counted, not written."
    )


class DatabaseSettings(Table):
    """The database."""

    path: FilePath = key("eisd.db", "Relative to daemon.state_dir.")


class ApiSettings(Table):
    """The HTTP API, which the commands use too."""

    listen: Annotated[tuple[ListenValue, ...], Lax] | None = key(
        None,
        "Unix sockets and TCP addresses; TCP always needs a token. Without it: "
        "unix:/run/eisd/api.sock for a service, else api.sock in daemon.state_dir.",
        examples=[["unix:/run/eisd/api.sock"]],
    )


class MetricsSettings(Table):
    """Metrics for Prometheus."""

    listen: Annotated[tuple[ListenValue, ...], Lax] = key(
        ["127.0.0.1:9425"], "Where they are served; an empty list turns them off."
    )


class ContactsSettings(Table):
    """Where contacts come from."""

    source: FilePath | None = key(
        None,
        "A .csv, .jsonl or .vcf file that is watched and imported by itself; relative to the "
        "configuration.",
        examples=["people.csv"],
    )


class HostLimits(Table):
    """What all mailboxes that send through one host may send together."""

    rate: RateValue | None = key(None, "The most messages.", examples=["100/m"])
    per_day: int | None = key(None, "The most messages in 24 hours.", ge=1, examples=[20_000])


class OutboundSettings(Table):
    """Mail sent through eisd."""

    retry_for: Duration = key("48h", "How long a message is tried again before it has failed.")
    rate: RateValue = key(
        "30/m",
        "The most messages that one mailbox sends; less where the provider is known to take less.",
    )
    per_day: int | None = key(
        None,
        "The most messages that one mailbox sends in 24 hours; where the provider counts "
        "recipients, recipients. Without it: what the provider is known to take.",
        ge=1,
        examples=[500],
    )
    templates: FilePath | None = key(
        None,
        "A folder of templates, beside those in the database; relative to the configuration.",
        examples=["templates"],
    )
    hosts: dict[str, HostLimits] = key(
        {},
        "Limits of whole servers, by the host's name.",
        examples=[{"smtp.example.org": {"rate": "100/m"}}],
    )


class HealthSettings(Table):
    """When something is wrong."""

    stale_after: Duration = key("15m", "A mailbox without a sync for this long needs a look.")
    ready_requires: Literal["daemon", "all"] = key(
        "daemon", "Whether /readyz asks for the daemon alone or for all mailboxes too."
    )


class BlockEntry(Table):
    """An address or a domain that is never matched."""

    entry: Entry = key(
        doc="A full address, or @domain for it and its subdomains.", examples=["@spam.example"]
    )
    action: Literal["participant", "message"] = key(
        "participant", "Ignore that address, or skip every message it takes part in."
    )
    mailbox: Name | None = key(None, "Only in this mailbox.", examples=["sales"])


class PlanSettings(Table):
    """Quotas of the owners that are on this plan."""

    mailboxes_per_owner: int | None = key(
        None, "How many mailboxes an owner may connect.", ge=0, examples=[1]
    )
    count_shared: bool = key(
        default=True, doc="Whether mailboxes shared with an owner count as the owner's."
    )
    interval: Duration | None = key(
        None, "Overrides sync.interval; without push such a mailbox is polled.", examples=["1h"]
    )
    push: bool = key(default=False, doc="Whether new mail is pushed in spite of an interval.")
    allow: Annotated[tuple[Literal["shared", "one_way"], ...], Lax] = key(
        ["shared", "one_way"], "Which kinds of mailbox an owner may connect."
    )


class OwnerSettings(Table):
    """One owner of mailboxes."""

    plan: Name | None = key(None, "One of [plans].", examples=["free"])


class OAuthApp(Table):
    """One application registered with Google or Microsoft."""

    provider: Literal["google", "microsoft"] = key(
        doc="Where it is registered.", examples=["microsoft"]
    )
    client_id: str = key(doc="Its id there.", min_length=1, examples=["..."])
    client_secret: SecretRef | None = key(
        None, "Where its secret lies.", examples=[{"credential": "corp"}]
    )
    tenant: str | None = key(
        None, "The directory (Microsoft).", examples=["contoso.onmicrosoft.com"]
    )
    flow: Literal["user", "service_account", "client_credentials"] = key(
        "user",
        "Each user signs in; or a service account (Google) or the application itself (Microsoft) "
        "is trusted with all mailboxes.",
    )
    authorize_url: Url | None = key(
        None,
        "Overrides the provider's own.",
        examples=["https://login.microsoftonline.us/common/oauth2/v2.0/authorize"],
    )
    token_url: Url | None = key(
        None,
        "Overrides the provider's own.",
        examples=["https://login.microsoftonline.us/common/oauth2/v2.0/token"],
    )
    device_url: Url | None = key(
        None,
        "Overrides the provider's own.",
        examples=["https://login.microsoftonline.us/common/oauth2/v2.0/devicecode"],
    )
    revoke_url: Url | None = key(
        None,
        "Overrides the provider's own.",
        examples=["https://oauth2.googleapis.com/revoke"],
    )
    scopes: Annotated[tuple[str, ...], Lax] | None = key(
        None,
        "Asked for instead of the provider's usual mail scopes.",
        examples=[["https://www.googleapis.com/auth/gmail.imap_admin"]],
    )


class WebhookSettings(Table):
    """Somebody to tell."""

    url: Url = key(doc="Where events are posted.", examples=["https://crm.example.org/hooks/mail"])
    events: Annotated[tuple[str, ...], Lax] = key(
        doc="Which events.", min_length=1, examples=[["activity.created"]]
    )
    secret: SecretRef = key(
        doc="Where the key lies that signs them.", examples=[{"credential": "crm-hook"}]
    )
    allow_private: bool = key(
        default=False, doc="Whether the URL may lead to a private or local address."
    )


class WorkspaceSettings(Table):
    """A set of contacts. Reserved: it has no keys yet."""


class Settings(Table):
    """The whole configuration."""

    version: Literal[1] = key(VERSION, "The version of this file's format.")
    preset: PresetName = key(
        "default", "Policies that behave as a known CRM does; explicit keys win over them."
    )
    daemon: DaemonSettings = key(DaemonSettings())
    log: LogSettings = key(LogSettings())
    database: DatabaseSettings = key(DatabaseSettings())
    api: ApiSettings = key(ApiSettings())
    metrics: MetricsSettings = key(MetricsSettings())
    sync: SyncSettings = key(SyncSettings())
    match: MatchSettings = key(MatchSettings())
    normalize: NormalizeSettings = key(NormalizeSettings())
    internal: InternalSettings = key(InternalSettings())
    group: GroupSettings = key(GroupSettings())
    create: CreateSettings = key(CreateSettings())
    folders: FolderSettings = key(FolderSettings())
    visibility: VisibilitySettings = key(VisibilitySettings())
    capture: CaptureSettings = key(CaptureSettings())
    thread: ThreadSettings = key(ThreadSettings())
    store: StoreSettings = key(StoreSettings())
    retention: RetentionSettings = key(RetentionSettings())
    calendar: CalendarSettings = key(CalendarSettings())
    contacts: ContactsSettings = key(ContactsSettings())
    outbound: OutboundSettings = key(OutboundSettings())
    health: HealthSettings = key(HealthSettings())
    blocklist: Annotated[tuple[BlockEntry, ...], Lax] = key([])
    plans: dict[Name, PlanSettings] = key({})
    owners: dict[Name, OwnerSettings] = key({})
    mailboxes: dict[Name, MailboxSettings] = key({})
    oauth: dict[Name, OAuthApp] = key({})
    webhooks: dict[Name, WebhookSettings] = key({})
    workspaces: dict[Name, WorkspaceSettings] = key({})

    @property
    def paths(self) -> Paths:
        """Where this daemon keeps its files."""
        state_dir = self.daemon.state_dir or default_state_dir()
        return Paths.of(state_dir, self.database.path, self.listen)

    @property
    def listen(self) -> tuple[Listen, ...]:
        """Where the API listens."""
        if self.api.listen is not None:
            return self.api.listen
        state_dir = self.daemon.state_dir or default_state_dir()
        return (Listen(path=str(state_dir / "api.sock")),)

    def plan_of(self, owner: str | None) -> tuple[str, PlanSettings] | None:
        """The plan that an owner is on, with its name; None: nobody, or none."""
        known = self.owners.get(owner or "")
        if known is None or known.plan is None or known.plan not in self.plans:
            return None
        return known.plan, self.plans[known.plan]

    def visibility_of(self, name: str) -> str:
        """What others may see of a mailbox's activities: metadata, subject or full."""
        if self.visibility.level is not None:
            return self.visibility.level
        return "full" if self.mailboxes[name].access == "shared" else "subject"


def effective(settings: Settings, name: str) -> SyncSettings:
    """The sync settings of one mailbox: [sync], with the mailbox's own keys over it.

    The interval of its owner's plan is the least that the mailbox may ask for (L1).
    """
    mailbox = settings.mailboxes[name]
    own: dict[str, Any] = {
        field: value
        for field in SyncSettings.model_fields
        if (value := getattr(mailbox, field)) is not None
    }
    plan = settings.plan_of(mailbox.owner)
    if plan is not None and plan[1].interval is not None:
        own["interval"] = max(plan[1].interval, own.get("interval", 0.0))
    return settings.sync.model_copy(update=own)
