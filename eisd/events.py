"""The catalogue of events: everything eisd may say in its log, each declared once.

``event`` names are a contract: ``<area>.<object>_<past participle>``, ASCII, never renamed within
a major version. The sentence is English for people and may change. Nothing here emits: that is
`eisd.logs.emit`, which takes declared fields only.

Levels: debug, steps of a protocol; info, changes of state and results; warning, will be tried
again by itself; error, work was given up or a person is needed; critical, the daemon cannot go
on. An hour without mail logs one heartbeat.

Fields: units stand in the names. Three groups are common property and need no declaration: what
a task binds (`BOUND`), what an error brings (`ERROR`), and ``suppressed``, the number of lines
like this one that were folded into it.
"""

from __future__ import annotations

from eisd import metrics
from eisd.event_sending import *  # noqa: F403 - one catalogue, in two files
from eisd.event_spec import BOUND, CATALOGUE, ERROR, EventSpec, Level
from eisd.event_spec import declare as _event

__all__ = ["BOUND", "CATALOGUE", "ERROR", "EventSpec", "Level"]

_D, _I, _W, _E, _C = Level

# The daemon

DAEMON_STARTED = _event(
    "daemon.started", _I, "eisd {version} starts with {config}",
    "version", "config", "pid",
    help="The process has read its configuration and begins.",
)  # fmt: skip
DAEMON_READY = _event(
    "daemon.ready", _I, "ready with {mailboxes} mailboxes after {start_ms} ms",
    "version", "mailboxes", "start_ms", "listen",
    help="Configuration, database and sockets are up; mailboxes connect from here on.",
)  # fmt: skip
DAEMON_STOPPING = _event(
    "daemon.stopping", _I, "stopping: {reason}",
    "reason",
    help="A signal or a failure ends the daemon; work in flight is finished or left for later.",
)  # fmt: skip
DAEMON_STOPPED = _event(
    "daemon.stopped", _I, "stopped after {up_s} s",
    "up_s",
    help="The last line of a daemon that ended in order.",
)  # fmt: skip
DAEMON_HEARTBEAT = _event(
    "daemon.heartbeat", _I, "up {up_s} s, {activities} activities, {rss_mb} MB",
    "up_s", "rss_mb", "mailboxes", "healthy", "activities", "errors", "suppressed_total",
    "dropped_total",
    help="Once an hour, so that silence means trouble.",
)  # fmt: skip
WATCHDOG_WITHHELD = _event(
    "watchdog.withheld", _C, "no sign of life from {stale}; systemd will restart the daemon",
    "stale",
    help="A vital component has stopped moving, so the watchdog is not fed.",
    folded=True,
    counts=(metrics.WATCHDOG_WITHHELD, ("stale",)),
)  # fmt: skip
TASK_CRASHED = _event(
    "task.crashed", _E, "task {task} failed unexpectedly and restarts in {restart_in_s} s",
    "restart_in_s",
    help="An error nobody foresaw ended a task; it is started again. Please report it.",
    error=True,
    counts=(metrics.TASK_RESTARTS, ("task",)),
)  # fmt: skip
DRIVER_REFUSED = _event(
    "driver.refused", _E, "driver {driver} cannot be used: {problem}",
    "driver", "problem",
    help="An installed driver fails to load or speaks another version of the interface.",
)  # fmt: skip
METRICS_UNSERVED = _event(
    "metrics.unserved", _W, "metrics are not served: {reason}",
    "reason",
    help="The default of metrics.listen is taken, perhaps by another eisd; name another one.",
)  # fmt: skip

# Configuration and issues

CONFIG_RELOADED = _event(
    "config.reloaded", _I, "configuration reloaded: {changed}",
    "changed",
    help="A reload was accepted; `changed` names what differs.",
)  # fmt: skip
CONFIG_RELOAD_REJECTED = _event(
    "config.reload_rejected", _E, "configuration refused; the previous one stays in force",
    "errors",
    help="A reload was refused whole. `eisd config check` shows the errors with their places.",
)  # fmt: skip
ISSUE_OPENED = _event(
    "issue.opened", _W, "needs a person: {fix}",
    "issue", "fix",
    help="Something only a person can mend; `eisd issues` lists them.",
)  # fmt: skip
ISSUE_CLOSED = _event(
    "issue.closed", _I, "no longer needs a person: {issue}",
    "issue",
    help="An issue is gone.",
)  # fmt: skip

# Mailboxes and their connections

MAILBOX_STATE_CHANGED = _event(
    "mailbox.state_changed", _I, "{from} -> {to}",
    "from", "to", "reason", "detail", "fix", "retry_in_s",
    help="The mailbox entered another state; the states are those of `eisd status`. Each further "
    "try while a trouble lasts is at level debug.",
)  # fmt: skip
MAILBOX_FORGOTTEN = _event(
    "mailbox.forgotten", _I, "mailbox and {copies} copies erased",
    "copies", "activities",
    help="A person asked to erase what is known of a mailbox.",
)  # fmt: skip
IMAP_CONNECTED = _event(
    "imap.connected", _I, "connected to {host}",
    "host", "port", "tls", "caps", "duration_ms",
    help="Connected, secured and logged in.",
)  # fmt: skip
IMAP_DISCONNECTED = _event(
    "imap.disconnected", _W, "connection lost ({reason}); again in {retry_in_s} s",
    "host", "reason", "idle_s", "attempt", "retry_in_s",
    help="A connection ended without our asking, or could not be made; it is tried again by "
    "itself. Written of the first try, the second, the fourth, and so on; of the others at debug.",
    folded=True, error=True,
)  # fmt: skip
SESSION_KEPT = _event(
    "session.kept", _W, "no new session before the token ends ({reason}); again in {retry_in_s} s",
    "reason", "retry_in_s",
    help="The provider closes a session when its token ends; the old one is used until then.",
    folded=True, error=True,
)  # fmt: skip
IMAP_UIDVALIDITY_CHANGED = _event(
    "imap.uidvalidity_changed", _W, "the server renumbered the folder; it is listed again",
    "old", "new",
    help="All remote ids of a folder became void (RFC 9051 2.3.1.1). Nothing is recorded twice.",
    counts=(metrics.MAILBOX_UIDVALIDITY, ("mailbox",)),
)  # fmt: skip
PROVIDER_THROTTLED = _event(
    "provider.throttled", _W, "the provider asks for {retry_after_s} s of rest",
    "retry_after_s", "scope",
    help="A rate limit or a connection limit was met; eisd waits as long as it was told.",
    folded=True, error=True,
)  # fmt: skip
AUTH_REFUSED = _event(
    "auth.refused", _E, "the server refused the credentials; {fix}",
    "provider", "fix",
    help="The remote said no to the credentials. The mailbox waits for a person.",
    folded=True, error=True,
)  # fmt: skip
AUTH_REFRESHED = _event(
    "auth.refreshed", _D, "access token refreshed",
    "provider", "expires_in_s",
    help="A new access token was obtained.",
    counts=(metrics.OAUTH_REFRESHES, ("provider", "=ok")),
)  # fmt: skip
AUTH_DOUBTED = _event(
    "auth.doubted", _W, "{provider} says the sign-in has ended; asked again in {retry_in_s} s",
    "provider", "retry_in_s",
    help="A first `invalid_grant` is checked once more before it is believed: providers err, too.",
    folded=True, error=True,
    counts=(metrics.OAUTH_REFRESHES, ("provider", "=doubted")),
)  # fmt: skip
AUTH_APP_REFUSED = _event(
    "auth.app_refused", _E, "{provider} refuses the application [oauth.{app}]: {reason}",
    "provider", "app", "reason", "fix",
    help="The registration is at fault, so that no mailbox of this application can go on.",
    folded=True,
)  # fmt: skip
AUTH_GRANTED = _event(
    "auth.granted", _I, "somebody signed in to {provider} for the mailbox",
    "provider", "app", "kind",
    help="A person's sign-in, or the application's own right, is stored for a mailbox.",
)  # fmt: skip
AUTH_FORGOTTEN = _event(
    "auth.forgotten", _I, "the sign-in is forgotten (revoked: {revoked})",
    "provider", "revoked",
    help="`eisd auth logout`: the tokens are erased, and revoked where the provider can.",
)  # fmt: skip
CLOCK_SKEWED = _event(
    "clock.skewed", _W, "this machine's clock is {skew_s} s ahead of {provider}'s",
    "provider", "skew_s",
    help="Set the clock: a wrong one makes tokens look alive or dead. Negative: it is behind.",
    folded=True,
)  # fmt: skip

# Folders and syncing

FOLDER_DISCOVERED = _event(
    "folder.discovered", _I, "new folder {folder} ({role})",
    "role", "synced",
    help="The mailbox has a folder that was not known; `synced` says whether it is read.",
)  # fmt: skip
FOLDER_VANISHED = _event(
    "folder.vanished", _W, "folder {folder} is no longer there",
    "copies",
    help="A folder was deleted or can no longer be opened.",
    folded=True,
)  # fmt: skip
FOLDER_RESET = _event(
    "folder.reset", _W, "folder {folder} is listed again: {reason}",
    "reason",
    help="The position in a folder became void, or a person asked for a resync.",
)  # fmt: skip
FOLDER_FAILED = _event(
    "folder.failed", _W, "folder {folder} cannot be read: {reason}",
    "reason", "retry_in_s",
    help="One folder fails while the mailbox works; it is tried again by itself.",
    folded=True, error=True,
)  # fmt: skip
SYNC_COMPLETED = _event(
    "sync.completed", _D, "{n} copies in {duration_ms} ms",
    "n", "matched", "duration_ms",
    help="One pass over a folder; at level info when it brought anything.",
)  # fmt: skip
SYNC_FAILED = _event(
    "sync.failed", _W, "pass ended early: {reason}",
    "reason", "retry_in_s",
    help="A pass over a mailbox ended with an error and is tried again.",
    folded=True, error=True,
)  # fmt: skip
BACKFILL_PROGRESSED = _event(
    "backfill.progressed", _I, "{done} of about {total} listed",
    "done", "total", "rate_per_s",
    help="Every 30 seconds while the past is listed, in place of a line per message.",
)  # fmt: skip
BACKFILL_COMPLETED = _event(
    "backfill.completed", _I, "the past is listed: {done} copies",
    "done", "duration_ms",
    help="A mailbox's past is recorded down to its window.",
)  # fmt: skip

# Messages

MESSAGE_INGESTED = _event(
    "message.ingested", _I, "message recorded",
    "size", "lag_ms", "outcome",
    help="A matched message was fetched, parsed and stored; at level debug during backfill.",
)  # fmt: skip
MESSAGE_DROPPED = _event(
    "message.dropped", _W, "copy skipped: {reason}",
    "reason", "intentional",
    help="A copy was given up for good, with its reason in `message_outcomes`.",
    error=True,
)  # fmt: skip
MATCH_ACTIVITY_CREATED = _event(
    "match.activity_created", _I, "linked to contact {contact_id}",
    "contact_id", "activity_id", "rule", "direction", "workspace",
    help="A message became an activity of a contact.",
)  # fmt: skip
ACTIVITY_DISCLOSED = _event(
    "activity.disclosed", _I, "activity {activity_id} is {setting}, says {owner}",
    "activity_id", "owner", "setting",
    help="An owner said what others may see of one message: private, shared or default.",
)  # fmt: skip
MATCH_CONTACT_CREATED = _event(
    "match.contact_created", _I, "contact made: {contact_id}",
    "contact_id", "workspace",
    help="A message made a contact of somebody unknown (`create.policy`).",
)  # fmt: skip
MATCH_MESSAGE_FAILED = _event(
    "match.message_failed", _E, "cannot be read; set aside after {attempt} attempts",
    "attempt", "quarantined",
    help="A message could not be fetched or parsed and is recorded as an error.",
    error=True,
)  # fmt: skip
MATCH_BACKFILL_COMPLETED = _event(
    "match.backfill_completed", _I, "{activities} activities from mail seen earlier",
    "contacts", "activities", "examined", "duration_ms",
    help="New contacts or addresses were given their history from kept hashes.",
)  # fmt: skip
MATCH_REPLAYED = _event(
    "match.replayed", _I, "what is stored was decided again: {activities} new activities",
    "activities", "pending", "duration_ms",
    help="`eisd replay` is done; `pending` copies are still to be fetched.",
)  # fmt: skip
WORKER_KILLED = _event(
    "worker.killed", _W, "a {kind} could not be read within its limits: {reason}",
    "kind", "reason", "duration_ms", "size",
    help="A message or a header broke, or outlived, the process that read it (reason: cpu, wall, "
    "death, answer or memory). The message keeps what the bounded scanner reads of it.",
    folded=True,
    counts=(metrics.WORKER_STRIKES, ("kind", "reason")),
)  # fmt: skip
CONTACTS_IMPORTED = _event(
    "contacts.imported", _I, "{added} added, {updated} updated, {ended} addresses ended",
    "source", "workspace", "added", "updated", "ended", "removed", "skipped", "duration_ms",
    help="Contacts were imported by command, by API or from the watched file.",
)  # fmt: skip
CONTACT_CHANGED = _event(
    "contact.changed", _I, "contact {what}",
    "what", "contact_id",
    help="One contact was added, changed, removed, restored, merged or purged (without its id).",
)  # fmt: skip
CONTACTS_REFUSED = _event(
    "contacts.refused", _E, "contacts of {source} refused: {reason}",
    "source", "reason",
    help="The watched file of contacts has an error; nothing of it was imported.",
    folded=True,
)  # fmt: skip

# Database and API

DB_MIGRATED = _event(
    "db.migrated", _I, "database schema brought to {version}",
    "version", "duration_ms",
    help="Migrations were applied.",
)  # fmt: skip
DB_WRITE_SLOW = _event(
    "db.write_slow", _W, "a transaction took {duration_ms} ms",
    "duration_ms", "queue_depth",
    help="The disk is slow, or something holds the database's lock.",
    folded=True,
)  # fmt: skip
DB_WRITE_FAILED = _event(
    "db.write_failed", _E, "cannot write the database: {reason}",
    "reason", "retry_in_s",
    help="Disk full, or an I/O error. Nothing is acknowledged until writing works again.",
    folded=True, error=True,
)  # fmt: skip
DB_READ_FAILED = _event(
    "db.read_failed", _W, "cannot read the database: {reason}",
    "reason",
    help="A reading connection failed; it is tried again by itself.",
    folded=True, error=True,
)  # fmt: skip
DB_BACKUP_DONE = _event(
    "db.backup_done", _I, "backup written to {path}",
    "path", "bytes", "duration_ms",
    help="A verified copy of the database was made.",
)  # fmt: skip
DB_PRUNED = _event(
    "db.history_pruned", _I, "what was too old has gone: {activities} activities",
    "messages", "activities", "copies", "rows", "submissions", "drafts", "attachments",
    "duration_ms",
    help="`[retention]` was applied: `copies` lost their hashes, `rows` of copies that the server "
    "removed long ago were deleted, `attachments` their content. At level debug when nothing was "
    "too old.",
)  # fmt: skip
API_REQUEST_FAILED = _event(
    "api.request_failed", _E, "{method} {route} failed",
    "method", "route", "status", "duration_ms",
    help="A request ended in an error of ours (5xx).",
    error=True,
)  # fmt: skip

# The log itself, and libraries

LOG_LINES_DROPPED = _event(
    "log.lines_dropped", _W, "{n} log lines were dropped: the log was not being read",
    "n",
    help="The sink of the log was blocked or full; the daemon went on without it.",
)  # fmt: skip
LIBRARY_WARNED = _event(
    "library.warned", _W, "{text}",
    "logger", "text",
    help="A library's own log line at warning or above.",
    folded=True, error=True,
)  # fmt: skip
