"""After ``eisd mailbox add``: wait until the mailbox works, and show the first thing it brought."""

from __future__ import annotations

import time
from typing import Any

from eisd.cli import output
from eisd.cli.context import Context
from eisd.cli.reach import path
from eisd.errors import ExitCode

LOOK = 0.5
"""Seconds between two looks."""
_DONE = frozenset({"idle", "polling"})


def first_activity(context: Context, name: str, seconds: float) -> ExitCode:
    """Show the mailbox's first activity, or say what there is instead.

    77 and 78 where the daemon cannot use the mailbox after all; else 0, for it goes on by itself.
    """
    client = context.client()
    ends = time.monotonic() + seconds
    while True:
        found = client.get("/activities", mailbox=name, limit=1)["activities"]
        if found:
            _show(found[0])
            return ExitCode.OK
        one = client.get(path("mailboxes", name))
        if one["state"] == "problematic":
            output.say(output.safe(f"{name} needs you: {one['detail']}"))
            return ExitCode.AUTH if one["reason"] == "auth" else ExitCode.CONFIG
        if one["state"] in _DONE and not one["backlog"]:
            _tell_nothing(name, one)
            return ExitCode.OK
        if time.monotonic() > ends:
            output.say(f"{name} is working ({one['state']}); see: eisd status {name}")
            return ExitCode.OK
        time.sleep(LOOK)


def _show(activity: dict[str, Any]) -> None:
    output.say("the first activity:")
    when = activity["occurred_at"][:16].replace("T", " ")
    who = activity["contact_name"] or activity["contact_id"]
    subject = activity["subject"] or "(no subject)"
    output.say(output.safe(f"  {when}  {activity['direction']}  {who}: {subject}"))


def _tell_nothing(name: str, one: dict[str, Any]) -> None:
    listed = sum(folder["copies"] for folder in one["folders"])
    output.say(f"{name} is up to date: {listed} messages looked at, none of them with a contact")
    output.say("tell eisd whom you know: eisd contacts import people.csv")
