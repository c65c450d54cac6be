"""Answers from the database: pure functions from a reading connection to what JSON can say.

The daemon's endpoints give these; a command that finds no daemon reads them itself. Times are
RFC 3339 UTC text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eisd.errors import ExitCode, UserError
from eisd.model.visibility import masked
from eisd.store import (
    activities,
    attachments,
    contact_life,
    contacts,
    folders,
    mailboxes,
    visible,
)
from eisd.store import status as counts
from eisd.store.mailboxes import MailboxRow
from eisd.store.sql import Connection, now_ms, stamp
from eisd.store.status import Traffic, Work

Answer = dict[str, Any]

DAY_MS = 86_400_000
PAGES = 20
"""So often at most a page is filled up that hidden activities left short."""


def mailbox_list(db: Connection) -> list[Answer]:
    """Every mailbox known, those configured first."""
    work, lately = counts.work(db), counts.traffic(db, stamp(now_ms() - DAY_MS))
    return [
        _mailbox(row, work.get(row.id, Work()), lately.get(row.id, Traffic(0, 0, [])))
        for row in mailboxes.all_rows(db)
    ]


def mailboxes_now(db: Connection) -> list[Answer]:
    """`mailbox_list` without the day's traffic: cheap enough for every ten seconds."""
    work, nothing = counts.work(db), Traffic(0, 0, [])
    return [_mailbox(row, work.get(row.id, Work()), nothing) for row in mailboxes.all_rows(db)]


def mailbox_show(db: Connection, name: str) -> Answer:
    """One mailbox with its folders.

    Raises:
        UserError: (67) there is none of that name.
    """
    row = known_mailbox(db, name)
    work, lately = counts.work(db), counts.traffic(db, stamp(now_ms() - DAY_MS))
    told = _mailbox(row, work.get(row.id, Work()), lately.get(row.id, Traffic(0, 0, [])))
    outcomes = counts.outcomes(db, row.id)
    told["workspaces"] = sorted(mailboxes.feeds(db).get(row.id, ()))
    told["window_begin"] = _time(row.begin_at)
    told["folders"] = [
        {
            "name": one.folder.name,
            "role": one.folder.role.value,
            "status": one.status,
            "why": one.why,
            "position": one.cursor.value if one.cursor else None,
            "validity": one.cursor.validity if one.cursor else None,
            "backfilling": one.cursor is None or one.cursor.backfilling,
            "remaining": one.remaining,
            "checked_at": _time(one.proof_at),
            "reconciled_at": _time(one.reconciled_at),
            "copies": sum(outcomes.get(one.id, {}).values()),
            "outcomes": dict(sorted(outcomes.get(one.id, {}).items())),
        }
        for one in folders.of_mailbox(db, row.id)
    ]
    return told


def known_mailbox(db: Connection, name: str) -> MailboxRow:
    """The mailbox of that name. Raises UserError (67) when there is none."""
    row = mailboxes.by_name(db, name)
    if row is None:
        known = ", ".join(one.name for one in mailboxes.all_rows(db)) or "none"
        raise UserError(
            f"no mailbox is called {name!r}", hint=f"known: {known}", code=ExitCode.UNKNOWN
        )
    return row


def _mailbox(row: MailboxRow, work: Work, lately: Traffic) -> Answer:
    return {
        "name": row.name,
        "address": row.address,
        "driver": row.driver,
        "owner": row.owner,
        "access": row.access,
        "configured": row.configured,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "last_sync_at": _time(row.last_sync_at),
        "connected_at": _time(row.connected_at),
        "backlog": work.backlog,
        "failing": work.failing,
        "unreadable": work.poison,
        "unreadable_open": work.poison_open,
        "in_24h": lately.incoming,
        "out_24h": lately.outgoing,
        "lag_p95_s": lately.lag_p95,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else stamp(ms)


def activity_list(
    db: Connection,
    *,
    contact: str | None = None,
    workspace: str | None = None,
    mailbox: str | None = None,
    since: str | None = None,
    before: str | None = None,
    limit: int = 50,
    owner: str | None = None,
) -> Answer:
    """Activities, newest first, and the cursor of the next page (None at the end).

    Raises:
        UserError: the mailbox is not known (67), or ``before`` is no cursor of ours (64).
    """
    if mailbox is not None:
        known_mailbox(db, mailbox)
    merged = () if contact is None else _merged(db, contact, workspace)
    after = None if before is None else _cursor(before)
    shown: list[Answer] = []
    for _ in range(PAGES):  # what somebody may not know of leaves room for more
        found = activities.listing(
            db,
            contact=None if merged else contact,
            contacts=merged,
            workspace=workspace,
            mailbox=mailbox,
            since=since,
            before=after,
            limit=limit - len(shown) + 1,
        )
        page = found[: limit - len(shown)]
        shown += as_seen_by(db, page, owner)
        if len(found) <= len(page):
            return {"activities": shown, "next": None}
        after = (str(page[-1]["occurred_at"]), int(str(page[-1]["activity_id"])))
        if len(shown) == limit:
            break
    return {"activities": shown, "next": None if after is None else f"{after[0]}~{after[1]}"}


def as_seen_by(
    db: Connection, found: Sequence[Mapping[str, Any]], owner: str | None
) -> list[Answer]:
    """These activities as ``owner`` may see them (V1); None is the operator, who sees everything.

    Those that he may not know of are left out.
    """
    if owner is None:
        return [dict(one) for one in found]
    places = visible.places(db, [one["activity_id"] for one in found])
    seen = (masked(one, owner, places[one["activity_id"]]) for one in found)
    return [one for one in seen if one is not None]


def _merged(db: Connection, contact: str, workspace: str | None) -> list[tuple[str, str]]:
    """Whom an id stands for, (workspace, id), if that is another than it says (M9)."""
    known = contact_life.find(db, contact, workspace=workspace)
    if all(one.contact_id == contact for one in known):
        return []
    return [(one.workspace, one.contact_id) for one in known]


def _cursor(text: str) -> tuple[str, int]:
    when, _, number = text.rpartition("~")
    if not when or not number.isdecimal():
        raise UserError("before is no cursor that an earlier page gave", code=ExitCode.USAGE)
    return when, int(number)


def activity_show(db: Connection, activity: int, *, owner: str | None = None) -> Answer:
    """One activity with its copies, participants and attachments. Raises UserError (67)."""
    found = activities.show(db, activity)
    seen = [] if found is None else as_seen_by(db, [found], owner)
    if not seen:
        raise UserError(f"there is no activity {activity}", code=ExitCode.UNKNOWN)
    return seen[0]


def attachment(db: Connection, activity: int, sha256: str, *, owner: str | None = None) -> bytes:
    """The bytes of an attachment that ``owner`` may see. Raises UserError (67)."""
    listed = activity_show(db, activity, owner=owner)["attachments"]
    found = None
    if any(one["sha256"] == sha256 for one in listed):
        found = attachments.content(db, activity, sha256)
    if found is None:
        raise UserError(
            f"activity {activity} has no kept attachment of that SHA-256",
            hint='attachments are kept from when store.attachments = "matched" is set',
            code=ExitCode.UNKNOWN,
        )
    return found


def contact_list(
    db: Connection, *, workspace: str | None = None, after: int = 0, limit: int | None = None
) -> Answer:
    """Contacts with their addresses, oldest first, and the cursor of the next page."""
    found, rest = contacts.listing(db, workspace=workspace, after=after, limit=limit)
    return {"contacts": found, "next": rest}


def contact_show(db: Connection, contact: str, *, workspace: str | None = None) -> list[Answer]:
    """The contacts of that id, one a workspace, each with its summary. Raises UserError (67).

    The id of a contact that was merged answers with the one it went into (M9).
    """
    known = contact_life.find(db, contact, workspace=workspace)
    there = [one.row for one in known if one.deleted_at is None]
    if known and not there:
        raise UserError(
            f"the contact {contact!r} was deleted",
            hint=f"eisd contacts restore {contact}",
            code=ExitCode.UNKNOWN,
        )
    if not there:
        raise UserError(f"there is no contact {contact!r}", code=ExitCode.UNKNOWN)
    return contacts.show(db, there)


def workspace_list(db: Connection) -> list[Answer]:
    """Workspaces with what they hold."""
    return counts.workspaces(db)
