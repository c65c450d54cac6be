"""``eisd template``: what is said to many, each by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, alone, path
from eisd.cli.send import read_text
from eisd.errors import UserError

_FILE = click.Path(readable=False, path_type=Path, allow_dash=True)


@click.group(
    cls=Group,
    examples=[
        "eisd template add offer offer.txt",
        "eisd template preview offer --contact 42 --field price=100",
    ],
)
def template() -> None:
    """Messages with gaps for a contact, the mailbox and fields of your own."""


@template.command("add", examples=["eisd template add offer offer.txt --html-file offer.html"])
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--html-file", type=_FILE, metavar="FILE", help="The HTML beside the text.")
@json_option
@click.pass_obj
def add(context: Context, *, name: str, file: Path, html_file: Path | None, as_json: bool) -> None:
    """Add a template, or a new version of it, from FILE: headers, an empty line, the text.

    The first header is Subject. Gaps are written {{ contact.name }}; what is not given when it is
    sent is an error that names it.
    """
    body = {
        "source": read_text(file),
        "html": None if html_file is None else read_text(html_file),
    }

    async def work(core: Any) -> Any:
        from eisd.api import rendering  # noqa: PLC0415 - only without a daemon

        return await rendering.add(core, name, str(body["source"]), body["html"])

    done = act(context, path("templates", name), work, body)
    if as_json:
        output.print_json(done)
    else:
        asks = ", ".join(done["variables"]) or "nothing"
        output.line(output.safe(f"{name} version {done['version']} asks for: {asks}"))


def _get(context: Context, resource: str, work: Any, **params: str | int) -> Any:
    """Ask the daemon, else do it alone: templates lie in files, too."""
    try:
        return context.client().get(resource, **params)
    except Unavailable as error:
        if not error.absent:
            raise
        return alone(context, work)


@template.command("list", examples=["eisd template list"])
@json_option
@click.pass_obj
def list_(context: Context, *, as_json: bool) -> None:
    """List templates, those in files too."""

    async def work(core: Any) -> Any:
        from eisd.api import rendering  # noqa: PLC0415 - only without a daemon

        return {"templates": await rendering.listing(core)}

    found = _get(context, "/templates", work)["templates"]
    if as_json:
        output.print_json_lines(found)
        return
    output.table(
        ["NAME", "VERSION", "SOURCE", "SUBJECT", "ASKS FOR"],
        [
            [one["name"], one["version"], one["source"], one["subject"], " ".join(one["variables"])]
            for one in found
        ],
    )
    for one in found:
        if one["problem"]:
            output.say(f"{one['name']} cannot be used: {one['problem']}")


@template.command("show", examples=["eisd template show offer --version 1"])
@click.argument("name")
@click.option("--version", type=int, help="Default: the newest.")
@json_option
@click.pass_obj
def show(context: Context, *, name: str, version: int | None, as_json: bool) -> None:
    """Show a template as it was written; 67 when there is none."""

    async def work(core: Any) -> Any:
        from eisd.api import rendering  # noqa: PLC0415 - only without a daemon

        return (await rendering.find(core, name, version))[1]

    params = {} if version is None else {"version": version}
    one = _get(context, path("templates", name), work, **params)
    if as_json:
        output.print_json(one)
        return
    _message(one)


@template.command(
    "preview", examples=["eisd template preview offer --from sales --contact 42 --field price=100"]
)
@click.argument("name")
@click.option("--version", type=int, help="Default: the newest.")
@click.option("--from", "mailbox", default="", metavar="NAME", help="The mailbox that would send.")
@click.option("--contact", metavar="ID", help="To whom it would go.")
@click.option("--workspace", help="Where several have a contact of that id.")
@click.option("--field", multiple=True, metavar="NAME=VALUE", help="A value of your own.")
@json_option
@click.pass_obj
def preview(
    context: Context, /, *, name: str, field: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Show what a template would say; nothing is sent."""
    body = {**given, "fields": read_fields(field)}

    async def work(core: Any) -> Any:
        from eisd.api import rendering  # noqa: PLC0415 - only without a daemon

        return await rendering.preview(core, name, **body)

    one = act(context, path("templates", name, "preview"), work, body)
    if as_json:
        output.print_json(one)
    else:
        _message(one)


@template.command("remove", examples=["eisd template remove offer"])
@click.argument("name")
@json_option
@click.pass_obj
def remove(context: Context, *, name: str, as_json: bool) -> None:
    """Remove a template from the database; one in a file is removed by deleting that."""

    async def work(core: Any) -> Any:
        from eisd.api import rendering  # noqa: PLC0415 - only without a daemon

        return await rendering.remove(core, name)

    done = act(context, path("templates", name), work, method="DELETE")
    if as_json:
        output.print_json(done)
    else:
        output.line(f"{done['name']} removed")


def read_fields(given: tuple[str, ...]) -> dict[str, Any]:
    """Fields as NAME=VALUE; a value that is JSON is what it says, any other is text."""
    found: dict[str, Any] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise UserError(f"--field {one!r}: want NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _message(one: dict[str, Any]) -> None:
    output.line(output.safe(f"Subject: {one['subject']}"))
    for name, value in one["headers"].items():
        output.line(output.safe(f"{name}: {value}"))
    for part in (one["text"], one["html"]):
        if part is not None:
            output.line()
            output.line(output.safe(part.rstrip("\n"), lines=True))
