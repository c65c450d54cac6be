"""What needs a person, each with the command that mends it.

One list for `eisd issues`, the status, the metric `eisd_action_required` and the events
`issue.opened` and `issue.closed`. Codes are a contract: scripts and alerts go by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from eisd.api.core import Core
from eisd.config.mailbox import MailboxSettings
from eisd.config.schema import Settings, effective

Answer = dict[str, Any]

AT_REST: Final = frozenset({"paused", "disconnected"})
CODES: Final = {
    "mailbox_auth": "the server refused the credentials",
    "mailbox_config": "the mailbox cannot be used as it is configured",
    "mailbox_permission": "the login may not open the mailbox",
    "mailbox_quota": "its owner's plan does not cover the mailbox, which is paused",
    "mailbox_server": "the server is not one that eisd can use",
    "mailbox_tls": "the certificate does not hold, or there is none",
    "mailbox_stale": "no full sync for longer than `health.stale_after`",
    "mailbox_unreadable": "messages that could not be read after five tries",
    "outbox_doubt": "a message may have been sent, and only a person can tell",
    "outbox_stalled": "a mailbox cannot send until a person mends something",
    "oauth_app": "a provider refuses an application of `[oauth]`, and so all of its mailboxes",
    "sign_in_ends": "a sign-in ends within two days, whatever happens",
    "config_refused": "the last reload was refused; the configuration before it is in force",
    "config_drift": "the configuration's files are newer than what is in force",
    "database_unwritable": "the database cannot be written: a full disk, or not for us to write",
    "contacts_refused": "the watched file of contacts has an error",
    "daemon_down": "the daemon is not running",
    "daemon_stale": "a part of the daemon gives no sign of life",
}
"""Every code with what it means; the reference and the troubleshooting page go by it."""


def issue(code: str, text: str, fix: str, *, mailbox: str = "") -> Answer:
    """One thing that needs a person."""
    return {"code": code, "mailbox": mailbox, "text": text, "fix": fix}


def of_daemon(core: Core, *, drifted: bool) -> list[Answer]:
    """What of the daemon itself needs a person."""
    condition = core.condition
    found: list[Answer] = []
    if why := next((one.unstored for one in core.mailboxes.values() if one.unstored), ""):
        fix = "make room on its disk (eisd doctor); eisd goes on by itself"
        found.append(issue("database_unwritable", why, fix))
    if condition.stale:
        text = f"no sign of life from {', '.join(condition.stale)}"
        found.append(issue("daemon_stale", text, "systemctl restart eisd"))
    if condition.refused:
        text = "the last reload was refused; the configuration before it is in force"
        found.append(issue("config_refused", text, "eisd config check && eisd reload"))
    elif drifted:
        text = "the configuration's files are newer than what is in force"
        found.append(issue("config_drift", text, "eisd reload"))
    if condition.source_refused:
        text = condition.source_refused.partition("\n")[0]
        found.append(
            issue("contacts_refused", text, "mend the file; it is read again when it changes")
        )
    return found


def down(start: str) -> Answer:
    """That nobody answers, and the command that starts the daemon."""
    return issue("daemon_down", "the daemon is not running", start)


def of_mailboxes(
    listed: Sequence[Answer], settings: Settings, *, up_s: float | None
) -> list[Answer]:
    """What of the mailboxes needs a person, each with the command that helps.

    Args:
        listed: the mailboxes as `eisd.api.answers.mailbox_list` tells them.
        settings: the configuration in force.
        up_s: how long the daemon runs; None when none does, and then no mailbox is stale.
    """
    found: list[Answer] = []
    for one in listed:
        box = settings.mailboxes.get(one["name"])
        if box is None or not box.enabled or not one["configured"]:
            continue
        found += filter(
            None, (_problem(one, box), _stale(one, settings, up_s=up_s), _unreadable(one))
        )
    return sorted(found, key=lambda issue: str(issue["mailbox"]))


def _problem(one: Answer, box: MailboxSettings) -> Answer | None:
    if one["reason"] == "quota":
        name = one["name"]
        fix = f"another plan for {box.owner} and eisd reload, or: eisd mailbox remove {name}"
        return issue("mailbox_quota", one["detail"], fix, mailbox=name)
    if one["state"] != "problematic":
        return None
    name, reason = one["name"], one["reason"] or "server"
    fix = _sign_in(name, box) if reason == "auth" else f"eisd mailbox test {name}"
    return issue(f"mailbox_{reason}", one["detail"], fix, mailbox=name)


def _sign_in(name: str, box: MailboxSettings) -> str:
    """What mends refused credentials: it depends on what they are, and where they lie."""
    if box.oauth_app is not None:
        return f"eisd auth login {name}"
    ref = box.secret(box.driver)
    if ref is None or ref.file is None:
        return f"eisd mailbox test {name}"
    return f"put the right password into {ref.file}, then: eisd mailbox reconnect {name}"


def _stale(one: Answer, settings: Settings, *, up_s: float | None) -> Answer | None:
    if up_s is None or one["last_sync_at"] is None or one["state"] in {*AT_REST, "problematic"}:
        return None
    name = one["name"]
    limit = max(settings.health.stale_after, 2 * effective(settings, name).interval)
    age = (datetime.now(UTC) - datetime.fromisoformat(one["last_sync_at"])).total_seconds()
    if min(age, up_s) <= limit or one["state"] == "backfill":
        return None
    text = f"no sync since {one['last_sync_at']} ({one['detail'] or one['state']})"
    return issue("mailbox_stale", text, f"eisd mailbox test {name}", mailbox=name)


def _unreadable(one: Answer) -> Answer | None:
    count = one["unreadable_open"]
    if not count:
        return None
    what = "1 message" if count == 1 else f"{count} messages"
    text = f"{what} could not be read and {'is' if count == 1 else 'are'} on record without text"
    fix = f"eisd mailbox retry {one['name']}"
    return issue("mailbox_unreadable", text, fix, mailbox=one["name"])
