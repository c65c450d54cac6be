"""``eisd config diff`` and ``eisd config migrate``: what differs from the daemon's, what is old."""

from __future__ import annotations

from pathlib import Path

import click

from eisd.cli import output
from eisd.cli.base import Command, Group
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reload import ask_daemon
from eisd.config.difference import Change
from eisd.config.load import load
from eisd.config.migrate import difference, migrated
from eisd.config.schema import VERSION
from eisd.config.sources import read_texts
from eisd.config.write import replace_file
from eisd.errors import ExitCode

KEPT = ".before-migrate"


def register(group: Group) -> None:
    """Put the commands into ``eisd config``."""
    for command in (diff, migrate):
        group.add_command(command)


@click.command("diff", cls=Command, examples=["eisd config diff && eisd reload"])
@json_option
@click.pass_obj
def diff(context: Context, *, as_json: bool) -> None:
    """Show what `eisd reload` would change: the files against the daemon's configuration.

    78 when the files would be refused, 69 when no daemon runs.
    """
    told = ask_daemon(context, lambda client: client.get("/config/diff"))
    if as_json:
        output.print_json(told)
        return
    for key in told["keys"]:
        output.line(output.safe(str(Change(**key))))
    if not told["keys"]:
        output.say(f"nothing differs from the configuration of {told['loaded_at']}")


@click.command(
    "migrate", cls=Command, examples=["eisd config migrate", "eisd config migrate --write"]
)
@click.option("--write", is_flag=True, help="Change the files; the old ones stay beside them.")
@click.pass_obj
def migrate(context: Context, *, write: bool) -> ExitCode:
    """Show how files of an older version have to change for this one; 1 when they have to.

    With --write they are changed, comments kept, and the old ones stay as NAME.before-migrate.
    """
    main = context.config_path.absolute()
    texts = read_texts(main)
    new = migrated(main, texts)
    for path, text in new.items():
        for line in difference(path, texts[path], text):
            output.line(output.safe(line))
    if not new:
        output.say(f"{main}: version {VERSION}, nothing to change")
        return ExitCode.OK
    if not write:
        output.say("Nothing was written; write it with: eisd config migrate --write")
        return ExitCode.NO
    load(main, pending=dict(new))  # refused as a whole before anything is written
    for path, text in new.items():
        _put(path, texts[path], text)
    return ExitCode.OK


def _put(path: Path, old: str, text: str) -> None:
    """Replace one file; what was there stays beside it, with its rights."""
    kept = path.with_name(path.name + KEPT)
    replace_file(kept, old, like=path)
    replace_file(path, text, like=path)
    output.say(f"wrote {path}; the old one is {kept}")
