"""``eisd status MAILBOX``: one mailbox in depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eisd.cli import output
from eisd.cli.client import Unavailable
from eisd.cli.context import Context
from eisd.cli.reach import path, read_database

One = Mapping[str, Any]


def ask(context: Context, name: str) -> dict[str, Any]:
    """What the daemon says of a mailbox, else what the database says."""
    try:
        told: dict[str, Any] = context.client().get(path("mailboxes", name))
    except Unavailable as error:
        if not error.absent:
            raise
        from eisd.api.answers import mailbox_show  # noqa: PLC0415 - only without a daemon

        told = read_database(context, lambda db: mailbox_show(db, name))
    return told


def show(one: One, issues: Sequence[One]) -> None:
    """All of it, for people: state and why, the connection, folders, troubles, what mends it."""
    for key, value in (*_facts(one), *_live(one.get("live"))):
        if value:
            output.line(output.safe(f"{key:<12} {value}"))
    _folders(one["folders"])
    _troubles(one.get("trouble", ()))
    for issue in issues:
        output.line(output.safe(f"needs you    {issue['text']}"))
        output.line(output.safe(f"             {issue['fix']}"))


def _facts(one: One) -> list[tuple[str, str]]:
    state = f"{one['state']}:{one['reason']}" if one["reason"] else one["state"]
    return [
        ("mailbox", f"{one['name']}  {one['address']}  ({one['driver']})"),
        ("state", state),
        ("why", one["detail"]),
        ("last sync", output.ago(one["last_sync_at"])),
        ("backlog", _backlog(one)),
        ("last day", f"{one['in_24h']} in, {one['out_24h']} out"),
        ("window", f"from {one['window_begin']}" if one["window_begin"] else ""),
        ("feeds", ", ".join(one["workspaces"]) or "no workspace"),
        ("owner", one["owner"]),
    ]


def _backlog(one: One) -> str:
    parts = [f"{one['backlog']} to list or fetch"]
    if one["failing"]:
        parts.append(f"{one['failing']} failed and are tried again")
    if one["unreadable"]:
        parts.append(f"{one['unreadable']} cannot be read")
    return ", ".join(parts)


def _live(live: One | None) -> list[tuple[str, str]]:
    """What only the running task knows."""
    if live is None:
        return []
    connected = "no"
    if live["connected_s"] is not None:
        kind = "told by the server" if live["push"] else "asked now and then"
        connected = f"{live['host']}, for {output.duration(live['connected_s'])}, {kind}"
    again = ""
    if live["retry_in_s"] is not None and live["connected_s"] is None:
        again = f"in {output.duration(live['retry_in_s'])}, after {live['tries']} that failed"
    second = "" if live["second_connection"] else "refused; text is fetched between waits"
    return [
        ("connected", connected),
        ("next try", again),
        ("sign of life", f"{output.duration(live['sign_of_life_s'])} ago"),
        ("2nd connect.", second),
        ("since start", f"{live['listed']} listed, {live['activities']} new activities"),
        ("server has", " ".join(live["capabilities"])),
    ]


def _folders(folders: Sequence[One]) -> None:
    output.table(
        ["FOLDER", "ROLE", "STATUS", "COPIES", "TO LIST", "LOOKED AT", "COMPARED", "POSITION"],
        [
            [
                one["name"],
                one["role"],
                one["status"],
                one["copies"],
                one["remaining"],
                output.ago(one["checked_at"]),
                output.ago(one["reconciled_at"]),
                one["why"] or one["position"],
            ]
            for one in folders
        ],
        right=("COPIES", "TO LIST"),
    )


def _troubles(troubles: Sequence[One]) -> None:
    for one in troubles:
        times = f"  ({one['times']} times since {one['first_at']})" if one["times"] > 1 else ""
        said = one.get("error.message") or one["msg"]
        where = f" {one['folder']}" if "folder" in one else ""
        output.line(
            output.safe(f"{one['level']:<12} {one['ts']}  {one['event']}{where}: {said}{times}")
        )
