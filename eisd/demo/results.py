"""What the database says, asked as any script would: through its public views."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from eisd.store.database import connect


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of `activity_feed`, as far as it is shown."""

    activity_id: int
    occurred_at: str
    direction: str
    contact_id: str
    contact_name: str
    subject: str
    message_id: str
    via: str
    flags: tuple[str, ...]
    has_attachments: bool


_FEED = """
  SELECT activity_id, occurred_at, direction, contact_id, contact_name, subject, message_id, via,
    flags, has_attachments
  FROM activity_feed ORDER BY occurred_at, activity_id
"""


def activities(database: Path) -> list[Activity]:
    """Every activity, in the order of time."""
    with closing(connect(database, readonly=True)) as db:
        cursor = db.execute(_FEED)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        row["flags"] = tuple(json.loads(row["flags"]))
        row["has_attachments"] = bool(row["has_attachments"])
    return [Activity(**row) for row in rows]


def caught_up(database: Path, contacts: int) -> bool:
    """Whether so many contacts are imported and the mailbox has nothing left to do for them."""
    if not database.exists():
        return False
    with closing(connect(database, readonly=True)) as db:
        if (
            db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'activity_feed'").fetchone()
            is None
        ):
            return False
        (known,) = db.execute("SELECT count(*) FROM contact_summary").fetchone()
        state = db.execute("SELECT state, backlog FROM mailbox_status").fetchone()
    return known == contacts and state in {("idle", 0), ("polling", 0)}


def outcomes(database: Path) -> dict[str, int]:
    """How many messages met each end; ``unmatched`` and ``skipped`` with their reason."""
    with closing(connect(database, readonly=True)) as db:
        rows = db.execute(
            "SELECT outcome || CASE reason WHEN '' THEN '' ELSE ':' || reason END AS what,"
            " count(*) FROM message_outcomes GROUP BY what ORDER BY what"
        ).fetchall()
    return dict(rows)


class Newest:
    """Watches for one message's activity. One connection, so that a look costs little."""

    def __init__(self, database: Path, message_id: str) -> None:
        self._db = connect(database, readonly=True)
        self._message_id = message_id

    def there(self) -> bool:
        """Whether it is on record."""
        query = "SELECT 1 FROM activity_feed WHERE message_id = ?"
        return self._db.execute(query, (self._message_id,)).fetchone() is not None

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()
