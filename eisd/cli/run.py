"""``eisd run``: the daemon in the foreground."""

from __future__ import annotations

import gc

import click

from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.errors import ExitCode


@click.command("run", cls=Command, examples=["eisd run", "eisd run --once"])
@click.option(
    "--once",
    is_flag=True,
    help="Bring every mailbox up to date, then end: 0, or 1 if one failed.",
)
@click.pass_obj
def run(context: Context, *, once: bool) -> ExitCode:
    """Run the daemon in the foreground; its log goes to stderr.

    SIGTERM and Ctrl-C end it in order, a second one at once; SIGHUP reloads.
    """
    gc.disable()  # while all of eisd is imported, which stays; the daemon enables it
    from eisd.daemon import spares  # noqa: PLC0415

    workers = spares.start()
    try:
        from eisd.daemon.run import run as run_daemon  # noqa: PLC0415

        return run_daemon(context.config_path, once=once, spares=workers)
    finally:
        workers.end()
