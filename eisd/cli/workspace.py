"""``eisd workspace list``."""

from __future__ import annotations

from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import read


@click.group(cls=Group, examples=["eisd workspace list"])
def workspace() -> None:
    """Sets of contacts, and which mailboxes feed them."""


@workspace.command("list", examples=["eisd workspace list", "eisd workspace list --json"])
@json_option
@click.pass_obj
def list_(context: Context, *, as_json: bool) -> None:
    """List workspaces with what they hold."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import workspace_list  # noqa: PLC0415 - only without a daemon

        return {"workspaces": workspace_list(db)}

    found = read(context, "/workspaces", answer)["workspaces"]
    if as_json:
        output.print_json_lines(found)
        return
    output.table(
        ["WORKSPACE", "CONTACTS", "ACTIVITIES", "MAILBOXES"],
        [
            [one["name"], one["contacts"], one["activities"], ", ".join(one["mailboxes"])]
            for one in found
        ],
        right=("CONTACTS", "ACTIVITIES"),
    )
