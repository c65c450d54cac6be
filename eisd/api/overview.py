"""`eisd status`: the daemon, its files, its mailboxes, and what needs a person."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from eisd import __version__
from eisd.api.answers import Answer, issue, mailbox_issues, mailbox_list
from eisd.api.core import Condition, Core
from eisd.config.paths import Paths
from eisd.config.schema import Settings
from eisd.logs import counters
from eisd.store.sql import Connection


async def status(core: Core) -> Answer:
    """The status of a running daemon."""
    import asyncio  # noqa: PLC0415 - commands without a daemon have no use for it

    listed = await core.store.read(mailbox_list)
    drifted = await asyncio.to_thread(core.changed_on_disk)
    files = await asyncio.to_thread(database_files, core.settings.paths)
    condition = core.condition
    for one in listed:
        running = core.mailboxes.get(one["name"])
        if running is not None and running.retry_at is not None:
            one["retry_in_s"] = max(0.0, round(running.retry_at - monotonic(), 1))
    return {
        "daemon": _daemon(condition),
        "database": files,
        "mailboxes": listed,
        "issues": _own_issues(condition, drifted=drifted) + mailbox_issues(listed, core.settings),
    }


def status_offline(db: Connection, settings: Settings) -> Answer:
    """What the database says while no daemon runs."""
    listed = mailbox_list(db)
    return {
        "daemon": {"running": False, "version": __version__},
        "database": database_files(settings.paths),
        "mailboxes": listed,
        "issues": mailbox_issues(listed, settings),
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
    }


def _own_issues(condition: Condition, *, drifted: bool) -> list[Answer]:
    found: list[Answer] = []
    if condition.refused:
        text = "the last reload was refused; the configuration before it is in force"
        found.append(issue("config_refused", text, "eisd config check"))
    elif drifted:
        text = "the configuration's files are newer than what is in force"
        found.append(issue("config_drift", text, "eisd reload"))
    if condition.source_refused:
        text = condition.source_refused.partition("\n")[0]
        found.append(
            issue("contacts_refused", text, "mend the file; it is read again when it changes")
        )
    return found


def database_files(paths: Paths) -> dict[str, Any]:
    """The database's path and sizes in octets. Blocks for a moment."""
    wal = paths.database.with_name(paths.database.name + "-wal")
    return {
        "path": str(paths.database),
        "bytes": _size(paths.database),
        "wal_bytes": _size(wal),
    }


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - one call for any kind of path
    except OSError:
        return 0


def _rfc3339(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
