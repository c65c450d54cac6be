"""``eisd explain``: why a message was or was not recorded."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Command
from eisd.cli.context import Context
from eisd.cli.options import json_option
from eisd.cli.reach import act
from eisd.errors import ExitCode, UserError


@click.command(
    "explain",
    cls=Command,
    examples=["eisd explain '<q7@analytical.test>'", "eisd explain letter.eml"],
)
@click.argument("what", metavar="MESSAGE-ID|FILE.eml")
@json_option
@click.pass_obj
def explain(context: Context, *, what: str, as_json: bool) -> ExitCode:
    """Tell, per mailbox and workspace, what became of a message and by which rule.

    A file is a dry run: what would become of it if it arrived now; nothing is stored.
    1 when nothing is on record about a Message-ID.
    """
    if not what.startswith("<") and (what.endswith(".eml") or "/" in what.partition("@")[0]):
        told = _ask_file(context, Path(what))
        show = _show_file
    else:
        told = _ask(context, what)
        show = _show
    if as_json:
        output.print_json(told)
    else:
        show(told)
    return ExitCode.OK if told["known"] or "mailboxes" in told else ExitCode.NO


def _ask(context: Context, message_id: str) -> dict[str, Any]:
    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import actions  # noqa: PLC0415 - only without a daemon

        return await actions.explain(core, message_id)

    told: dict[str, Any] = act(context, "/explain", work, {"message_id": message_id})
    return told


def _ask_file(context: Context, file: Path) -> dict[str, Any]:
    try:
        rfc822 = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}", code=ExitCode.NO_INPUT) from error

    async def work(core: Any) -> dict[str, Any]:
        from eisd.api import actions  # noqa: PLC0415 - only without a daemon

        return await actions.explain_message(core, rfc822)

    body = {"rfc822": base64.b64encode(rfc822).decode()}
    told: dict[str, Any] = act(context, "/explain", work, body, timeout=120.0)
    return told


def _line(word: str, text: str) -> None:
    output.line(output.safe(f"{word:<9} {text}".rstrip()))


def _outcome(one: dict[str, Any]) -> str:
    return f"{one['outcome']}:{one['reason']}" if one["reason"] else str(one["outcome"])


def _show(told: dict[str, Any]) -> None:
    _line("message", told["message_id"])
    for message in told["messages"]:
        for copy in message["copies"]:
            gone = f", gone since {copy['removed_at']}" if copy["removed_at"] else ""
            _line(
                "copy",
                f"{copy['mailbox']}/{copy['folder']} {copy['remote_id']}  {_outcome(copy)}"
                f"  [{copy['rule']}]  "
                f"received {copy['received_at']}{gone}",
            )
            if copy["error"]:
                again = f"; again at {copy['retry_at']}" if copy["retry_at"] else ""
                _line("", f"attempt {copy['attempts']}: {copy['error']}{again}")
        _show_decisions(message["decisions"])
        for one in message["activities"]:
            contact = f"{one['contact_id']} {one['contact_name']}".strip()
            _line("wrote", f"activity {one['activity_id']} ({one['direction']}) of {contact}")
        rows = message["rows"]
        if rows["messages"]:
            counts = (f"{count} {name}" for name, count in rows.items() if count)
            _line("rows", ", ".join(counts))
    traces = {copy["trace_id"] for message in told["messages"] for copy in message["copies"]}
    for trace in sorted(traces):
        _line("log", f"journalctl -u eisd EISD_TRACE_ID={trace}")
    if not told["known"]:
        _line("", "no synced folder has listed a message of this id")
    for place in told["elsewhere"]:
        _show_elsewhere(place, known=told["known"])


def _show_decisions(decisions: list[dict[str, Any]]) -> None:
    for one in decisions:
        extra = [*one["flags"], *one["notes"]]
        _line(
            "decision",
            f"workspace {one['workspace']}: {_outcome(one)}  [{one['rule']}]"
            + (f"  ({', '.join(extra)})" if extra else ""),
        )
        for word in ("direction", "class"):
            why = one[f"{word}_why"]
            _line("", f"{one[word]}: {why['text']}  [{why['rule']}]")
        for candidate in one["candidates"]:
            people = ", ".join(
                f"{person['contact_id']} {person['name']}".strip()
                for person in candidate["contacts"]
            )
            _line(
                "",
                f"{candidate['role']} {_address(candidate)}: {candidate['verdict']}"
                + (f" -> contact {people}" if people else "")
                + f"  [{candidate['rule']}]",
            )


def _address(candidate: dict[str, Any]) -> str:
    """The address, and the key it is compared by if that is written differently."""
    address, key = candidate["address"], candidate["key"]
    return str(address) if key == address else f"{address} ({key})"


def _show_elsewhere(place: dict[str, Any], *, known: bool) -> None:
    """Where a mailbox may hold it unseen; in one line when it is known from another."""
    name = place["mailbox"]
    if known:
        _line("no copy", name)
        return
    begin = place["window_begin"]
    window = f"mail from {begin} on" if begin else "no window's begin yet, or everything"
    _line("mailbox", f"{name}: {place['state']}, {window}")
    if place["detail"]:
        _line("", place["detail"])
    for one in place["not_listed_yet"]:
        rest = "" if one["remaining"] is None else f", about {one['remaining']} to go"
        _line("", f"{one['folder']}: its past is not listed yet{rest}")
    for one in place["not_read"]:
        _line("", f"{one['folder']}: not read, {one['why']}")


def _show_file(told: dict[str, Any]) -> None:
    known = "on record already" if told["known"] else "not on record"
    _line("message", f"{told['message_id']}  ({known})")
    _line("subject", told["subject"])
    _line("date", told["date"] or "unreadable or missing")
    text = told["text"]
    _line("text", f"{text['octets']} octets, {text['status']}")
    for part in told["attachments"]:
        _line("attached", f"{part['filename']}  {part['content_type']}")
    for defect in told["defects"]:
        _line("defect", defect)
    for one in told["mailboxes"]:
        _line("mailbox", f"{one['mailbox']} ({one['box']}): {_outcome(one)}")
        _show_decisions(one["decisions"])
