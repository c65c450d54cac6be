"""``eisd send``: a message out through a mailbox."""

from __future__ import annotations

import base64
import sys
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import FUTURE, SECONDS, json_option, stamp
from eisd.cli.reach import act, path
from eisd.errors import ExitCode, UserError

SEND_SECONDS = 180.0
POLL = 0.1
OVER = {"sent": ExitCode.OK, "failed": ExitCode.NO, "cancelled": ExitCode.NO, "doubt": ExitCode.NO}

_FILE = click.Path(readable=False, path_type=Path, allow_dash=True)


_MAIL = (
    click.option("--from", "mailbox", metavar="NAME", help="A mailbox, or one of its addresses."),
    click.option("--to", multiple=True, metavar="ADDRESS", help="More than one: again."),
    click.option("--cc", multiple=True, metavar="ADDRESS"),
    click.option("--bcc", multiple=True, metavar="ADDRESS"),
    click.option("--reply-to", multiple=True, metavar="ADDRESS", help="Where answers are to go."),
    click.option("--sender-name", metavar="NAME", help="Instead of the mailbox's own."),
    click.option("--subject"),
    click.option("--body-file", type=_FILE, metavar="FILE", help="The text; - is standard input."),
    click.option("--html-file", type=_FILE, metavar="FILE", help="The HTML; text is made from it."),
    click.option("--attach", type=_FILE, multiple=True, metavar="FILE", help="More: again."),
    click.option(
        "--inline",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="An image, in the HTML cid:NAME.",
    ),
    click.option("--header", multiple=True, metavar="NAME:VALUE", help="A further header."),
    click.option("--reply-to-activity", type=int, metavar="ID", help="Answer that message."),
    click.option("--all", "reply_all", is_flag=True, help="Answer everybody it was between."),
    click.option("--forward-activity", type=int, metavar="ID", help="Forward it with attachments."),
    click.option("--no-quote", is_flag=True, help="Leave the answered message out."),
    click.option("--template", metavar="NAME", help="Take subject and text from a template."),
    click.option("--template-version", type=int, metavar="N", help="Default: the newest."),
    click.option("--contact", metavar="ID", help="Whom the template is about."),
    click.option("--workspace", help="Where several have a contact of that id."),
    click.option("--field", multiple=True, metavar="NAME=VALUE", help="For the template."),
)


def mail_options(command: Any) -> Any:
    """The options that say what a message is."""
    for option in reversed(_MAIL):
        command = option(command)
    return command


@click.command(
    cls=Command,
    examples=[
        "eisd send --from sales --to ada@example.org --subject Offer --body-file offer.txt --wait",
        "echo Thanks | eisd send --reply-to-activity 7 --body-file -",
    ],
)
@mail_options
@click.option("--at", type=FUTURE, metavar="TIME", help="Not before: RFC 3339, or in 10m, 2h.")
@click.option("--hold", is_flag=True, help="Send it when somebody says: eisd outbox release ID.")
@click.option("--draft", is_flag=True, help="Keep it as a draft instead: eisd draft.")
@click.option("--allow-empty", is_flag=True, help="Even without subject or text.")
@click.option("--idempotency-key", metavar="KEY", help="Twice under one key is one message.")
@click.option("--wait", is_flag=True, help="Return when the server has it: 0, or 1 if it failed.")
@click.option("--timeout", type=SECONDS, default=60.0, metavar="TIME", help="Of --wait: 60s.")
@json_option
@click.pass_obj
def send(
    context: Context,
    /,
    *,
    idempotency_key: str | None,
    draft: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
    **given: Any,
) -> ExitCode | None:
    """Send a message through a mailbox, and file a copy in its Sent folder.

    Once this returns, the message is safe with eisd: it is in `eisd outbox`, tried again as long as
    it has to be, and never sent twice. Without a daemon it is sent by the next `eisd run`.
    """
    if draft:
        from eisd.cli.draft import keep  # noqa: PLC0415 - it imports this module

        keep(context, order_body(given), as_json=as_json)
        return None
    body = order_body(given)

    async def work(core: Any) -> Any:
        from eisd.api import orders  # noqa: PLC0415 - only without a daemon

        order = orders.OrderBody.model_validate(body)
        return {**await orders.send(core, order, idempotency_key), "offline": True}

    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
    done = act(context, "/outbox", work, body, headers=headers, timeout=SEND_SECONDS)
    offline = done.pop("offline", False)
    if offline:
        output.say("eisd: the daemon is not running; the message is queued for the next eisd run")
    elif wait:
        done = _wait(context, done, timeout)
    tell(done, as_json=as_json)
    return OVER.get(done["state"], ExitCode.TRY_LATER) if wait else None


def order_body(given: dict[str, Any]) -> dict[str, Any]:
    """The request's body, from the command's options."""
    from eisd.cli.template import read_fields  # noqa: PLC0415 - it imports this module

    at: datetime | None = given.pop("at", None)
    text, html = given.pop("body_file"), given.pop("html_file")
    attach, inline = given.pop("attach"), given.pop("inline")
    quote = not given.pop("no_quote")
    body = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in given.items()
        if key not in {"header", "field"}
    }
    return {
        **body,
        "text": None if text is None else read_text(text),
        "html": None if html is None else read_text(html),
        "attachments": [_attachment(one) for one in attach]
        + [{**_attachment(one), "content_id": one.name} for one in inline],
        "headers": dict(_header(one) for one in given["header"]),
        "fields": read_fields(given["field"]),
        "quote": quote,
        **({"at": stamp(at)} if at is not None else {}),
    }


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UserError(f"--header {text!r}: want NAME:VALUE")
    return name.strip(), value.strip()


def read_text(file: Path) -> str:
    """A file's text; - is standard input. Raises UserError: missing (66), or no UTF-8 (65)."""
    try:
        return _bytes(file).decode()
    except UnicodeDecodeError as error:
        hint = "convert it, for example with iconv"
        raise UserError(f"{file}: no UTF-8", hint=hint, code=ExitCode.DATA) from error


def _bytes(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}", code=ExitCode.NO_INPUT) from error


def _attachment(file: Path) -> dict[str, str]:
    return {"filename": file.name, "data": base64.b64encode(_bytes(file)).decode()}


def _wait(context: Context, done: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Ask until the message has gone, or cannot, or the time is over."""
    end = monotonic() + timeout
    client = context.client()
    while done["state"] not in OVER and monotonic() < end:
        sleep(POLL)
        done = client.get(path("outbox", done["id"]))
    return done


def tell(done: dict[str, Any], *, as_json: bool) -> None:
    """Say what became of a submission."""
    if as_json:
        output.print_json(done)
        return
    output.line(output.safe(f"{done['id']}  {done['state']}  {done['message_id']}"))
    if done["state"] not in {"sent", "queued"} and done["reply"]:
        output.line(output.safe(f"    {done['reply']}"))
