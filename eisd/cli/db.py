"""``eisd db``: the database's place and health."""

from __future__ import annotations

from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act
from eisd.errors import ExitCode, UserError


@click.group(cls=Group, examples=["eisd db path", 'sqlite3 -readonly "$(eisd db path)"'])
def db() -> None:
    """The database, which any tool may read."""


@db.command("path", examples=['sqlite3 -readonly "$(eisd db path)"'])
@click.pass_obj
def path(context: Context) -> None:
    """Print where the database lies."""
    output.line(str(context.loaded.settings.paths.database))


@db.command("check", examples=["eisd db check"])
@click.pass_obj
def check(context: Context) -> ExitCode:
    """Look for damage; 1 when there is any. Takes minutes when it is large."""
    from eisd.store.backup import check as look  # noqa: PLC0415 - only here

    database = context.loaded.settings.paths.database
    if not database.exists():
        raise UserError(f"there is no database at {database}", code=ExitCode.NO_INPUT)
    problems = look(database)
    for problem in problems:
        output.line(output.safe(problem))
    output.say(f"{database}: {f'{len(problems)} problems' if problems else 'ok'}")
    if problems:
        output.say("put a backup in its place: eisd restore FILE")
    return ExitCode.NO if problems else ExitCode.OK


@db.command("migrate", examples=["eisd db migrate"])
@click.pass_obj
def migrate(context: Context) -> None:
    """Make the database, or bring it to this version; 75 while a daemon has it."""
    from eisd.store.database import exclusive  # noqa: PLC0415
    from eisd.store.setup import prepare  # noqa: PLC0415

    paths = context.loaded.settings.paths
    with exclusive(paths.database):
        prepare(paths.database, paths.secrets_db)
    output.say(f"{paths.database}: up to date")


@db.command("vacuum", examples=["eisd db vacuum"])
@click.pass_obj
def vacuum(context: Context) -> None:
    """Give unused space back to the disk; 75 while a daemon has the database."""
    from eisd.store.backup import vacuum as tidy  # noqa: PLC0415
    from eisd.store.database import create, exclusive  # noqa: PLC0415

    database = context.loaded.settings.paths.database
    with exclusive(database):
        create(database)
        before, after = tidy(database)
    output.say(f"{database}: {output.size(before)} before, {output.size(after)} now")


@db.command("prune", examples=["eisd db prune --dry-run", "eisd db prune"])
@click.option("--dry-run", is_flag=True, help="Tell how much is too old, and change nothing.")
@json_option
@click.pass_obj
def prune(context: Context, *, dry_run: bool, as_json: bool) -> None:
    """Let go of what is older than [retention] keeps it.

    The daemon does the same once a day. Nothing takes it back, and no resync brings it back. What
    it frees the database uses again; `eisd db vacuum` gives it to the disk.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import pruning  # noqa: PLC0415 - only without a daemon

        return await pruning.prune(core, dry_run=dry_run)

    told = act(context, "/db/prune", work, {"dry_run": dry_run}, timeout=_PRUNING)
    if as_json:
        output.print_json(told)
        return
    if told["keeps_all"]:
        output.say("everything is kept for ever; [retention] says for how long it should be")
    rows = [[told["pruned"][kind], text] for kind, text in _PRUNED.items() if told["pruned"][kind]]
    if rows:
        output.table(["COUNT", "WOULD GO" if dry_run else "GONE"], rows, right=("COUNT",))
    elif not told["keeps_all"]:
        output.say("nothing is too old")


_PRUNING = 3600.0
_PRUNED = {
    "activities": "activities",
    "messages": "messages with their text",
    "copies": "copies' hashes",
    "rows": "copies that the servers removed",
    "submissions": "submissions",
    "drafts": "drafts that were sent or deleted",
    "attachments": "attachments' content",
}
