"""Everything on record about one contact, for whoever has a right to ask (GDPR, article 15)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from eisd.errors import ExitCode, UserError
from eisd.model.facts import KeyHash
from eisd.store import contact_life, contact_unsend, contacts
from eisd.store.sql import signed

_JSON: Final = ("mailboxes", "owners", "roles", "flags")
_PARTS: Final = {
    "participants": "activity_participants",
    "attachments": "activity_attachments",
    "copies": "activity_copies",
}
"""What an activity has beside its row, and the view that shows it."""


def everything(
    db: sqlite3.Connection, contact_id: str, *, workspace: str | None = None
) -> Iterator[dict[str, Any]]:
    """The contact, each of its activities in full, oldest first, and whatever else names it.

    ``what`` says which: contact, activity, mention (a message that is another contact's alone),
    submission (of its recipients the contact itself), draft. An address that another contact has
    too tells of nobody but in activities.

    Raises:
        UserError: (67) there is no such contact, or it was removed.
    """
    found = [
        one
        for one in contact_life.find(db, contact_id, workspace=workspace)
        if one.deleted_at is None
    ]
    if not found:
        raise UserError(f"there is no contact {contact_id!r}", code=ExitCode.UNKNOWN)
    for one in found:
        yield from ({"what": "contact"} | told for told in contacts.show(db, [one.row]))
        listed = db.execute(
            "SELECT * FROM activity_feed WHERE workspace = ? AND contact_id = ?"
            " ORDER BY occurred_at",
            (one.workspace, one.contact_id),
        )
        for activity in _rows(listed):
            yield {"what": "activity"} | _whole(db, activity)
        keys = contact_life.nobodys(db, one.row)
        yield from ({"what": "mention"} | told for told in _mentions(db, one.row, keys))
        sent = contact_unsend.submissions_about(db, keys)
        yield from ({"what": "submission"} | told for told in sent)
        yield from ({"what": "draft"} | told for told in contact_unsend.drafts_about(db, keys))


def _whole(db: sqlite3.Connection, activity: dict[str, Any]) -> dict[str, Any]:
    """An activity with all that belongs to it."""
    for name in _JSON:
        activity[name] = json.loads(activity[name])
    for part, view in _PARTS.items():
        rows = db.execute(f"SELECT * FROM {view} WHERE activity_id = ?", (activity["activity_id"],))
        activity[part] = [
            {key: value for key, value in row.items() if key != "activity_id"}
            for row in _rows(rows)
        ]
    return activity


def _mentions(
    db: sqlite3.Connection, contact: int, keys: Iterable[KeyHash]
) -> Iterator[dict[str, Any]]:
    """How messages on record name somebody whose activity they are not; nothing else of them."""
    for key in keys:
        yield from _rows(
            db.execute(
                """
                SELECT '<' || m.identity || '>' AS message_id, m.occurred_at, p.role, p.address,
                  p.name
                FROM participant p JOIN message m ON m.id = p.message_id
                WHERE p.exact = ?1 AND NOT EXISTS (SELECT 1 FROM activity a
                  WHERE a.message_id = m.id AND a.contact = ?2)
                ORDER BY m.occurred_at
                """,
                (signed(key), contact),
            )
        )


def _rows(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)
