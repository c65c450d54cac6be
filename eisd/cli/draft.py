"""``eisd draft``: messages that are still being written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import FUTURE, json_option, stamp
from eisd.cli.reach import act, path, read
from eisd.cli.send import SEND_SECONDS, mail_options, order_body, tell

_file = click.option(
    "--file/--no-file", default=None, help="Whether a copy lies in the mailbox's Drafts."
)


@click.group(cls=Group, examples=["eisd draft list", "eisd draft send 3"])
def draft() -> None:
    """Messages that are still being written, here or in their owner's mail program."""


@draft.command("create", examples=["eisd draft create --from sales --to ada@example.org --file"])
@mail_options
@_file
@json_option
@click.pass_obj
def create(context: Context, /, *, file: bool | None, as_json: bool, **given: Any) -> None:
    """Keep a draft. With --file its owner can finish and send it in their own mail program."""
    keep(context, order_body(given), file=bool(file), as_json=as_json)


def keep(context: Context, mail: dict[str, Any], *, file: bool = False, as_json: bool) -> None:
    """Keep a message as a draft."""
    body = {key: value for key, value in mail.items() if key not in {"at", "hold"}}
    body["file"] = file

    async def work(core: Any) -> Any:
        from eisd.api import drafting  # noqa: PLC0415 - only without a daemon

        return await drafting.create(core, drafting.DraftBody.model_validate(body))

    _told(act(context, "/drafts", work, body, timeout=SEND_SECONDS), as_json=as_json)


@draft.command("edit", examples=["eisd draft edit 3 --subject 'Second offer'"])
@click.argument("id_", metavar="ID", type=int)
@mail_options
@_file
@json_option
@click.pass_obj
def edit(context: Context, /, *, id_: int, file: bool | None, as_json: bool, **given: Any) -> None:
    """Change a draft; what is not named stays as it is."""
    said = order_body(given)
    changes = {key: value for key, value in said.items() if value and value is not True}
    if file is not None:
        changes["file"] = file

    async def work(core: Any) -> Any:
        from eisd.api import drafting  # noqa: PLC0415 - only without a daemon

        return await drafting.edit(core, id_, changes)

    done = act(context, path("drafts", id_), work, changes, timeout=SEND_SECONDS)
    _told(done, as_json=as_json)


@draft.command("list", examples=["eisd draft list --json"])
@json_option
@click.pass_obj
def list_(context: Context, *, as_json: bool) -> None:
    """List drafts, newest first."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.store import drafts  # noqa: PLC0415 - only without a daemon

        return {"drafts": drafts.listing(db, limit=1_000)}

    found = read(context, "/drafts", answer)["drafts"]
    if as_json:
        output.print_json_lines(found)
        return
    output.table(
        ["ID", "MAILBOX", "CHANGED", "FILED", "TO", "SUBJECT"],
        [
            [
                one["id"],
                one["mailbox"],
                one["updated_at"][:16].replace("T", " "),
                "yes" if one["filed_at"] else "no",
                ", ".join(one["to"]),
                one["subject"],
            ]
            for one in found
        ],
        right=("ID",),
    )


@draft.command("show", examples=["eisd draft show 3"])
@click.argument("id_", metavar="ID", type=int)
@json_option
@click.pass_obj
def show(context: Context, *, id_: int, as_json: bool) -> None:
    """Show a draft; 67 when there is none."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api import drafting  # noqa: PLC0415 - only without a daemon

        return drafting.show(db, id_)

    one = read(context, path("drafts", id_), answer)
    _told(one, as_json=as_json)
    if not as_json and one["content"].get("text"):
        output.line(output.safe(one["content"]["text"], lines=True))


@draft.command("send", examples=["eisd draft send 3", "eisd draft send 3 --at 2h"])
@click.argument("id_", metavar="ID", type=int)
@click.option("--at", type=FUTURE, metavar="TIME", help="Not before: RFC 3339, or in 10m, 2h.")
@json_option
@click.pass_obj
def send(context: Context, *, id_: int, at: datetime | None, as_json: bool) -> None:
    """Send a draft as it is; its copy leaves the mailbox's Drafts."""

    async def work(core: Any) -> Any:
        from eisd.api import drafting  # noqa: PLC0415 - only without a daemon

        return await drafting.send(core, id_, at=stamp(at))

    resource = path("drafts", id_, "send")
    tell(act(context, resource, work, {"at": stamp(at)}, timeout=SEND_SECONDS), as_json=as_json)


@draft.command("delete", examples=["eisd draft delete 3"])
@click.argument("id_", metavar="ID", type=int)
@json_option
@click.pass_obj
def delete(context: Context, *, id_: int, as_json: bool) -> None:
    """Delete a draft, and its copy in the mailbox."""

    async def work(core: Any) -> Any:
        from eisd.api import drafting  # noqa: PLC0415 - only without a daemon

        return await drafting.delete(core, id_)

    _told(act(context, path("drafts", id_), work, method="DELETE"), as_json=as_json)


def _told(one: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(one)
        return
    filed = ", filed in Drafts" if one["filed_at"] else ""
    to = ", ".join(one["to"])
    output.line(output.safe(f"{one['id']}  {one['state']}{filed}  {to}  {one['subject']}"))
