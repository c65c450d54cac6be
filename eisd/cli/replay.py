"""``eisd replay``: today's policy over what is stored."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import MOMENT, json_option
from eisd.cli.reach import act
from eisd.errors import ExitCode, UserError

SECONDS = 900.0


@click.command(
    "replay",
    cls=Command,
    examples=["eisd replay --dry-run", "eisd replay --since 3m --mailbox sales --yes"],
)
@click.option("--since", type=MOMENT, help="Only mail received since then. [default: all of it]")
@click.option("--mailbox", metavar="NAME", help="Only mail with a copy in this mailbox.")
@click.option("--dry-run", is_flag=True, help="Show the difference and end.")
@click.option("--yes", is_flag=True, help="Do not ask before it is applied.")
@json_option
@click.pass_obj
def replay(
    context: Context,
    *,
    since: datetime | None,
    mailbox: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Decide what is stored again, by today's policy and contacts, after showing the difference.

    What is on record stays, even if it would not be recorded today. Mail that turns out to concern
    a contact is fetched. No server is scanned again: `eisd mailbox resync` does that.
    """
    asked = {
        "since_ms": None if since is None else int(since.timestamp() * 1000),
        "mailbox": mailbox,
    }
    told = _ask(context, asked, dry_run=True)
    if not as_json:
        _show(told)
    if dry_run or not told["differs"]:
        if as_json:
            output.print_json(told)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("nothing was changed", hint="say --yes", code=ExitCode.USAGE)
        click.confirm("Apply this?", abort=True, err=True)
    done = _ask(context, asked, dry_run=False)
    if as_json:
        output.print_json({**told, "applied": done})
        return
    output.line(f"applied: {done['new_activities']} new activities, {done['to_fetch']} to fetch")
    if done["looking"]:
        output.say("the rest is still being worked off, in the background")


def _ask(context: Context, asked: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    async def work(core: Any) -> dict[str, Any]:
        from eisd.api.replaying import replay as run  # noqa: PLC0415 - only without a daemon

        return await run(core, **asked, dry_run=dry_run)

    told: dict[str, Any] = act(
        context, "/replay", work, {**asked, "dry_run": dry_run}, timeout=SECONDS
    )
    return told


def _show(told: dict[str, Any]) -> None:
    output.line(f"{told['copies']} copies decided again")
    if not told["differs"]:
        output.line("nothing would change")
    if told["changes"]:
        output.table(
            ["COPIES", "ON RECORD", "TODAY"],
            [[one["copies"], one["before"], one["after"]] for one in told["changes"]],
            right=("COPIES",),
        )
    if told["new_activities"]:
        output.line(f"{told['new_activities']} new activities of messages on record")
    for one in told["kept"]:
        output.line(f"{one['copies']} copies are matched and stay, today: {one['today']}")
    if told["kept_activities"]:
        count = told["kept_activities"]
        output.line(f"{count} activities on record would not be made today; they stay")
    for one in told["samples"]:
        place = f"{one['mailbox']}/{one['folder']} {one['remote_id']}  {one['received_at'][:10]}"
        change = f"{one['before']} -> {one['after']}"
        output.line(output.safe(f"  {place}  {change}  {one['subject'] or ''}".rstrip()))
