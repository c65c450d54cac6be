"""``eisd backup`` and ``eisd restore``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.errors import ExitCode, UserError


@click.command(
    "backup",
    cls=Command,
    examples=["eisd backup /var/backups/eisd.db", "eisd backup --keep 7 /var/backups/eisd"],
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of the backups in the directory FILE, delete all but the last N.",
)
@click.pass_obj
def backup(context: Context, *, file: Path, keep: int | None) -> None:
    """Write a whole, checked copy of the database to FILE, while the daemon goes on.

    In a directory it is called after the time, eisd-20261122T010000Z.db. FILE.secrets gets the
    sealed secrets. What opens them, eisd.key, is not copied: keep it apart.
    """
    from eisd.store.backup import SECRETS_SUFFIX  # noqa: PLC0415 - only here
    from eisd.store.backup import backup as write  # noqa: PLC0415
    from eisd.store.rotation import named, rotate  # noqa: PLC0415

    directory = file if os.path.isdir(file) else None  # noqa: PTH112  no error where it is hidden
    if keep is not None and directory is None:
        raise UserError(f"--keep wants a directory, and {file} is none", code=ExitCode.USAGE)
    if directory is not None:
        file = named(directory, datetime.now(UTC))
    paths = context.loaded.settings.paths
    size = write(paths.database, paths.secrets_db, file)
    output.say(f"{file}: {output.size(size)}, checked")
    if keep is not None and directory is not None:
        for gone in rotate(directory, keep):
            output.say(f"deleted {gone}")
    if paths.secrets_db.exists():
        key = paths.secrets_db.with_name("eisd.key")
        output.say(f"{file}{SECRETS_SUFFIX}: the sealed secrets; keep {key} apart from them")


@click.command("restore", cls=Command, examples=["eisd restore /var/backups/eisd.db"])
@click.argument("file", type=click.Path(dir_okay=False, readable=False, path_type=Path))
@click.pass_obj
def restore(context: Context, *, file: Path) -> None:
    """Put a backup in the database's place; 75 while a daemon has it.

    What was there stays beside it as NAME.before-restore. FILE.secrets is put back too.
    """
    from eisd.store.backup import restore as put_back  # noqa: PLC0415
    from eisd.store.database import create, exclusive  # noqa: PLC0415

    paths = context.loaded.settings.paths
    with exclusive(paths.database):
        kept = put_back(file, paths.database, paths.secrets_db)
        create(paths.database)
    for one in kept:
        output.say(f"kept      {one}")
    output.say(f"restored  {paths.database}")
