"""`eisd status`: the daemon, its files, its mailboxes, and what needs a person."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from eisd import __version__
from eisd.api import issues, signing
from eisd.api.answers import Answer, mailbox_list
from eisd.api.core import Condition, Core
from eisd.api.unsent import doubts, stalled
from eisd.config.paths import Paths
from eisd.config.schema import Settings
from eisd.logs import counters
from eisd.store.backup import last_backup
from eisd.store.sql import Connection


async def status(core: Core) -> Answer:
    """The status of a running daemon."""
    import asyncio  # noqa: PLC0415 - commands without a daemon have no use for it

    listed = with_live(core, await core.store.read(mailbox_list))
    drifted = await asyncio.to_thread(core.changed_on_disk)
    files = await asyncio.to_thread(database_files, core.settings.paths)
    condition = core.condition
    up_s = monotonic() - condition.began
    return {
        "daemon": _daemon(condition),
        "database": files,
        "mailboxes": listed,
        "issues": [
            *issues.of_daemon(core, drifted=drifted),
            *signing.with_apps(core, issues.of_mailboxes(listed, core.settings, up_s=up_s)),
            *stalled(core.outbox),
            *await core.store.read(doubts),
        ],
    }


def with_live(core: Core, listed: list[Answer]) -> list[Answer]:
    """The mailboxes with what their tasks know better than the database."""
    for one in listed:
        running = core.mailboxes.get(one["name"])
        if running is None:
            continue
        one |= {"state": running.state.value, "reason": running.reason, "detail": running.detail}
        if running.retry_at is not None:
            one["retry_in_s"] = max(0.0, round(running.retry_at - monotonic(), 1))
    return listed


def status_offline(db: Connection, settings: Settings, *, start: str) -> Answer:
    """What the database says while no daemon runs; ``start`` is the command that starts it."""
    listed = mailbox_list(db)
    return {
        "daemon": {"running": False, "version": __version__},
        "database": database_files(settings.paths),
        "mailboxes": listed,
        "issues": [
            issues.down(start),
            *(
                one | {"text": f"when the daemon last ran: {one['text']}"}
                for one in issues.of_mailboxes(listed, settings, up_s=None)
            ),
            *doubts(db),
        ],
    }


def _daemon(condition: Condition) -> Answer:
    seen = counters()
    return {
        "running": True,
        "version": __version__,
        "pid": os.getpid(),
        "up_s": round(monotonic() - condition.began, 1),
        "started_at": _rfc3339(condition.started_at),
        "config_loaded_at": _rfc3339(condition.loaded_at),
        "config_ok": not condition.refused,
        "errors": seen.errors,
        "importing": condition.importing,
    }


def database_files(paths: Paths) -> dict[str, Any]:
    """The database's path and sizes in octets. Blocks for a moment."""
    wal = paths.database.with_name(paths.database.name + "-wal")
    return {
        "path": str(paths.database),
        "bytes": _size(paths.database),
        "wal_bytes": _size(wal),
        "backup_at": last_backup(paths.database),
    }


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - one call for any kind of path
    except OSError:
        return 0


def _rfc3339(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
