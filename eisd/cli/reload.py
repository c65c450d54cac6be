"""``eisd reload``: check and apply the changed configuration."""

from __future__ import annotations

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.errors import ConfigError, ExitCode, UserError

TIMEOUT = 120.0


@click.command("reload", cls=Command, examples=["eisd reload"])
@json_option
@click.pass_obj
def reload(context: Context, *, as_json: bool) -> None:
    """Let the daemon read its configuration again.

    All of it takes effect, or none: 78 when it is refused, and the old one stays in force.
    """
    try:
        done = context.client(timeout=TIMEOUT).post("/reload")
    except Unavailable as error:
        if error.absent:
            _ = context.loaded  # what is wrong with the configuration comes before that
        raise
    except UserError as error:
        if error.code is ExitCode.CONFIG:  # places and source lines, not a sentence of ours
            raise ConfigError(str(error), hint=error.hint) from error
        raise
    if as_json:
        output.print_json(done)
        return
    for change in done["changes"]:
        output.line(output.safe(change))
    output.say("reloaded" if done["changes"] else "reloaded; no mailbox changed")
