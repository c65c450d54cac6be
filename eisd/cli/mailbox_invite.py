"""``eisd mailbox invite``: a link with which an owner connects a mailbox of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import SECONDS, json_option
from eisd.cli.reach import act, path
from eisd.errors import UserError


@click.command(
    "invite",
    cls=Command,
    examples=[
        "eisd mailbox invite alice",
        "eisd mailbox invite alice --for 24h --url https://crm.example.org/connect",
        "eisd mailbox invite alice --revoke",
    ],
)
@click.argument("owner")
@click.option("--for", "valid_s", type=SECONDS, default="7d", help="How long it is valid (7d).")
@click.option("--url", help="The page that takes it; the token is added after the #.")
@click.option("--revoke", is_flag=True, help="End the owner's open invitations instead.")
@json_option
@click.pass_obj
def invite(
    context: Context, *, owner: str, valid_s: float, url: str | None, revoke: bool, as_json: bool
) -> None:
    """Make a link token with which this owner, and nobody else, connects one mailbox.

    It is signed, works once, and ends by itself. It is shown here and kept nowhere.
    """
    if revoke:
        ended = _revoke(context, owner)
        output.say(f"{ended} open invitations of {owner} are ended")
        return
    if url is not None and urlsplit(url).scheme != "https":
        raise UserError("want an https address: the token is as good as a password")

    async def work(core: Any) -> Any:
        from eisd.api import inviting  # noqa: PLC0415 - only without a daemon

        return await inviting.invite(core, owner, valid_s=valid_s)

    made = act(context, "/invites", work, {"owner": owner, "valid_s": valid_s})
    if url is not None:
        made["url"] = f"{url}#{quote(made['token'], safe='')}"
    if as_json:
        output.print_json(made)
        return
    output.line(made.get("url") or made["token"])
    output.say(f"For {owner} alone, once, until {made['expires_at']}")


def _revoke(context: Context, owner: str) -> int:
    async def work(core: Any) -> Any:
        from eisd.api import inviting  # noqa: PLC0415 - only without a daemon

        return await inviting.revoke(core, owner)

    ended: int = act(context, path("invites", owner), work, method="DELETE")["ended"]
    return ended
