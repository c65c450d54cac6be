"""``eisd tail``: what happens, as it happens."""

from __future__ import annotations

import json
import sys
import time

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option

AGAIN = 1.0
"""Seconds before the stream is asked for again when it broke off."""


@click.command(
    "tail",
    cls=Command,
    examples=[
        "eisd tail",
        "eisd tail --mailbox sales --level warning",
        "eisd tail --event match. --json | jq .contact_id",
    ],
)
@click.option("--mailbox", help="Of this mailbox alone.")
@click.option("--event", default="", help="An event's name, or what it begins with: match.")
@click.option(
    "--level",
    type=click.Choice(["info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least serious level that is shown.",
)
@click.option(
    "-n",
    "--last",
    type=click.IntRange(0, 2000),
    default=10,
    show_default=True,
    help="So many past events first.",
)
@click.option("--no-follow", is_flag=True, help="Show the past ones and end.")
@json_option
@click.pass_obj
def tail(
    context: Context,
    *,
    mailbox: str | None,
    event: str,
    level: str,
    last: int,
    no_follow: bool,
    as_json: bool,
) -> None:
    """Follow the daemon's events, until Ctrl-C; it goes on by itself when the daemon restarts.

    Events are those of the log from info up, unfolded; the daemon keeps the last 2,000.
    """
    wanted: dict[str, str | int] = {"event": event, "level": level, "last": last}
    if mailbox is not None:
        wanted["mailbox"] = mailbox
    if no_follow:
        wanted["follow"] = "false"
    after: str | None = None
    silent = False
    while True:
        try:
            for seen, name, data in context.client().events(after, **wanted):
                after, silent = seen, False
                _show(name, data, as_json=as_json)
        except Unavailable as error:
            if after is None:  # never was there
                raise
            if not silent:
                output.say(f"eisd: {error}; waiting for it")
            silent = True
        if no_follow:
            return
        time.sleep(AGAIN)


def _show(name: str, data: str, *, as_json: bool) -> None:
    from eisd.logs.formats import console_line  # noqa: PLC0415 - structlog takes its time

    record = json.loads(data)
    if name == "stream.gap":
        lost = record["lost"]
        output.say(f"eisd: {lost or 'some'} events were missed")
    elif as_json:
        output.line(data)
    else:
        shown = console_line(record, colour=output.colours(sys.stdout))
        output.line(output.safe(shown, lines=True) if "\x1b" not in shown else shown)
    sys.stdout.flush()
