"""``eisd verify``: the servers' counts against ours."""

from __future__ import annotations

from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act
from eisd.cli.sync import outcome
from eisd.errors import ExitCode

TIMEOUT = 7_000.0


@click.command("verify", cls=Command, examples=["eisd verify", "eisd verify sales --json"])
@click.argument("mailbox", required=False)
@json_option
@click.pass_obj
def verify(context: Context, *, mailbox: str | None, as_json: bool) -> ExitCode:
    """Connect, and compare each folder's copies with the rows here; 1 on a difference.

    A mailbox the daemon works at is first brought up to date. Nothing is changed.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api.actions import verify_mailboxes  # noqa: PLC0415 - only without a daemon

        return {"mailboxes": await verify_mailboxes(core, mailbox)}

    done = act(context, "/verify", work, {"mailbox": mailbox}, timeout=TIMEOUT)
    results: list[dict[str, Any]] = done["mailboxes"]
    if as_json:
        output.print_json_lines(results)
    else:
        _show(results)
    return outcome(results)


def _show(results: list[dict[str, Any]]) -> None:
    rows = []
    for one in results:
        if one["error"]:
            rows.append([one["mailbox"], "-", None, None, one["error"]])
        rows += [
            [one["mailbox"], folder["folder"], folder["server"], folder["rows"], _note(folder)]
            for folder in one["folders"]
        ]
    output.table(["MAILBOX", "FOLDER", "SERVER", "HERE", "RESULT"], rows, right=("SERVER", "HERE"))


def _note(folder: dict[str, Any]) -> str:
    if folder["ok"]:
        return "same"
    parts = [folder["problem"]] if folder["problem"] else []
    if folder["missing_count"]:
        some = ", ".join(folder["missing"][:5])
        parts.append(f"{folder['missing_count']} without a row ({some})")
    if folder["surplus"]:
        parts.append(f"{folder['surplus']} rows without a copy")
    return "; ".join(parts)
