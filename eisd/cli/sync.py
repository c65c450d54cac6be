"""``eisd sync now``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import click

from eisd.cli import output, progress
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import SECONDS, json_option
from eisd.errors import ExitCode


@click.group(cls=Group, examples=["eisd sync now", "eisd sync now sales --wait"])
def sync() -> None:
    """Bring mailboxes up to date."""


@sync.command("now", examples=["eisd sync now --wait", "eisd sync now sales --wait --timeout 2m"])
@click.argument("mailbox", required=False)
@click.option("--all", "everything", is_flag=True, help="Every mailbox (also without a name).")
@click.option("--wait", is_flag=True, help="Return when each is caught up, text included.")
@click.option(
    "--timeout", type=SECONDS, default="10m", show_default=True, help="How long to wait at most."
)
@json_option
@click.pass_obj
def now(
    context: Context,
    *,
    mailbox: str | None,
    everything: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> ExitCode:
    """Let the daemon look at a mailbox now, or at all of them.

    With --wait: 75 when it takes too long, and a mailbox's own code when it fails.
    """
    if mailbox and everything:
        raise click.UsageError("a mailbox or --all, not both")
    body = {"mailboxes": [mailbox] if mailbox else None, "wait": wait, "timeout_s": timeout}
    client = context.client(timeout=timeout + 30)
    look = progress.of_mailboxes(lambda: context.client().get("/mailboxes")["mailboxes"], mailbox)
    with progress.shown(look) if wait else nullcontext():
        done = client.post("/sync", body)
    results: list[dict[str, Any]] = done["mailboxes"]
    if as_json:
        output.print_json_lines(results)
    else:
        for one in results:
            output.line(output.safe(f"{one['mailbox']}: {_told(one, wait=wait)}"))
    return outcome(results)


def _told(one: dict[str, Any], *, wait: bool) -> str:
    if one["error"]:
        return str(one["error"])
    if not wait:
        return "looking"
    count = one.get("activities", 0)
    return f"caught up, {count} new {'activity' if count == 1 else 'activities'}"


def outcome(results: Sequence[dict[str, Any]]) -> ExitCode:
    """The exit code for several mailboxes: that of those that failed if they agree, else 1."""
    codes = {ExitCode(one["exit_code"]) for one in results} - {ExitCode.OK}
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.NO
