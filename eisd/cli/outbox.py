"""``eisd outbox``: what is to be sent, and what became of it."""

from __future__ import annotations

from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act, path, read
from eisd.cli.send import tell


@click.group(cls=Group, examples=["eisd outbox list", "eisd outbox show 7"])
def outbox() -> None:
    """Messages on their way out, and those that went."""


@outbox.command(
    "list", examples=["eisd outbox list", "eisd outbox list --state failed --state doubt --json"]
)
@click.option("--mailbox", metavar="NAME", help="Only of this mailbox.")
@click.option("--state", multiple=True, help="queued, held, sending, doubt, sent, failed, ...")
@click.option("--limit", type=click.IntRange(1, 5_000), default=50, show_default=True)
@json_option
@click.pass_obj
def list_(
    context: Context, *, mailbox: str | None, state: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """List messages, newest first."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api import orders  # noqa: PLC0415 - only without a daemon

        return orders.page(db, mailbox=mailbox, states=state, limit=limit)

    asked: dict[str, Any] = {"mailbox": mailbox, "limit": limit}
    if state:
        asked["state"] = list(state)
    page = read(context, "/outbox", answer, asked)
    if as_json:
        output.print_json_lines(page["submissions"])
        return
    output.table(
        ["ID", "STATE", "MAILBOX", "DUE", "TO", "SUBJECT", "LAST WORDS"],
        [
            [
                one["id"],
                one["state"],
                one["mailbox"],
                one["due_at"][:16].replace("T", " "),
                one["recipients"],
                one["subject"],
                "" if one["state"] == "sent" else one["reply"],
            ]
            for one in page["submissions"]
        ],
        right=("ID", "TO"),
        colour={"failed": "red", "doubt": "yellow"},
    )


@outbox.command("show", examples=["eisd outbox show 7"])
@click.argument("id_", metavar="ID", type=int)
@json_option
@click.pass_obj
def show(context: Context, *, id_: int, as_json: bool) -> None:
    """Show a message: its recipients, the server's words, what answered it; 67: there is none."""

    def answer(db: Any) -> dict[str, Any]:
        from eisd.api import orders  # noqa: PLC0415 - only without a daemon

        return orders.show(db, id_)

    one = read(context, path("outbox", id_), answer)
    if as_json:
        output.print_json(one)
        return
    lines = [
        ("message", f"{one['id']}  {one['message_id']}"),
        ("state", one["state"]),
        ("from", f"{one['sender']}  ({one['mailbox']})"),
        ("subject", one["subject"]),
        ("accepted", one["created_at"]),
        ("due", one["due_at"] if one["due_at"] != one["created_at"] else None),
        ("sent", one["sent_at"]),
        ("next", one["next_at"] if one["state"] == "queued" else None),
        ("tries", one["attempts"]),
        ("reply", one["reply"]),
        ("Sent", one["filing"]),
        ("activity", ", ".join(map(str, one["activities"]))),
    ]
    lines += [
        ("to", f"{person['address']}  {person['state']}  {person['reply']}")
        for person in one["recipients"]
    ]
    lines += [
        ("answer", f"activity {back['activity']}  {back['kind']}  {back['occurred_at']}")
        for back in one["answers"]
    ]
    for key, value in lines:
        if value not in {None, ""}:
            output.line(output.safe(f"{key:<9} {value}"))


def _asked(context: Context, submission: int, what: str, *, as_json: bool) -> None:
    async def work(core: Any) -> Any:
        from eisd.api import orders  # noqa: PLC0415 - only without a daemon
        from eisd.outbox.state import Event  # noqa: PLC0415

        return await orders.change(core, submission, Event(what))

    tell(act(context, path("outbox", submission, what), work), as_json=as_json)


def _command(what: str, example: str, doc: str) -> None:
    """Declare a command that asks one thing of a message."""

    @json_option
    @click.pass_obj
    def run(context: Context, *, id_: int, as_json: bool) -> None:
        _asked(context, id_, what, as_json=as_json)

    run.__doc__ = doc
    argument = click.argument("id_", metavar="ID", type=int)
    outbox.command(what, examples=[example])(argument(run))


_command("retry", "eisd outbox retry 7", "Try a message again now; one in doubt is sent again.")
_command("hold", "eisd outbox hold 7", "Keep a message back until it is released.")
_command("release", "eisd outbox release 7", "Send a message that was held.")
_command("cancel", "eisd outbox cancel 7", "Do not send a message; its activity goes.")
_command("settle", "eisd outbox settle 7", "Say that a message in doubt was sent.")
