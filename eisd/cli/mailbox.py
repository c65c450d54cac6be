"""``eisd mailbox``: the mailboxes that are connected. Adding one is in `mailbox_add`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.cli.base import LazyGroup
from eisd.cli.context import Context
from eisd.cli.options import MOMENT, json_option
from eisd.cli.reach import act, alone, path, read, reload_if_running
from eisd.cli.status import COLOURS, note
from eisd.errors import ExitCode, UserError

if TYPE_CHECKING:
    from eisd.api.core import Core

TABLE = {
    "add": ("eisd.cli.mailbox_add:add", "Connect a mailbox: test it, keep its secret, go."),
    "invite": ("eisd.cli.mailbox_invite:invite", "Let an owner connect one."),
    "list": ("eisd.cli.mailbox:list_", "List mailboxes."),
    "show": ("eisd.cli.mailbox:show", "Show one with its folders."),
    "test": ("eisd.cli.mailbox_test:test", "Connect step by step and log in."),
    "pause": ("eisd.cli.mailbox:pause", "Disconnect until resumed."),
    "resume": ("eisd.cli.mailbox:resume", "Go on."),
    "reconnect": ("eisd.cli.mailbox:reconnect", "Connect anew, now."),
    "resync": ("eisd.cli.mailbox:resync", "List folders anew."),
    "retry": ("eisd.cli.mailbox:retry", "Fetch anew what could not be read."),
    "remove": ("eisd.cli.mailbox:remove", "Take it out of the configuration."),
    "forget": ("eisd.cli.mailbox:forget", "Erase what a removed one brought."),
}


@click.group(
    cls=LazyGroup,
    table=TABLE,
    examples=["eisd mailbox add you@example.org", "eisd mailbox test sales"],
)
def mailbox() -> None:
    """The mailboxes that are connected."""


@mailbox.command("list", examples=["eisd mailbox list", "eisd mailbox list --json"])
@json_option
@click.pass_obj
def list_(context: Context, *, as_json: bool) -> None:
    """List every mailbox known, those no longer configured last."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import mailbox_list  # noqa: PLC0415 - only without a daemon

        return {"mailboxes": mailbox_list(db)}

    found = read(context, "/mailboxes", answer)["mailboxes"]
    if as_json:
        output.print_json_lines(found)
        return
    output.table(
        ["MAILBOX", "ADDRESS", "DRIVER", "STATE", "LAST SYNC", "NOTE"],
        [
            [
                one["name"],
                one["address"],
                one["driver"],
                one["state"],
                output.ago(one["last_sync_at"]),
                note(one),
            ]
            for one in found
        ],
        colour=COLOURS,
    )


@mailbox.command("show", examples=["eisd mailbox show sales"])
@click.argument("name")
@json_option
@click.pass_obj
def show(context: Context, *, name: str, as_json: bool) -> None:
    """Show a mailbox with its folders: which are read, and what came of their mail."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import mailbox_show  # noqa: PLC0415 - only without a daemon

        return mailbox_show(db, name)

    one = read(context, path("mailboxes", name), answer)
    if as_json:
        output.print_json(one)
        return
    state = f"{one['state']}:{one['reason']}" if one["reason"] else one["state"]
    for key, value in (
        ("mailbox", f"{one['name']}  {one['address']}  ({one['driver']})"),
        ("state", state),
        ("note", note(one)),
        ("connected", one["connected_at"]),
        ("last sync", one["last_sync_at"]),
        ("window", f"from {one['window_begin']}" if one["window_begin"] else ""),
        ("feeds", ", ".join(one["workspaces"]) or "no workspace"),
        ("owner", one["owner"]),
    ):
        if value:
            output.line(output.safe(f"{key:<10} {value}"))
    output.table(
        ["FOLDER", "ROLE", "STATUS", "COPIES", "TO LIST", "NOTE"],
        [
            [
                folder["name"],
                folder["role"],
                folder["status"],
                folder["copies"],
                folder["remaining"],
                folder["why"] or ", ".join(f"{n} {k}" for k, n in folder["outcomes"].items()),
            ]
            for folder in one["folders"]
        ],
        right=("COPIES", "TO LIST"),
    )


@mailbox.command("pause", examples=["eisd mailbox pause sales"])
@click.argument("name")
@click.pass_obj
def pause(context: Context, *, name: str) -> None:
    """Disconnect a mailbox; it stays so over restarts until it is resumed."""
    _pause(context, name, paused=True)
    output.say(f"{name} is paused")


@mailbox.command("resume", examples=["eisd mailbox resume sales"])
@click.argument("name")
@click.pass_obj
def resume(context: Context, *, name: str) -> None:
    """Let a paused mailbox go on."""
    _pause(context, name, paused=False)
    output.say(f"{name} goes on")


def _pause(context: Context, name: str, *, paused: bool) -> None:
    async def work(core: Any) -> None:
        await core.pause(name, paused=paused)

    act(context, path("mailboxes", name, "pause" if paused else "resume"), work)


@mailbox.command("reconnect", examples=["eisd mailbox reconnect sales"])
@click.argument("name")
@click.pass_obj
def reconnect(context: Context, *, name: str) -> None:
    """Connect anew at once, whatever the mailbox is waiting for. Needs the daemon."""
    act(context, path("mailboxes", name, "reconnect"), None)
    output.say(f"{name} connects anew; see: eisd status {name}")


@mailbox.command(
    "resync", examples=["eisd mailbox resync sales --since 1y", "eisd mailbox resync sales"]
)
@click.argument("name")
@click.option("--folder", help="Only this one.")
@click.option("--since", type=MOMENT, help="From there on: a date, or a span such as 1y.")
@click.pass_obj
def resync(context: Context, *, name: str, folder: str | None, since: datetime | None) -> None:
    """List folders anew, from the window's begin or from --since; nothing is recorded twice."""
    since_ms = None if since is None else round(since.timestamp() * 1000)

    async def work(core: Any) -> dict[str, Any]:
        return {"folders": await core.resync(name, folder, since_ms)}

    body = {"folder": folder, "since_ms": since_ms}
    done = act(context, path("mailboxes", name, "resync"), work, body)
    output.say(f"{name}: {', '.join(map(output.safe, done['folders']))} to be listed anew")


@mailbox.command(
    "retry", examples=["eisd mailbox retry sales", "eisd mailbox retry sales --accept"]
)
@click.argument("name")
@click.option("--accept", is_flag=True, help="Do not try; it is no issue any more.")
@click.pass_obj
def retry(context: Context, *, name: str, accept: bool) -> None:
    """Fetch anew the messages that could not be read after five tries.

    They stay on record either way, with their headers as far as those could be read.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import unreadable  # noqa: PLC0415 - only without a daemon

        return await unreadable.retry(core, name, accept=accept)

    done = act(context, path("mailboxes", name, "retry"), work, {"accept": accept})
    count = done["messages"]
    what = "1 message" if count == 1 else f"{count} messages"
    output.say(f"{name}: {what} {'accepted as unreadable' if accept else 'to be fetched anew'}")


@mailbox.command("remove", examples=["eisd mailbox remove sales"])
@click.argument("name")
@click.pass_obj
def remove(context: Context, *, name: str) -> ExitCode:
    """Take a mailbox out of the configuration, with its stored secret.

    What it brought stays, and its address stays among your own, until `mailbox forget`.
    """
    from eisd.cli.mailbox_add import dropin_name  # noqa: PLC0415
    from eisd.cli.mailbox_secret import forget_secret, secret_table  # noqa: PLC0415
    from eisd.config.write import remove_dropin  # noqa: PLC0415 - only here

    loaded = context.loaded
    box = loaded.settings.mailboxes.get(name)
    if box is None:
        raise UserError(f"no mailbox called {name!r} is configured", code=ExitCode.UNKNOWN)
    if not remove_dropin(context.config_path, dropin_name(name)):
        origin = loaded.origins.get(("mailboxes", name))
        raise UserError(
            f"{name} was not added by a command: it stands in {origin}",
            hint=f"take [mailboxes.{name}] out there, then: eisd reload",
            code=ExitCode.NO,
        )
    ref = box.secret(secret_table(box.driver))
    if ref is not None and ref.store:
        forget_secret(loaded.settings.paths, name, box.driver)
    running = reload_if_running(context)
    if not running:
        alone(context, _nothing_more)
    output.say(f"{name} is removed" + ("" if running else "; the daemon is not running"))
    output.say(f"What it brought stays. To erase its copies too: eisd mailbox forget {name}")
    return ExitCode.OK


async def _nothing_more(_core: Core) -> None:
    """That the database has heard of the configuration is enough."""


@mailbox.command("forget", examples=["eisd mailbox forget sales --yes"])
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(context: Context, *, name: str, yes: bool) -> None:
    """Erase a removed mailbox: its copies, its positions, its place among your own addresses.

    Activities stay: they belong to the contacts.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("this erases data", hint="say --yes", code=ExitCode.USAGE)
        click.confirm(f"Erase what is known of {name}?", abort=True, err=True)

    async def work(core: Any) -> None:
        await core.forget(name)

    act(context, path("mailboxes", name), work, method="DELETE")
    output.say(f"{name} is forgotten")
