"""A scrape of 500 mailboxes: how long it takes, and by how much it delays the loop."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from eisd import metrics
from eisd.api import exposition
from eisd.api.core import Condition
from eisd.model.mailbox import MailboxState

MAILBOXES = 500


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


async def late(seconds: float, scrape: Callable[[], Awaitable[None]] | None) -> list[float]:
    """By how much the loop is late for a task that wakes every 2 ms, scraped meanwhile or not."""
    lags: list[float] = []
    end = time.perf_counter() + seconds
    scraping = asyncio.create_task(_again(scrape)) if scrape else None
    while (now := time.perf_counter()) < end:
        await asyncio.sleep(0.002)
        lags.append(time.perf_counter() - now - 0.002)
    if scraping is not None:
        scraping.cancel()
        await asyncio.gather(scraping, return_exceptions=True)
    return sorted(lags)


async def _again(scrape: Callable[[], Awaitable[None]]) -> None:
    while True:
        await scrape()
        await asyncio.sleep(0.05)


async def test_a_scrape_of_500_mailboxes():
    """Under 100 ms each; what it adds to the loop's lag is shown beside a quiet loop's."""
    core = crowd()
    took: list[float] = []
    size = 0

    async def scrape() -> None:
        nonlocal size
        began = time.perf_counter()
        text = await exposition.scrape(core)
        took.append(time.perf_counter() - began)
        size = text.count(b"\n")

    quiet = await late(3.0, None)
    scraped = await late(3.0, scrape)

    for name in core.mailboxes:
        metrics.forget_mailbox(name)
    sys.stdout.write(
        f"\nscrape of {MAILBOXES} mailboxes, {size} lines: {len(took)} scrapes, median "
        f"{statistics.median(took) * 1000:.0f} ms; "
        f"the loop late at p99 by {_p99(quiet):.1f} ms without, {_p99(scraped):.1f} ms with them\n"
    )
    assert statistics.median(took) < 0.1


def _p99(lags: list[float]) -> float:
    return lags[len(lags) * 99 // 100] * 1000
