"""``eisd doctor``: is everything as it should be, and if not, what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path
from eisd.errors import EisdError, ExitCode

if TYPE_CHECKING:
    from eisd.config.load import Loaded
    from eisd.doctor.finding import Finding

COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}
PROBE_SECONDS = 180.0


@click.command(
    "doctor",
    cls=Command,
    examples=["eisd doctor", "eisd doctor --online", "eisd doctor --online --selector mail2026"],
)
@click.option(
    "--online",
    is_flag=True,
    help="Also log in to every mailbox's server, and ask DNS about the sending domains.",
)
@click.option(
    "--selector", "selectors", multiple=True, help="Where DKIM keys lie; else the usual ones."
)
@click.option("--dns", metavar="ADDRESS[:PORT]", help="Ask this name server, not the system's.")
@json_option
@click.pass_obj
def doctor(
    context: Context, *, online: bool, selectors: tuple[str, ...], dns: str | None, as_json: bool
) -> ExitCode:
    """Look at the host, the configuration, the secrets and the network; change nothing.

    1 when anything is an error. Run it as the daemon's user: sudo -u eisd eisd doctor.
    """
    grades: list[str] = []
    for found in examine(context, online=online, selectors=selectors, dns=dns):
        grades.append(found.grade.value)
        if as_json:
            output.print_json_lines([found.tell()])
        else:
            _show(found)
    if not as_json:
        errors, warnings = grades.count("error"), grades.count("warning")
        output.say(f"{len(grades)} looked at, {errors} errors, {warnings} warnings")
    return ExitCode.NO if "error" in grades else ExitCode.OK


def _show(found: Finding) -> None:
    mark = output.paint(f"{found.grade.value:<7}", COLOURS.get(found.grade.value, ""))
    output.line(f"{mark} {output.safe(f'{found.subject}  {found.check}: {found.text}')}")
    if found.fix and found.grade.value != "ok":
        output.line(output.safe(f"        {found.fix}"))


def examine(
    context: Context,
    *,
    online: bool = False,
    selectors: Sequence[str] = (),
    dns: str | None = None,
) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    from eisd.doctor import host, setup, unit  # noqa: PLC0415 - slow to import
    from eisd.driver.registry import discover  # noqa: PLC0415

    registry = discover()
    yield from setup.configuration(context.config_path, registry)
    try:
        loaded = context.loaded
    except EisdError:
        loaded = None
    pid = _daemon(context)
    if loaded is not None:
        settings = loaded.settings
        yield from host.look(settings.paths, mailboxes=len(settings.mailboxes), daemon=pid)
        yield from setup.credentials(loaded)
    else:
        yield host.clock()
        yield host.files(0, pid)
    yield from unit.look()
    if online and loaded is not None:
        yield from _online(context, loaded, selectors, dns)


def _daemon(context: Context) -> int | None:
    """The process id of a running daemon."""
    try:
        told = context.client(timeout=10.0).get("/status")
    except EisdError:
        return None
    pid = told["daemon"].get("pid")
    return pid if isinstance(pid, int) else None


def _online(
    context: Context, loaded: Loaded, selectors: Sequence[str], dns: str | None
) -> Iterator[Finding]:
    import asyncio  # noqa: PLC0415

    from eisd.doctor import lookup, setup  # noqa: PLC0415
    from eisd.doctor.provider import judge  # noqa: PLC0415
    from eisd.wire.dns import Resolver, named  # noqa: PLC0415 - dnspython takes its time

    for name, box in loaded.settings.mailboxes.items():
        if box.enabled:
            yield judge(name, _probe(context, name))
    resolver = Resolver() if dns is None else named(dns)
    yield from asyncio.run(lookup.look(setup.domains(loaded.settings), resolver, selectors))


def _probe(context: Context, name: str) -> list[dict[str, Any]] | str:
    """The steps of connecting to a mailbox, or why they could not be taken."""

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api.probing import probe  # noqa: PLC0415 - only without a daemon

        return {"steps": await probe(core, name)}

    try:
        done = act(context, path("mailboxes", name, "test"), work, timeout=PROBE_SECONDS)
    except (EisdError, Unavailable) as error:
        return str(error)
    steps: list[dict[str, Any]] = done["steps"]
    return steps
