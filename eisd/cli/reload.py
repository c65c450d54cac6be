"""``eisd reload``: check and apply the changed configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.client import Client, Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.config.difference import Change
from eisd.errors import ConfigError, ExitCode, UserError

TIMEOUT = 120.0


def ask_daemon(context: Context, ask: Callable[[Client], Any]) -> Any:
    """Ask the daemon for what a refused configuration may stand in the way of.

    Raises:
        ConfigError: with every mistake at its place.
    """
    try:
        return ask(context.client(timeout=TIMEOUT))
    except Unavailable as error:
        if error.absent:
            _ = context.loaded  # what is wrong with the configuration comes before that
        raise
    except UserError as error:
        if error.code is ExitCode.CONFIG:  # places and source lines, not a sentence of ours
            raise ConfigError(str(error), hint=error.hint) from error
        raise


@click.command("reload", cls=Command, examples=["eisd reload"])
@json_option
@click.pass_obj
def reload(context: Context, *, as_json: bool) -> None:
    """Let the daemon read its configuration again.

    All of it takes effect, or none: 78 when it is refused, and the old one stays in force.
    """
    done = ask_daemon(context, lambda client: client.post("/reload"))
    if as_json:
        output.print_json(done)
        return
    for key in done["keys"]:
        output.line(output.safe(str(Change(**key))))
    for change in done["changes"]:
        output.line(output.safe(change))
    unchanged = "no mailbox changed" if done["keys"] else "nothing changed"
    output.say("reloaded" if done["changes"] else f"reloaded; {unchanged}")
