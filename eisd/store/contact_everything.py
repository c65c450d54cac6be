"""Everything on record about one contact, for whoever has a right to ask (GDPR, article 15)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from eisd.errors import ExitCode, UserError
from eisd.store import contact_life, contacts

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
    """The contact, then each of its activities in full, oldest first; ``what`` says which.

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


def _rows(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)
