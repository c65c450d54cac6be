"""``eisd activities``: what was recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.disclose import default, private, share
from eisd.cli.options import MOMENT, json_option, stamp
from eisd.cli.reach import path, read

_as = click.option(
    "--as", "owner", metavar="OWNER", help="As this person may see it; without it, all of it."
)


@click.group(cls=Group, examples=["eisd activities list", "eisd activities list --contact 42"])
def activities() -> None:
    """Mail that concerns your contacts."""


for command in (share, private, default):
    activities.add_command(command)


@activities.command(
    "list", examples=["eisd activities list --since 7d", "eisd activities list --contact 42 --json"]
)
@click.option("--contact", metavar="ID", help="Only of this contact.")
@click.option("--workspace", help="Only of this one.")
@click.option("--mailbox", metavar="NAME", help="Only with a copy in this mailbox.")
@click.option("--since", type=MOMENT, help="A date, an RFC 3339 time, or a span such as 7d.")
@click.option("--limit", type=click.IntRange(1, 5_000), default=50, show_default=True)
@_as
@json_option
@click.pass_obj
def list_(
    context: Context,
    *,
    contact: str | None,
    workspace: str | None,
    mailbox: str | None,
    since: datetime | None,
    limit: int,
    owner: str | None,
    as_json: bool,
) -> None:
    """List activities, newest first."""
    asked: dict[str, Any] = {
        "contact": contact,
        "workspace": workspace,
        "mailbox": mailbox,
        "since": stamp(since),
        "limit": limit,
    }

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import activity_list  # noqa: PLC0415 - only without a daemon

        return activity_list(db, **asked, owner=owner)

    page = read(context, "/activities", answer, {**asked, "as": owner})
    if as_json:
        output.print_json_lines(page["activities"])
        return
    output.table(
        ["ID", "WHEN", "CONTACT", "DIRECTION", "MAILBOX", "SUBJECT"],
        [
            [
                one["activity_id"],
                one["occurred_at"][:16].replace("T", " "),
                one["contact_name"] or one["contact_id"],
                one["direction"],
                ",".join(one["mailboxes"]),
                one["subject"],
            ]
            for one in page["activities"]
        ],
        right=("ID",),
    )
    if page["next"] is not None:
        output.say(f"the newest {limit}; there are more: --limit, --since")


@activities.command("show", examples=["eisd activities show 7"])
@click.argument("id_", metavar="ID", type=int)
@_as
@json_option
@click.pass_obj
def show(context: Context, *, id_: int, owner: str | None, as_json: bool) -> None:
    """Show an activity with its text, people, copies and attachments; 67 when there is none."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import activity_show  # noqa: PLC0415 - only without a daemon

        return activity_show(db, id_, owner=owner)

    one = read(context, path("activities", id_), answer, {"as": owner})
    if as_json:
        output.print_json(one)
    else:
        _show(one)


def _show(one: dict[str, Any]) -> None:
    lines = [
        ("activity", f"{one['activity_id']}  {one['direction']}, {one['visibility']}"),
        ("contact", f"{one['contact_id']}  {one['contact_name']}  ({one['workspace']})"),
        ("when", one["occurred_at"]),
        ("message", one["message_id"]),
        ("matched", f"{', '.join(one['roles'])} ({one['via']})"),
        ("flags", ", ".join(one["flags"])),
        ("subject", one["subject"]),
        ("delivery", one["delivery_status"]),
        ("read", one["read_at"]),
    ]
    lines += [
        (person["role"], f"{person['name']} <{person['address']}>".strip())
        for person in one["participants"]
    ]
    lines += [
        ("copy", f"{copy['mailbox']}/{copy['folder']} {copy['remote_id']}")
        for copy in one["copies"]
    ]
    lines += [
        ("attached", f"{part['filename']}  {part['content_type']}  {output.size(part['size'])}")
        for part in one["attachments"]
    ]
    for key, value in lines:
        if value:
            output.line(output.safe(f"{key:<9} {value}"))
    if one["text"]:
        output.line()
        output.line(output.safe(one["text"].rstrip("\n"), lines=True))
