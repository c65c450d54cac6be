"""``eisd activities share``, ``private`` and ``default``: what an owner says of one message."""

from __future__ import annotations

from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path

_id = click.argument("id_", metavar="ID", type=int)
_owner = click.option(
    "--as", "owner", metavar="OWNER", required=True, help="Who owns a mailbox that holds it."
)


@click.command("share", cls=Command, examples=["eisd activities share 7 --as alice"])
@_id
@_owner
@json_option
@click.pass_obj
def share(context: Context, *, id_: int, owner: str, as_json: bool) -> None:
    """Let others see all of a message, whatever the owner's mailbox shows of the rest.

    It holds for the message, so for all of its activities. 1 when OWNER owns no mailbox with it.
    """
    _set(context, id_, owner, "shared", as_json=as_json)


@click.command("private", cls=Command, examples=["eisd activities private 7 --as alice"])
@_id
@_owner
@json_option
@click.pass_obj
def private(context: Context, *, id_: int, owner: str, as_json: bool) -> None:
    """Let others see of a message only who took part, and when.

    It holds for the message, so for all of its activities. Whoever has it in a mailbox of his own
    still sees it, and decides for his copy. 1 when OWNER owns no mailbox with it.
    """
    _set(context, id_, owner, "private", as_json=as_json)


@click.command("default", cls=Command, examples=["eisd activities default 7 --as alice"])
@_id
@_owner
@json_option
@click.pass_obj
def default(context: Context, *, id_: int, owner: str, as_json: bool) -> None:
    """Take `share` or `private` back: others see of a message what the mailbox shows of any."""
    _set(context, id_, owner, "default", as_json=as_json)


def _set(context: Context, activity: int, owner: str, setting: str, *, as_json: bool) -> None:
    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import disclosing  # noqa: PLC0415 - only without a daemon

        return await disclosing.disclose(core, activity, owner, setting)

    resource = path("activities", activity, "visibility")
    done = act(context, resource, work, {"as": owner, "setting": setting})
    if as_json:
        output.print_json(done)
    else:
        output.line(f"activity {activity}: others see {_SEEN[done['visibility']]}")


_SEEN = {
    "metadata": "who took part, and when",
    "subject": "who took part, when, and the subject",
    "full": "all of it",
}
