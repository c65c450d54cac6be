"""Whether the daemon moves: what feeds the watchdog, the status line and the heartbeat.

The watchdog is fed on evidence alone: this task runs, so the loop turns; the writer has come round
lately; every mailbox has its task. What a mail server does is no part of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from eisd import events
from eisd.daemon.collector import sweep
from eisd.daemon.core import Core
from eisd.daemon.notify import Notifier
from eisd.logs import counters, emit
from eisd.model.mailbox import IN_STEP, MailboxState
from eisd.sync.mailbox import Mailbox

WRITER_STALE = 120.0
"""Seconds without a sign of life; a long import gives them all the while."""
LOOK = 10.0
HEARTBEAT = 3600.0

_PAGE = os.sysconf("SC_PAGE_SIZE")


def stale(core: Core, now: float) -> tuple[str, ...]:
    """The vital parts that gave no sign of life. ``now`` is monotonic."""
    found = []
    if now - core.store.beat > WRITER_STALE:
        found.append("writer")
    if not core.supervisor.alive:
        found.append("supervisor")
    return tuple(found)


def status_line(core: Core) -> str:
    """The one line that ``systemctl status`` shows."""
    boxes = core.mailboxes
    if not boxes:
        line = "no mailbox is configured"
    else:
        line = f"{healthy(boxes)}/{len(boxes)} mailboxes healthy"
        needy = [name for name, one in boxes.items() if one.state is MailboxState.PROBLEMATIC]
        if needy:
            line += f", {len(needy)} need a person ({', '.join(sorted(needy)[:5])})"
    if core.condition.refused:
        return f"DEGRADED: the last reload was refused; {line}"
    return line


def healthy(boxes: Mapping[str, Mailbox]) -> int:
    """How many are at work as they should."""
    return sum(one.state in IN_STEP for one in boxes.values())


async def watch(core: Core, notifier: Notifier) -> None:
    """Look, tell systemd, and say once an hour that all is quiet. Runs until cancelled."""
    pause = LOOK if notifier.watchdog_s is None else min(LOOK, notifier.watchdog_s / 3)
    told, beat_at = "", monotonic() + HEARTBEAT
    while True:
        now = monotonic()
        core.condition.stale = stale(core, now)
        if core.condition.stale:
            emit(events.WATCHDOG_WITHHELD, stale=", ".join(core.condition.stale))
        else:
            notifier.alive()
        line = status_line(core)
        if line != told:
            notifier.status(line)
            told = line
        if now >= beat_at:
            beat_at = now + HEARTBEAT
            sweep()
            await heartbeat(core)
        await asyncio.sleep(pause)


async def heartbeat(core: Core) -> None:
    """Say that the daemon is there."""
    seen = counters()
    boxes = core.mailboxes
    emit(
        events.DAEMON_HEARTBEAT,
        up_s=round(monotonic() - core.condition.began),
        rss_mb=await asyncio.to_thread(rss_mb),
        mailboxes=len(boxes),
        healthy=healthy(boxes),
        activities=core.activities,
        errors=seen.errors,
        suppressed_total=seen.suppressed,
        dropped_total=seen.dropped,
    )


def rss_mb() -> int:
    """Resident memory of this process in megabytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * _PAGE // 1_000_000
