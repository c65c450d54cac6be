"""``eisd contacts``: import, export, list and show; the rest stands in `contact_life`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import click

from eisd.cli import contact_life, output, progress
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path, read, read_database
from eisd.errors import ExitCode, UserError

IMPORT_SECONDS = 3_600.0
PAGE = 2_000
SHOWN = 100
FORMATS = ("csv", "jsonl", "vcf")


@click.group(
    cls=Group, examples=["eisd contacts import people.csv", "eisd contacts export > people.csv"]
)
def contacts() -> None:
    """Whom your CRM knows: only their mail is kept."""


contact_life.register(contacts)


@contacts.command(
    "import",
    examples=["eisd contacts import people.csv", "eisd contacts import - --format jsonl --dry-run"],
)
@click.argument("file", type=click.Path(readable=False, path_type=Path, allow_dash=True))
@click.option("--workspace", default="default", help="Of rows that name none.", show_default=True)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="Default: by the file's name."
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--replace", is_flag=True, help="Also remove contacts that the file does not have.")
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave bad rows out instead of refusing the file; not with --replace.",
)
@json_option
@click.pass_obj
def import_(
    context: Context,
    *,
    file: Path,
    workspace: str,
    format_: str | None,
    dry_run: bool,
    replace: bool,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Import a .csv, .jsonl or .vcf FILE (- is standard input).

    Importing again is an update: an address that is missing ends, a contact that is missing stays.
    A bad row is named with its line and refuses the whole file (65).
    """
    chosen = format_ or _format_of(file)
    with _opened(file) as source:

        async def work(core: Any) -> dict[str, Any]:
            from eisd.api.actions import import_file  # noqa: PLC0415 - only without a daemon

            return await import_file(
                core,
                source,
                format_=chosen,
                workspace=workspace,
                replace=replace,
                dry_run=dry_run,
                skip_bad=skip_bad,
                source=str(file),
            )

        params = {
            "format": chosen,
            "workspace": workspace,
            "replace": str(replace).lower(),
            "dry_run": str(dry_run).lower(),
            "skip_bad": str(skip_bad).lower(),
            "source": str(file),
        }
        total = _about(source)
        with progress.shown(lambda: _importing(context, total)):
            done = act(context, "/imports", work, params, file=source, timeout=IMPORT_SECONDS)
    for line in done["bad"]:
        output.say(output.safe(line))
    if as_json:
        output.print_json(done)
    else:
        _told(done)


def _importing(context: Context, total: int) -> tuple[str, int, int]:
    """How far the daemon is with an import."""
    told = context.client(timeout=5.0).get("/status")["daemon"]["importing"]
    what = f"importing {total:,} contacts"
    return (what, 0, 0) if told is None else (what, told, total)


def _about(source: IO[bytes]) -> int:
    """How many contacts a file holds, if each has a line."""
    pieces = iter(lambda: source.read(1 << 20), b"")
    return sum(piece.count(b"\n") for piece in pieces)


def _format_of(file: Path) -> str:
    from eisd.api.contact_files import format_of  # noqa: PLC0415 - rarely more than its name

    return format_of(file.name)


def _opened(file: Path) -> IO[bytes]:
    """The file, or what comes in on standard input, kept so that it can be read twice."""
    try:
        if str(file) != "-":
            return file.open("rb")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}", code=ExitCode.NO_INPUT) from error
    kept = TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    shutil.copyfileobj(sys.stdin.buffer, kept)
    kept.seek(0)
    return kept


def _told(done: dict[str, Any]) -> None:
    would = "would be " if done["dry_run"] else ""
    parts = [f"{done[word]} {word}" for word in ("added", "updated", "unchanged")]
    parts += [f"{done[word]} {word}" for word in ("removed", "skipped") if done[word]]
    if done["addresses_ended"]:
        parts.append(f"{done['addresses_ended']} addresses ended")
    output.line(f"contacts {would}{', '.join(parts)}")
    _changes(done.get("changes", ()))
    if done["to_fetch"]:
        output.line(f"{done['to_fetch']} messages seen earlier {would or 'are '}theirs")


def _changes(changes: Sequence[dict[str, Any]]) -> None:
    """The first changes, as a diff would show them."""
    marks = {"added": ("+", "green"), "updated": ("~", "yellow"), "removed": ("-", "red")}
    for one in changes[:SHOWN]:
        mark, colour = marks[one["what"]]
        head = output.safe(f"{mark} {one['contact_id']} ({one['workspace']})")
        output.line(output.paint(head, colour))
        for line in one["lines"]:
            output.line(output.safe(f"    {line}"))
    if len(changes) > SHOWN:
        output.say(f"the first {SHOWN} changes; --json has more")


@contacts.command(
    "export",
    examples=[
        "eisd contacts export --format jsonl > people.jsonl",
        "eisd contacts export --everything 42 > about-42.jsonl",
    ],
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--workspace", help="Only this one.")
@click.option(
    "--everything",
    "about",
    metavar="ID",
    help="All there is about one contact, its activities in full; JSON Lines, for its own eyes.",
)
@click.pass_obj
def export(context: Context, *, format_: str, workspace: str | None, about: str | None) -> None:
    """Write the contacts to standard output, as `contacts import` reads them.

    CSV and vCard hold current addresses; JSON Lines holds their times too. In CSV a name or company
    that a spreadsheet would take for a formula gets an apostrophe in front.

    With --everything it is what a person may ask for by privacy law, read from the database itself:
    the contact, its activities, who else's mail names it, mail sent to it, drafts.
    """
    if about is not None:
        _export_everything(context, about, workspace)
        return
    from eisd.api.contact_files import write  # noqa: PLC0415

    for line in write(_all(context, workspace), format_):
        sys.stdout.write(line)


def _export_everything(context: Context, about: str, workspace: str | None) -> None:
    from eisd.store.contact_everything import everything  # noqa: PLC0415 - only here

    read_database(
        context,
        lambda db: output.print_json_lines(everything(db, about, workspace=workspace)),
    )


def _all(context: Context, workspace: str | None) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        page = _page(context, workspace, after, PAGE)
        yield from page["contacts"]
        if page["next"] is None:
            return
        after = page["next"]


def _page(context: Context, workspace: str | None, after: int, limit: int) -> dict[str, Any]:
    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import contact_list  # noqa: PLC0415 - only without a daemon

        return contact_list(db, workspace=workspace, after=after, limit=limit)

    params = {"workspace": workspace, "after": after, "limit": limit}
    found: dict[str, Any] = read(context, "/contacts", answer, params)
    return found


@contacts.command("list", examples=["eisd contacts list", "eisd contacts list --json"])
@click.option("--workspace", help="Only this one.")
@click.option("--limit", type=click.IntRange(1, 5_000), default=SHOWN, show_default=True)
@json_option
@click.pass_obj
def list_(context: Context, *, workspace: str | None, limit: int, as_json: bool) -> None:
    """List contacts, oldest first."""
    page = _page(context, workspace, 0, limit)
    if as_json:
        output.print_json_lines(page["contacts"])
        return
    output.table(
        ["ID", "NAME", "WORKSPACE", "COMPANY", "ADDRESSES"],
        [
            [one["id"], one["name"], one["workspace"], one["company"], _addresses(one)]
            for one in page["contacts"]
        ],
    )
    if page["next"] is not None:
        output.say("there are more: --limit, or eisd contacts export")


def _addresses(one: dict[str, Any]) -> str:
    return ", ".join(a["address"] for a in one["addresses"] if a["ended_at"] is None)


@contacts.command("show", examples=["eisd contacts show 42"])
@click.argument("id_", metavar="ID")
@click.option("--workspace", help="Only this one.")
@json_option
@click.pass_obj
def show(context: Context, *, id_: str, workspace: str | None, as_json: bool) -> None:
    """Show a contact with its addresses and when there was mail last; 67 when there is none."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api.answers import contact_show  # noqa: PLC0415 - only without a daemon

        return {"contacts": contact_show(db, id_, workspace=workspace)}

    found = read(context, path("contacts", id_), answer, {"workspace": workspace})["contacts"]
    if as_json:
        output.print_json_lines(found)
        return
    for one in found:
        output.line(output.safe(f"{one['contact_id']}  {one['name']}  ({one['workspace']})"))
        for key in ("kind", "company"):
            if one[key]:
                output.line(output.safe(f"  {key:<12} {one[key]}"))
        for address in one["addresses"]:
            output.line(output.safe(f"  address      {_address(address)}"))
        output.line(f"  activities   {one['activities']}")
        for key in ("incoming", "outgoing"):
            output.line(f"  last {key}  {one[f'last_{key}_at'] or '-'}")


def _address(one: dict[str, Any]) -> str:
    notes = ["primary"] if one["primary"] else []
    if one["added_at"]:
        notes.append(f"since {one['added_at']}")
    if one.get("bouncing_since"):
        notes.append(f"bouncing since {one['bouncing_since']}")
    if one["ended_at"]:
        notes.append(f"until {one['ended_at']}")
    return str(one["address"]) + (f"  ({', '.join(notes)})" if notes else "")
