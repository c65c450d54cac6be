"""``eisd contacts`` add, remove, restore, merge and backfill: one contact at a time."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command, Group
from eisd.cli.context import Context
from eisd.cli.options import MOMENT, json_option, stamp
from eisd.cli.reach import act, path
from eisd.errors import ExitCode, UserError

_workspace = click.option("--workspace", help="Where several have a contact of that ID.")


def register(contacts: Group) -> None:
    """Add the commands to their group."""
    for command in (add, remove, restore, merge, backfill):
        contacts.add_command(command)


@click.command(
    "add",
    cls=Command,
    examples=[
        "eisd contacts add 42 --name 'Ada Lovelace' --email ada@example.org",
        "eisd contacts add 42 --email ada@home.example",
    ],
)
@click.argument("id_", metavar="ID")
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="May be repeated.")
@click.option("--name", default="")
@click.option("--company", default="")
@click.option("--kind", default="", help="The CRM's own word.")
@click.option("--workspace", default="default", show_default=True)
@click.option("--since", type=MOMENT, help="The addresses count since then. [default: now]")
@json_option
@click.pass_obj
def add(
    context: Context,
    *,
    id_: str,
    emails: tuple[str, ...],
    name: str,
    company: str,
    kind: str,
    workspace: str,
    since: datetime | None,
    as_json: bool,
) -> None:
    """Add a contact, or addresses to one; nothing that it has ends."""
    added_at = stamp(since)
    values = {
        "id": id_,
        "name": name,
        "company": company,
        "kind": kind,
        "workspace": workspace,
        "addresses": [{"address": one, "added_at": added_at} for one in emails],
    }

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import contact_actions  # noqa: PLC0415 - only without a daemon

        return await contact_actions.add(core, values)

    body = {key: value for key, value in values.items() if key != "id"}
    done = act(context, path("contacts", id_), work, body)
    _tell(done, "added" if done["added"] else "changed", as_json=as_json)


@click.command(
    "remove",
    cls=Command,
    examples=[
        "eisd contacts remove 42",
        "eisd contacts remove 42 --address ada@old.example",
        "eisd contacts remove 42 --purge --yes",
    ],
)
@click.argument("id_", metavar="ID")
@click.option("--address", metavar="ADDRESS", help="Only this address ends; the contact stays.")
@click.option("--purge", is_flag=True, help="Erase the contact and all that is readable of it.")
@click.option("--yes", is_flag=True, help="Do not ask before a purge.")
@_workspace
@json_option
@click.pass_obj
def remove(
    context: Context,
    *,
    id_: str,
    address: str | None,
    purge: bool,
    yes: bool,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Delete a contact: its addresses end now, its activities stay, `restore` takes it back.

    With --purge activities and addresses are erased, as privacy law may ask; nothing takes that
    back. Backups made before keep what they have.
    """
    if address is not None and purge:
        raise UserError("--address and --purge do not go together", code=ExitCode.USAGE)
    if purge and not yes:
        if not sys.stdin.isatty():
            raise UserError("this erases data", hint="say --yes", code=ExitCode.USAGE)
        click.confirm(f"Erase contact {id_} and its activities?", abort=True, err=True)

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import contact_actions  # noqa: PLC0415 - only without a daemon

        if address is not None:
            return await contact_actions.end_address(core, id_, address, workspace=workspace)
        action = contact_actions.purge if purge else contact_actions.remove
        return await action(core, id_, workspace=workspace)

    resource = path("contacts", id_)
    params: dict[str, Any] = {"workspace": workspace}
    if address is not None:
        resource = path("contacts", id_, "addresses")
        params["address"] = address
    elif purge:
        params["purge"] = "true"
    done = act(context, resource, work, params, method="DELETE")
    _tell(done, "purged" if purge else "changed" if address else "removed", as_json=as_json)


@click.command("restore", cls=Command, examples=["eisd contacts restore 42"])
@click.argument("id_", metavar="ID")
@_workspace
@json_option
@click.pass_obj
def restore(context: Context, *, id_: str, workspace: str | None, as_json: bool) -> None:
    """Take a deletion back: the addresses the contact had count again from now on."""

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import contact_actions  # noqa: PLC0415 - only without a daemon

        return await contact_actions.restore(core, id_, workspace=workspace)

    done = act(context, path("contacts", id_, "restore"), work, {"workspace": workspace})
    _tell(done, "restored", as_json=as_json)


@click.command("merge", cls=Command, examples=["eisd contacts merge 43 42"])
@click.argument("from_", metavar="FROM")
@click.argument("into", metavar="INTO")
@_workspace
@json_option
@click.pass_obj
def merge(context: Context, *, from_: str, into: str, workspace: str | None, as_json: bool) -> None:
    """Merge contact FROM into contact INTO, which takes its addresses and activities.

    FROM answers with INTO from then on, here and in the API. Doing it again changes nothing.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import contact_actions  # noqa: PLC0415 - only without a daemon

        return await contact_actions.merge(core, from_, into, workspace=workspace)

    body = {"into": into, "workspace": workspace}
    done = act(context, path("contacts", from_, "merge"), work, body)
    _tell(done, "has it all", as_json=as_json)


@click.command(
    "backfill",
    cls=Command,
    examples=["eisd contacts backfill 42", "eisd contacts backfill 42 --since 1y"],
)
@click.argument("id_", metavar="ID")
@click.option("--since", type=MOMENT, help="[default: all that was ever listed]")
@_workspace
@json_option
@click.pass_obj
def backfill(
    context: Context, *, id_: str, since: datetime | None, workspace: str | None, as_json: bool
) -> None:
    """Give a contact the mail from before its addresses were added.

    It is found in what was listed already. For older mail: `eisd mailbox resync --since`.
    """
    since_ms = None if since is None else int(since.timestamp() * 1000)

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import contact_actions  # noqa: PLC0415 - only without a daemon

        return await contact_actions.backfill(core, id_, since_ms=since_ms, workspace=workspace)

    body = {"since_ms": since_ms, "workspace": workspace}
    done = act(context, path("contacts", id_, "backfill"), work, body)
    _tell(done, "has its past", as_json=as_json)


def _tell(done: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(done)
        return
    output.line(output.safe(f"contact {done['contact_id']} ({done['workspace']}): {what}"))
    for key, text in (
        ("activities", "{} activities concerned"),
        ("messages", "{} messages erased"),
        ("participants", "{} addresses in other messages made unreadable"),
        ("sent", "taken out of {} messages that were sent"),
        ("drafts", "taken out of {} drafts"),
        ("new_activities", "{} new activities from messages on record"),
        ("to_fetch", "{} messages seen earlier are to be fetched"),
    ):
        if done.get(key):
            output.line(text.format(done[key]))
    if done["looking"]:
        output.say("the past is still being looked at, in the background")
