"""The shapes of answers: what `--json` prints, and the API gives, as types.

`eisd schema commands` makes JSON Schemas of them, and a test holds what the commands print against
those. Keys are only ever added. A key that is not always there says so; null means never, none or
not known.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from eisd.model.mailbox import MailboxState

TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME})]
"""RFC 3339."""
Bit = Literal[0, 1]
"""No or yes, as SQLite keeps it."""


# Mailboxes and the daemon


class Mailbox(TypedDict):
    """A mailbox as lists show it."""

    name: str
    address: str
    driver: str
    owner: str
    access: Literal["personal", "shared"]
    configured: bool | Bit
    state: MailboxState
    reason: str
    detail: str
    last_sync_at: Time | None
    connected_at: Time | None
    backlog: int
    failing: int
    unreadable: int
    unreadable_open: int
    in_24h: int
    out_24h: int
    lag_p95_s: float | None
    retry_in_s: NotRequired[float]


class Folder(TypedDict):
    """A folder of a mailbox, and how far it is read."""

    name: str
    role: str
    status: str
    why: str
    position: str | None
    validity: str | None
    backfilling: bool
    remaining: int | None
    checked_at: Time | None
    reconciled_at: Time | None
    copies: int
    outcomes: dict[str, int]
    """How many copies ended so, by outcome and reason: ``unmatched:no_contact``."""


class Live(TypedDict):
    """What a mailbox's task knows at this moment."""

    connected_s: float | None
    sign_of_life_s: float | None
    retry_in_s: float | None
    tries: int
    host: str | None
    push: bool | None
    capabilities: list[str]
    fetching: int
    second_connection: bool
    passes: int
    listed: int
    activities: int


class DeepMailbox(Mailbox):
    """A mailbox in depth; what is live needs the daemon."""

    workspaces: list[str]
    window_begin: Time | None
    folders: list[Folder]
    live: NotRequired[Live | None]
    trouble: NotRequired[list[dict[str, Any]]]


class Daemon(TypedDict):
    """The daemon; without one only the first two keys."""

    running: bool
    version: str
    pid: NotRequired[int]
    up_s: NotRequired[float]
    started_at: NotRequired[Time]
    config_loaded_at: NotRequired[Time]
    config_ok: NotRequired[bool]
    errors: NotRequired[int]
    importing: NotRequired[int | None]


class Files(TypedDict):
    """The database's files, sizes in octets."""

    path: str
    bytes: int
    wal_bytes: int
    backup_at: Time | None


class Issue(TypedDict):
    """What needs a person, and the command that helps."""

    code: str
    mailbox: str
    text: str
    fix: str


class Status(TypedDict):
    """All at a glance; of one mailbox, that one in depth."""

    daemon: Daemon
    database: Files
    mailboxes: list[DeepMailbox | Mailbox]
    issues: list[Issue]


class Synced(TypedDict):
    """What became of a look at a mailbox."""

    mailbox: str
    caught_up: bool
    error: str | None
    exit_code: int
    activities: NotRequired[int]


class VerifiedFolder(TypedDict):
    """A folder's counts there and here."""

    folder: str
    server: int
    rows: int
    missing: list[str]
    missing_count: int
    surplus: int
    problem: str
    ok: bool


class Verified(TypedDict):
    """A mailbox's counts there and here."""

    mailbox: str
    ok: bool
    error: str | None
    exit_code: int
    folders: list[VerifiedFolder]


class Step(TypedDict):
    """One step of a mailbox's test; ``failure`` is the kind of error."""

    name: str
    detail: str
    ms: float
    ok: bool
    failure: str


class Finding(TypedDict):
    """What the doctor found."""

    area: str
    subject: str
    check: str
    grade: str
    text: str
    fix: str


class ChangedKey(TypedDict):
    """A key of the configuration, before and after, as TOML."""

    key: str
    before: str | None
    after: str | None


class Difference(TypedDict):
    """The files against what the daemon runs by."""

    keys: list[ChangedKey]
    loaded_at: Time | None


class Reloaded(TypedDict):
    """What a reload changed."""

    changes: list[str]
    keys: list[ChangedKey]


class End(TypedDict):
    """When a sign-in ends, and why."""

    code: str
    at: Time | None
    text: str
    certain: bool


class SignedIn(TypedDict):
    """A mailbox's sign-in; the last keys once somebody has signed in."""

    mailbox: str
    address: str
    app: str
    provider: str
    flow: str
    signed_in: bool
    problem: str
    identity: NotRequired[str]
    kind: NotRequired[str]
    scopes: NotRequired[list[str]]
    granted_at: NotRequired[Time | None]
    refreshed_at: NotRequired[Time | None]
    access_expires_at: NotRequired[Time | None]
    ends: NotRequired[list[End]]


class Invited(TypedDict):
    """An invitation; its token is shown this once."""

    owner: str
    token: str
    expires_at: Time
    url: NotRequired[str]


class Pruned(TypedDict):
    """What retention took away, or would."""

    keeps_all: bool
    dry_run: bool
    pruned: dict[str, int]


class Event(TypedDict):
    """An event of the log; `eisd schema events` has its further fields."""

    ts: Time
    level: str
    event: str
    msg: str
