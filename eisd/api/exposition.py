"""What Prometheus is shown: the catalogue's counts, and gauges read from the daemon's state.

500 mailboxes are some 10,000 lines; making them holds up nobody. No other module knows
prometheus-client.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from eisd import __version__, metrics
from eisd.api.core import Core
from eisd.model.mailbox import IN_STEP, MailboxState
from eisd.model.submission import SubmissionState
from eisd.store.sql import SQLITE_VERSION

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST

_WAITING: Final = (
    SubmissionState.QUEUED,
    SubmissionState.HELD,
    SubmissionState.SENDING,
    SubmissionState.DOUBT,
)

SLICE: Final = 100
"""So many lines are made before the loop turns: a quarter of a millisecond."""

Values = dict[metrics.Labels, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """The gauges as they were at one moment, by family."""

    gauges: Mapping[metrics.Family, Values]


def take(core: Core) -> Reading:
    """Read the daemon's state; on the loop, from memory alone."""
    boxes = core.mailboxes
    states = Counter(one.state.value for one in boxes.values())
    seen, condition = core.condition.seen, core.condition
    return Reading(
        {
            metrics.CONFIG_RELOAD_OK: {(): float(not condition.refused)},
            metrics.CONFIG_RELOADED_AT: {(): condition.loaded_at.timestamp()},
            metrics.MAILBOXES: {(state.value,): float(states[state]) for state in MailboxState},
            metrics.MAILBOX_UP: {
                (name,): float(one.state in IN_STEP)
                for name, one in boxes.items()
                if one.state is not MailboxState.PAUSED  # a person's will, and nobody's trouble
            },
            metrics.MAILBOX_LAST_SYNC: {
                (name,): one.synced_at for name, one in boxes.items() if one.synced_at is not None
            },
            metrics.MAILBOX_BACKLOG: {(name,): float(seen.backlog.get(name, 0)) for name in boxes},
            metrics.OAUTH_TOKEN_EXPIRY: _of(boxes, core.keeper.expiring),
            metrics.OAUTH_GRANT_EXPIRY: _of(boxes, core.keeper.ending),
            metrics.OUTBOX_MESSAGES: {
                (state.value,): float(seen.outbox.get(state, 0)) for state in _WAITING
            },
            metrics.OUTBOX_OLDEST: {(): seen.oldest_due or 0.0},
            metrics.DB_SIZE: {(): float(seen.db_bytes)},
            metrics.DB_WAL_SIZE: {(): float(seen.wal_bytes)},
            metrics.DB_WRITER_QUEUE: {(): float(core.store.waiting)},
            metrics.DB_BACKUP_AT: {(): seen.backup_at or 0.0},
            metrics.ACTION_REQUIRED: {
                (issue["mailbox"], issue["code"]): 1.0 for issue in seen.issues
            },
            metrics.BUILD_INFO: {(__version__, platform.python_version(), SQLITE_VERSION): 1.0},
        }
    )


def _of(names: Collection[str], told: Mapping[str, float]) -> Values:
    """What is told of mailboxes that are at work."""
    return {(name,): value for name, value in told.items() if name in names}


async def scrape(core: Core) -> bytes:
    """The text of a scrape (exposition format 0.0.4).

    Made on the loop, a little at a time: a thread would hold the interpreter's lock for
    milliseconds on end, and everybody else would wait for it. Our own lines are written here, for
    prometheus-client checks and escapes each name of each line anew, which takes six times as long.
    """
    reading = take(core)
    lines: list[str] = []
    for family in metrics.CATALOGUE.values():
        for line in _family(family, reading):
            lines.append(line)
            if len(lines) % SLICE == 0:
                await asyncio.sleep(0)
    lines.append("")
    return "\n".join(lines).encode() + await asyncio.to_thread(_of_process)


def _of_process() -> bytes:
    """The ``process_*`` families. Blocks for a moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_process())
    return generate_latest(registry)


def _family(family: metrics.Family, reading: Reading) -> Iterator[str]:
    """A family's lines: what it is, then its values."""
    name = family.name
    yield f"# HELP {name} {_escaped(family.help)}"
    yield f"# TYPE {name} {family.kind}"
    if isinstance(family, metrics.Histogram):
        yield from _histogram(family)
        return
    values = reading.gauges.get(family, {})
    if isinstance(family, metrics.Counter):
        values = family.values()
    for labels, value in values.items():
        yield f"{name}{_labels(family, labels)} {float(value)!r}"


def _histogram(family: metrics.Histogram) -> Iterator[str]:
    name, limits = family.name, [*map(repr, map(float, family.buckets)), "+Inf"]
    for labels, (counts, total) in family.values().items():
        shown = _labels(family, labels)
        inner = f"{shown[1:-1]}," if shown else ""
        cumulated = list(accumulate(counts))
        for limit, count in zip(limits, cumulated, strict=True):
            yield f'{name}_bucket{{{inner}le="{limit}"}} {count}.0'
        yield f"{name}_count{shown} {cumulated[-1]}.0"
        yield f"{name}_sum{shown} {total!r}"


def _labels(family: metrics.Family, values: metrics.Labels) -> str:
    """The labels of one series; nothing for a family without any."""
    if not values:
        return ""
    pairs = (f'{name}="{_escaped(v)}"' for name, v in zip(family.labels, values, strict=True))
    return f"{{{','.join(pairs)}}}"


def _escaped(text: str) -> str:
    """A label's value, or a help, on one line."""
    if text.isalnum():
        return text
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _process() -> Collector:
    """The ``process_*`` families, also where /proc/stat is hidden (``ProcSubset=pid``)."""
    collector = ProcessCollector(registry=None)
    if not collector._btime:  # noqa: SLF001  it has no other way in, and is silent without it
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        collector._btime = round(boot)  # noqa: SLF001
    return collector


FAMILIES_OF_PROCESS: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
"""What prometheus-client adds of the process; for the reference."""
