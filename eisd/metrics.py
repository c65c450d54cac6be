"""The catalogue of metrics: every number eisd shows to Prometheus, declared once, and counted here.

Counters and histograms are counted where things happen, from any thread, and cost a dictionary
entry each. Gauges are only declared: they are read from the daemon's state when somebody asks
(`eisd.daemon.exposition`, the one place that knows prometheus-client).

Names follow Prometheus: a prefix, base units, ``_total`` for what only grows. Label values come
from closed lists or from the configuration; never an address, a folder, a message or a contact.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import ClassVar, Final

PREFIX: Final = "eisd_"
Labels = tuple[str, ...]

CATALOGUE: dict[str, Family] = {}
"""Every family by its full name, in the order of declaration."""

_lock = threading.Lock()


class Family:
    """A metric: its name without prefix, what it says, its labels; declaring it lists it."""

    kind: ClassVar[str] = "gauge"

    def __init__(self, name: str, help: str, *labels: str) -> None:  # noqa: A002
        self.name = PREFIX + name
        self.help = help
        self.labels = labels
        CATALOGUE[self.name] = self

    def _key(self, values: Sequence[str]) -> Labels:
        if len(values) != len(self.labels):
            raise TypeError(f"{self.name} wants {self.labels}, got {values}")
        return tuple(values)

    def forget(self, label: str, value: str) -> None:
        """Drop what was counted under this value of a label."""


class Gauge(Family):
    """A number that goes up and down; read when somebody asks."""


class Counter(Family):
    """A number that only grows, from zero at the start of the process."""

    kind = "counter"

    def __init__(self, name: str, help: str, *labels: str) -> None:  # noqa: A002
        super().__init__(name, help, *labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def inc(self, *values: str, by: float = 1.0) -> None:
        """Count ``by`` more under these label values, in the order of the labels."""
        key = self._key(values)
        with _lock:
            self._values[key] = self._values.get(key, 0.0) + by

    def values(self) -> dict[Labels, float]:
        """What was counted so far, by label values."""
        with _lock:
            return dict(self._values)

    def forget(self, label: str, value: str) -> None:
        """Drop what was counted under this value of a label."""
        if label in self.labels:
            at = self.labels.index(label)
            with _lock:
                self._values = {k: v for k, v in self._values.items() if k[at] != value}


class Histogram(Family):
    """How often a measured time fell into which bucket. Seconds."""

    kind = "histogram"

    def __init__(self, name: str, help: str, *labels: str, buckets: Sequence[float]) -> None:  # noqa: A002
        super().__init__(name, help, *labels)
        self.buckets = tuple(buckets)
        """Upper limits; above the last one everything falls into ``+Inf``."""
        self._values: dict[Labels, tuple[list[int], float]] = {}
        if not labels:
            self._values[()] = ([0] * (len(self.buckets) + 1), 0.0)

    def observe(self, seconds: float, *values: str) -> None:
        """Count one measured time under these label values."""
        key = self._key(values)
        at = bisect_left(self.buckets, seconds)
        with _lock:
            counts, total = self._values.get(key) or ([0] * (len(self.buckets) + 1), 0.0)
            counts[at] += 1
            self._values[key] = (counts, total + seconds)

    @contextmanager
    def time(self, *values: str) -> Iterator[None]:
        """Measure a block, whichever way it ends."""
        began = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - began, *values)

    def values(self) -> dict[Labels, tuple[list[int], float]]:
        """Counts by bucket (the last is ``+Inf``), not cumulated, and the sum; by label values."""
        with _lock:
            return {key: (list(counts), total) for key, (counts, total) in self._values.items()}


def forget_mailbox(name: str) -> None:
    """A mailbox is no longer configured: its series end."""
    for family in CATALOGUE.values():
        family.forget("mailbox", name)


# Configuration

CONFIG_RELOAD_OK = Gauge(
    "config_last_reload_successful", "Whether the last reload was accepted (1) or refused (0)."
)
CONFIG_RELOADED_AT = Gauge(
    "config_last_reload_success_timestamp_seconds", "When the configuration in force was read."
)

# Mailboxes

MAILBOXES = Gauge("mailboxes", "Mailboxes at work, by state.", "state")
MAILBOX_UP = Gauge(
    "mailbox_up", "Whether the mailbox is in step: idle, polling or backfill.", "mailbox"
)
MAILBOX_LAST_SYNC = Gauge(
    "mailbox_last_sync_timestamp_seconds",
    "When the mailbox was last brought up to date whole.",
    "mailbox",
)
MAILBOX_BACKLOG = Gauge(
    "mailbox_backlog_messages", "Copies still to be listed or fetched, about.", "mailbox"
)
MAILBOX_CONNECTIONS = Counter(
    "mailbox_connections_total",
    "Tries to connect and log in, by outcome: ok, or the class of the failure.",
    "mailbox",
    "outcome",
)
MAILBOX_DISCONNECTS = Counter(
    "mailbox_disconnects_total",
    "Connections that ended without our asking, by the code of the reason.",
    "mailbox",
    "reason",
)
MAILBOX_UIDVALIDITY = Counter(
    "mailbox_uidvalidity_changes_total", "Folders that the server renumbered.", "mailbox"
)

# The flow of mail

MESSAGES = Counter(
    "messages_total",
    "Copies listed, by what they came to: matched (text stored), unmatched, ignored (skipped), "
    "duplicate (of a message on record), failed.",
    "mailbox",
    "result",
)
ACTIVITIES = Counter(
    "activities_written_total", "New activities, by direction.", "mailbox", "direction"
)
MESSAGE_LATENCY = Histogram(
    "message_latency_seconds",
    "From a live message's arrival at the provider to its stored activity.",
    "driver",
    buckets=(0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600),
)
SYNC_DURATION = Histogram(
    "sync_duration_seconds",
    "One pass over all folders of a mailbox.",
    "driver",
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)

# Providers

PROVIDER_REQUESTS = Counter(
    "provider_requests_total",
    "What was asked of providers, by operation and code: ok, or the class of the failure.",
    "provider",
    "operation",
    "code",
)
PROVIDER_DURATION = Histogram(
    "provider_request_duration_seconds",
    "How long providers took to answer.",
    "provider",
    "operation",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120),
)
PROVIDER_THROTTLED = Counter(
    "provider_throttled_seconds_total", "Rest that providers asked for.", "provider"
)

OAUTH_REFRESHES = Counter(
    "oauth_refreshes_total",
    "Access tokens asked for anew, by outcome: ok, or doubted (the provider said no once).",
    "provider",
    "outcome",
)
OAUTH_TOKEN_EXPIRY = Gauge(
    "oauth_token_expiry_timestamp_seconds",
    "When the access token that was used last ends; it is replaced before that.",
    "mailbox",
)
OAUTH_GRANT_EXPIRY = Gauge(
    "oauth_grant_expiry_timestamp_seconds",
    "When the sign-in itself ends and a person has to sign in again; only where that is known.",
    "mailbox",
)

# Mail that goes out

OUTBOX_MESSAGES = Gauge("outbox_messages", "Messages that wait for something, by state.", "state")
OUTBOX_OLDEST = Gauge(
    "outbox_oldest_timestamp_seconds",
    "Since when the oldest message is due that was not sent yet; 0 when none is due.",
)
OUTBOX_DELIVERIES = Counter(
    "outbox_deliveries_total",
    "Tries to send, by outcome: sent, deferred, failed, or doubt (it may be out).",
    "mailbox",
    "outcome",
)
OUTBOX_DELIVERY_DURATION = Histogram(
    "outbox_delivery_duration_seconds",
    "One try to send over a connection that stands, to the server's answer or the lack of one.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)

# Database and runtime

DB_SIZE = Gauge("db_size_bytes", "Size of the database.")
DB_WAL_SIZE = Gauge("db_wal_size_bytes", "Size of the database's write-ahead log.")
DB_WRITE_DURATION = Histogram(
    "db_write_duration_seconds",
    "One transaction of the writer, fsync included; many writes share one.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
DB_WRITER_QUEUE = Gauge("db_writer_queue_depth", "Writes that wait for the writer.")
DB_BACKUP_AT = Gauge(
    "db_last_backup_timestamp_seconds", "When the last good backup was written; 0 for never."
)
PRUNED = Counter(
    "pruned_total",
    "What went with its age ([retention]): messages, activities, copies (their hashes), rows (of "
    "copies long removed), submissions, drafts, attachments (their content).",
    "kind",
)
LOOP_LAG = Histogram(
    "event_loop_lag_seconds",
    "How much later than asked the event loop woke a task, looked at every second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
WATCHDOG_WITHHELD = Counter(
    "watchdog_withheld_total",
    "Times the watchdog was not fed, by the component that gave no sign of life.",
    "component",
)
TASK_RESTARTS = Counter(
    "task_restarts_total", "Tasks that ended by a mistake of ours and were started again.", "task"
)
ERRORS = Counter(
    "errors_total",
    "Events about a failure, or at level error and above, whether written to the log or not.",
    "component",
    "error_type",
    "stage",
)
ACTION_REQUIRED = Gauge(
    "action_required", "1 for each thing that needs a person (eisd issues).", "mailbox", "code"
)
LOG_SUPPRESSED = Counter(
    "log_suppressed_total", "Log lines that were folded into a later one.", "event"
)
LOG_DROPPED = Counter(
    "log_dropped_total", "Log lines that were lost because the log was not being read."
)
WORKER_STRIKES = Counter(
    "worker_strikes_total",
    "Messages that a worker process could not read within its limits, by kind and reason.",
    "kind",
    "reason",
)
HTTP_REQUESTS = Counter("http_requests_total", "Requests to the API.", "route", "method", "code")
HTTP_DURATION = Histogram(
    "http_request_duration_seconds",
    "How long requests to the API took.",
    "route",
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 30, 300),
)
BUILD_INFO = Gauge("build_info", "Always 1; what runs here.", "version", "python", "sqlite")
