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

SECONDS = 120.0
CODES = {
    "Transient": ExitCode.UNAVAILABLE,
    "AuthRejected": ExitCode.AUTH,
    "Misconfigured": ExitCode.CONFIG,
    "ProtocolError": ExitCode.PROTOCOL,
}
"""The exit code for each class of failure."""


@click.command("test", cls=Command, examples=["eisd mailbox test sales"])
@click.argument("name")
@json_option
@click.pass_obj
def test(context: Context, *, name: str, as_json: bool) -> ExitCode:
    """Connect step by step and log in, with the secret the daemon uses.

    77: the credentials are refused. 69: the server cannot be reached. 78: it cannot be used as
    configured, such as a certificate that does not hold.
    """

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api.actions import probe  # noqa: PLC0415 - only without a daemon

        return {"steps": await probe(core, name)}

    done = act(context, path("mailboxes", name, "test"), work, timeout=SECONDS)
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
    return output.safe(f" {step['name']:<8} {step['detail']:<56} {step['ms']:5.0f} ms{mark}")


def outcome(steps: Sequence[dict[str, Any]]) -> ExitCode:
    """The exit code that the last step stands for."""
    if not steps:
        return ExitCode.UNAVAILABLE
    last = steps[-1]
    return ExitCode.OK if last["ok"] else CODES.get(last["failure"], ExitCode.UNAVAILABLE)
