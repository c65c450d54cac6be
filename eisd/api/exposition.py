"""What Prometheus is shown: the catalogue's counts, and gauges read from the daemon's state.

`take` reads what belongs to the loop, in well under a millisecond; `render` makes the text of it in
a thread, since 500 mailboxes are some 10,000 lines. No other module knows prometheus-client.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from eisd import __version__, metrics
from eisd.api.core import Core
from eisd.model.mailbox import IN_STEP, MailboxState
from eisd.store.sql import SQLITE_VERSION

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST

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


def render(reading: Reading) -> bytes:
    """The text of a scrape. Pure work, for a thread."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(reading))
    registry.register(_process())
    return generate_latest(registry)


class _Families(Collector):
    """All families of the catalogue, once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """Each family with its values."""
        for family in metrics.CATALOGUE.values():
            if isinstance(family, metrics.Counter):
                yield _counter(family)
            elif isinstance(family, metrics.Histogram):
                yield _histogram(family)
            else:
                yield _gauge(family, self._reading.gauges.get(family, {}))

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: names cannot collide in a registry of one scrape."""
        return ()


def _counter(family: metrics.Counter) -> Metric:
    shown = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in family.values().items():
        shown.add_metric(labels, value)
    return shown


def _gauge(family: metrics.Family, values: Values) -> Metric:
    shown = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        shown.add_metric(labels, value)
    return shown


def _histogram(family: metrics.Histogram) -> Metric:
    shown = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    limits = [*map(str, map(float, family.buckets)), "+Inf"]
    for labels, (counts, total) in family.values().items():
        buckets = list(zip(limits, map(float, accumulate(counts)), strict=True))
        shown.add_metric(labels, buckets, total)
    return shown


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
