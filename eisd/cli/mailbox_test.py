"""``eisd mailbox test``, and the steps that `mailbox add` shows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path
from eisd.errors import ExitCode

SECONDS = 180.0
CODES = {
    "Transient": ExitCode.UNAVAILABLE,
    "AuthRejected": ExitCode.AUTH,
    "Misconfigured": ExitCode.CONFIG,
    "ProtocolError": ExitCode.PROTOCOL,
    "SendRefused": ExitCode.NO,
    "InDoubt": ExitCode.TRY_LATER,
}
"""The exit code for each class of failure."""


@click.command(
    "test",
    cls=Command,
    examples=["eisd mailbox test sales", "eisd mailbox test sales --send-to sales@example.org"],
)
@click.argument("name")
@click.option(
    "--send-to",
    metavar="ADDRESS",
    help="Also send a message there; one to the mailbox itself is awaited in its inbox.",
)
@json_option
@click.pass_obj
def test(context: Context, *, name: str, send_to: str | None, as_json: bool) -> ExitCode:
    """Connect step by step and log in, where mail comes in and where it goes out.

    With the secrets the daemon uses. 77: the credentials are refused. 69: the server cannot be
    reached. 78: it cannot be used as configured, such as a certificate that does not hold. 1: the
    message is refused.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api.probing import probe  # noqa: PLC0415 - only without a daemon

        return {"steps": await probe(core, name, send_to=send_to)}

    body = {} if send_to is None else {"send_to": send_to}
    done = act(context, path("mailboxes", name, "test"), work, body, timeout=SECONDS)
    steps: list[dict[str, Any]] = done["steps"]
    if as_json:
        output.print_json_lines(steps)
    else:
        for step in steps:
            output.line(shown(step))
    code = outcome(steps)
    output.say("ready" if code is ExitCode.OK else "not ready")
    return code


def shown(step: dict[str, Any]) -> str:
    """A step on one line."""
    mark = "" if step["ok"] else "  FAILED"
    return output.safe(f" {step['name']:<13} {step['detail']:<51} {step['ms']:5.0f} ms{mark}")


def outcome(steps: Sequence[dict[str, Any]]) -> ExitCode:
    """The exit code that the last step stands for."""
    if not steps:
        return ExitCode.UNAVAILABLE
    last = steps[-1]
    return ExitCode.OK if last["ok"] else CODES.get(last["failure"], ExitCode.UNAVAILABLE)
