"""``eisd status`` and ``eisd issues``."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click

from eisd import __version__
from eisd.cli import output, status_mailbox
from eisd.cli.base import Command
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import read_database
from eisd.errors import EisdError, ExitCode, UserError

WATCH_SECONDS = 2.0
COLOURS = {
    "problematic": "red",
    "backing_off": "yellow",
    "throttled": "yellow",
    "paused": "yellow",
    "idle": "green",
    "polling": "green",
}
_CLEAR = "\x1b[H\x1b[2J"


@click.command(
    "status",
    cls=Command,
    examples=["eisd status", "eisd status sales", "eisd status --watch", "eisd status --json"],
)
@click.argument("mailbox", required=False)
@click.option("--watch", is_flag=True, help="Until Ctrl-C: live on a terminal, else what changes.")
@json_option
@click.pass_obj
def status(context: Context, *, mailbox: str | None, watch: bool, as_json: bool) -> ExitCode:
    """Show the daemon and its mailboxes, or one mailbox in depth.

    0: all is well. 1: something needs a person. 69: no daemon, and what the database says.
    """
    if watch:
        _watch(context, mailbox, as_json=as_json)
    told = _status(context, mailbox)
    _print(context, told, mailbox, as_json=as_json)
    return _code(told)


def _watch(context: Context, mailbox: str | None, *, as_json: bool) -> NoReturn:
    """Show again and again: the whole on a terminal, a line for each change elsewhere."""
    live = sys.stdout.isatty() and not as_json
    before: dict[str, str] = {}
    told: dict[str, Any] | None = None
    while True:
        told = _status(context, mailbox, told)
        if live:
            sys.stdout.write(_CLEAR)
            _print(context, told, mailbox, as_json=False)
        elif as_json:
            output.print_json_lines([told])
        else:
            before = _changes(told, before)
        sys.stdout.flush()
        time.sleep(WATCH_SECONDS)


def _changes(told: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """Print a line for each mailbox whose state is another, and for the daemon."""
    now = {one["name"]: f"{one['name']}  {one['state']}  {note(one)}" for one in told["mailboxes"]}
    now[""] = "eisd  running" if told["daemon"]["running"] else "eisd  not running"
    states = {one["name"]: f"{one['state']} {one['reason']}" for one in told["mailboxes"]}
    states[""] = now[""]
    for name, state in states.items():
        if before.get(name) != state:
            output.line(output.safe(f"{output.rfc3339(datetime.now(UTC))}  {now[name]}".rstrip()))
    return states


def _print(
    context: Context, told: Mapping[str, Any], mailbox: str | None, *, as_json: bool
) -> None:
    deep = None if mailbox is None else status_mailbox.ask(context, mailbox)
    if as_json:
        output.print_json(told if deep is None else {**told, "mailboxes": [deep]})
    elif deep is None:
        _show(told)
    else:
        status_mailbox.show(deep, [one for one in told["issues"] if one["mailbox"]])


def _status(
    context: Context, mailbox: str | None, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What there is to show; ``before`` is what was shown last, so that nothing is said twice."""
    told = _ask(context, quiet=before is not None and not before["daemon"]["running"])
    if mailbox is not None:
        known = [one["name"] for one in told["mailboxes"]]
        if mailbox not in known:
            raise UserError(
                f"no mailbox is called {mailbox!r}",
                hint=f"known: {', '.join(known) or 'none'}",
                code=ExitCode.UNKNOWN,
            )
        told["mailboxes"] = [one for one in told["mailboxes"] if one["name"] == mailbox]
        told["issues"] = [one for one in told["issues"] if one["mailbox"] in ("", mailbox)]
    return told


def _ask(context: Context, *, quiet: bool = False) -> dict[str, Any]:
    """What the daemon says, else what the database says."""
    try:
        told: dict[str, Any] = context.client().get("/status")
    except Unavailable as error:
        if not error.absent:
            raise
        if not quiet:
            output.say(f"eisd: {error}; this is what the database says")
        from eisd.api.overview import status_offline  # noqa: PLC0415 - only without a daemon

        settings = context.loaded.settings
        try:
            return read_database(
                context, lambda db: status_offline(db, settings, start=context.start)
            )
        except (EisdError, OSError) as unread:
            raise UserError(
                f"the database cannot be read: {unread}", code=ExitCode.UNAVAILABLE
            ) from unread
    return told


def _code(told: Mapping[str, Any]) -> ExitCode:
    if not told["daemon"]["running"]:
        return ExitCode.UNAVAILABLE
    return ExitCode.NO if told["issues"] else ExitCode.OK


def _show(told: Mapping[str, Any]) -> None:
    output.line(_headline(told))
    if told["mailboxes"]:
        _table(told["mailboxes"])
    else:
        output.line("no mailbox yet; add one with: eisd mailbox add you@example.org")
    if told["issues"]:
        count = len(told["issues"])
        output.line(f"{count} {'issue needs' if count == 1 else 'issues need'} you:")
        show_issues(told["issues"])


def _headline(told: Mapping[str, Any]) -> str:
    daemon, files = told["daemon"], told["database"]
    sizes = f"db {output.size(files['bytes'])}, wal {output.size(files['wal_bytes'])}"
    if not daemon["running"]:
        return f"eisd {__version__}  not running  {sizes}"
    config = "ok" if daemon["config_ok"] else "REFUSED, the one before is in force"
    return (
        f"eisd {daemon['version']}  up {output.duration(daemon['up_s'])}  config {config} "
        f"(loaded {output.ago(daemon['config_loaded_at'])})  {sizes}"
    )


def _table(mailboxes: Sequence[Mapping[str, Any]]) -> None:
    output.table(
        ["MAILBOX", "DRIVER", "STATE", "LAST SYNC", "BACKLOG", "24H IN/OUT", "LAG p95", "NOTE"],
        [
            [
                one["name"],
                one["driver"],
                one["state"],
                output.ago(one["last_sync_at"]),
                one["backlog"],
                f"{one['in_24h']}/{one['out_24h']}",
                None if one["lag_p95_s"] is None else output.duration(one["lag_p95_s"]),
                note(one),
            ]
            for one in mailboxes
        ],
        right=("BACKLOG", "24H IN/OUT", "LAG p95"),
        colour=COLOURS,
    )


def note(one: Mapping[str, Any]) -> str:
    """The last column: why a mailbox is as it is, and mail that cannot be read."""
    parts = [one["detail"]] if one["detail"] else []
    if one["failing"]:
        parts.append(f"{one['failing']} to be tried again")
    if one["unreadable"]:
        parts.append(f"{one['unreadable']} cannot be read")
    return "; ".join(parts)


def show_issues(found: Sequence[Mapping[str, Any]]) -> None:
    """Each issue with the command that helps."""
    output.table(
        ["MAILBOX", "ISSUE", "WHAT", "HELPS"],
        [[one["mailbox"] or "-", one["code"], one["text"], one["fix"]] for one in found],
    )


@click.command("issues", cls=Command, examples=["eisd issues", "eisd issues --json"])
@json_option
@click.pass_obj
def issues(context: Context, *, as_json: bool) -> ExitCode:
    """List what needs a person, each with the command that helps; 1 when there is anything."""
    told = _ask(context)
    found = list(told["issues"])
    if as_json:
        output.print_json_lines(found)
    elif found:
        for one in found:
            where = f"{one['mailbox']}: " if one["mailbox"] else ""
            output.line(output.safe(f"{where}{one['text']}"))
            output.line(output.safe(f"    {one['fix']}"))
    else:
        output.say("nothing needs you")
    return ExitCode.NO if found else ExitCode.OK
