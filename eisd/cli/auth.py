"""``eisd auth``: signing in to providers by OAuth. Signing in itself is in `auth_login`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import LazyGroup
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path
from eisd.errors import ExitCode

TABLE = {
    "login": ("eisd.cli.auth_login:login", "Sign in to a mailbox's provider."),
    "status": ("eisd.cli.auth:status", "Show what each mailbox holds, and when it ends."),
    "logout": ("eisd.cli.auth:logout", "Erase a mailbox's tokens, and revoke them."),
}
SECONDS = 60.0
DAY = 86_400.0


@click.group(cls=LazyGroup, table=TABLE, examples=["eisd auth login sales", "eisd auth status"])
def auth() -> None:
    """Signing in to Google and Microsoft by OAuth."""


@auth.command("status", examples=["eisd auth status", "eisd auth status sales --json"])
@click.argument("name", required=False)
@json_option
@click.pass_obj
def status(context: Context, *, name: str | None, as_json: bool) -> ExitCode:
    """Show what each mailbox that signs in by OAuth holds, and when that ends.

    0: each is signed in. 1: one is not.
    """
    found = _ask(context, name)["mailboxes"]
    if as_json:
        output.print_json_lines(found)
    else:
        output.table(
            ["MAILBOX", "APP", "SIGNED IN", "AS", "TOKEN UNTIL", "ENDS", "NOTE"],
            [_row(one) for one in found],
        )
        for one in found if name is not None else []:
            _tell(one)
    waiting = any(one["problem"] for one in found)
    return ExitCode.NO if waiting else ExitCode.OK


@auth.command("logout", examples=["eisd auth logout sales"])
@click.argument("name")
@click.pass_obj
def logout(context: Context, *, name: str) -> None:
    """Erase a mailbox's tokens, and revoke them where the provider can.

    The mailbox keeps what it brought, and goes on after the next `auth login`.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import signing  # noqa: PLC0415 - only without a daemon

        return await signing.logout(core, name)

    done = act(context, path("auth", name), work, method="DELETE")
    output.say(f"{name}: the tokens are erased")
    if done["revoked"]:
        output.say("and revoked at the provider")
    elif done["revoke_page"]:
        output.say(f"The provider lets no application revoke them: see {done['revoke_page']}")


def _ask(context: Context, name: str | None) -> Any:
    """From the daemon, else with the database's lock: tokens lie where few may read."""
    from eisd.cli.client import Unavailable  # noqa: PLC0415 - httpx is slow to import
    from eisd.cli.reach import alone  # noqa: PLC0415

    try:
        return context.client().get(path("auth", *([name] if name else [])))
    except Unavailable as error:
        if not error.absent:
            raise

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import signing  # noqa: PLC0415 - only without a daemon

        return {"mailboxes": await signing.status(core, name)}

    return alone(context, work)


def _row(one: dict[str, Any]) -> list[object]:
    if not one["signed_in"]:
        return [one["mailbox"], one["app"], "", "", "", "", one["problem"]]
    first = next(iter(one["ends"]), None)
    as_whom = f"{one['identity']} ({one['kind']})" if one["kind"] else one["identity"]
    return [
        one["mailbox"],
        one["app"],
        one["granted_at"][:10],
        as_whom,
        one["access_expires_at"][:16].replace("T", " "),
        f"{first['at'][:10]}{'' if first['certain'] else ' *'}" if first else "never",
        one["problem"] or (_ahead(first) if first else ""),
    ]


def _ahead(cliff: dict[str, Any]) -> str:
    """A cliff worth a word in the table: one that is certain, or near."""
    left = (datetime.fromisoformat(cliff["at"]) - datetime.now(UTC)).total_seconds()
    return str(cliff["text"]) if cliff["certain"] or left < 14 * DAY else ""


def _tell(one: dict[str, Any]) -> None:
    """All that is known of one mailbox, below the table."""
    for cliff in one.get("ends", ()):
        sure = "ends" if cliff["certain"] else "may end"
        output.line(output.safe(f"  {sure} {cliff['at'][:16].replace('T', ' ')}: {cliff['text']}"))
    for scope in one.get("scopes", ()):
        output.line(output.safe(f"  scope {scope}"))
