"""A scrape of 500 mailboxes: how long it takes, and by how much it delays the loop."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from types import SimpleNamespace

from eisd import metrics
from eisd.api import exposition
from eisd.api.core import Condition
from eisd.model.mailbox import MailboxState

MAILBOXES = 500
SCRAPES = 20


def crowd():
    """As much of a core as a scrape reads, each mailbox with all the series it may have."""
    names = [f"mailbox{number}" for number in range(MAILBOXES)]
    for name in names:
        for outcome in ("ok", "transient"):
            metrics.MAILBOX_CONNECTIONS.inc(name, outcome)
        for reason in ("closed", "lost", "timeout"):
            metrics.MAILBOX_DISCONNECTS.inc(name, reason)
        for result in ("matched", "unmatched", "ignored", "duplicate", "failed"):
            metrics.MESSAGES.inc(name, result)
        for direction in ("incoming", "outgoing"):
            metrics.ACTIVITIES.inc(name, direction)
        for outcome in ("sent", "deferred", "failed"):
            metrics.OUTBOX_DELIVERIES.inc(name, outcome)
        metrics.MAILBOX_UIDVALIDITY.inc(name)
    box = SimpleNamespace(state=MailboxState.IDLE, synced_at=time.time())
    return SimpleNamespace(
        condition=Condition(),
        mailboxes=dict.fromkeys(names, box),
        store=SimpleNamespace(waiting=0),
    )


async def test_a_scrape_of_500_mailboxes():
    """Under 100 ms each, and the loop wakes a task on time meanwhile."""
    core = crowd()
    lags: list[float] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter() + 0.002
            await asyncio.sleep(0.002)
            lags.append(time.perf_counter() - due)

    ticking = asyncio.create_task(tick())
    took, size = [], 0
    for _ in range(SCRAPES):
        began = time.perf_counter()
        text = await asyncio.to_thread(exposition.render, exposition.take(core))
        took.append(time.perf_counter() - began)
        size = text.count(b"\n")
        await asyncio.sleep(0.05)
    ticking.cancel()

    worst = sorted(lags)[len(lags) * 99 // 100]
    sys.stdout.write(
        f"\nscrape of {MAILBOXES} mailboxes, {size} lines: median "
        f"{statistics.median(took) * 1000:.0f} ms, worst {max(took) * 1000:.0f} ms; "
        f"the loop was late by {worst * 1000:.1f} ms at p99, {max(lags) * 1000:.1f} ms at most\n"
    )
    for name in core.mailboxes:
        metrics.forget_mailbox(name)
    assert statistics.median(took) < 0.1
