"""What visibility goes by: whose mailboxes hold a message, and what their owners said of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from eisd.model.mailbox import Box
from eisd.model.visibility import Level, Place
from eisd.store.sql import CHUNK, marks, now_ms

HOLDER = "CASE b.owner WHEN '' THEN '#' || b.id ELSE b.owner END"
"""SQL for who decides over a mailbox's mail: its owner; without one, the mailbox itself."""

CHANGES = (
    "ALTER TABLE mailbox ADD COLUMN shared_with TEXT NOT NULL DEFAULT '[]'",
    # What others may see of its mail (V1); kept when it is no longer configured.
    "ALTER TABLE mailbox ADD COLUMN visibility TEXT NOT NULL DEFAULT 'subject'",
    # What an owner said of one message; it holds for all of his mailboxes, whichever comes next.
    """
    CREATE TABLE disclosure (
      message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
      holder TEXT NOT NULL,
      level TEXT NOT NULL,
      set_at INTEGER NOT NULL,
      PRIMARY KEY (message_id, holder)
    ) STRICT, WITHOUT ROWID
    """,
)

LEVEL = f"""
  (SELECT CASE max(CASE coalesce(d.level, b.visibility)
       WHEN 'full' THEN 2 WHEN 'subject' THEN 1 ELSE 0 END)
     WHEN 2 THEN 'full' WHEN 1 THEN 'subject' WHEN 0 THEN 'metadata' END
   FROM copy p JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
   LEFT JOIN disclosure d ON d.message_id = p.message_id AND d.holder = {HOLDER}
   WHERE p.message_id = m.id AND p.outcome = 'matched')
"""
"""SQL for what others may see of the message ``m``; NULL where no mailbox holds it any more."""


def places(db: sqlite3.Connection, activities: Sequence[int]) -> dict[int, list[Place]]:
    """Whose mailboxes hold the messages of these activities, by activity."""
    found: dict[int, list[Place]] = {one: [] for one in activities}
    for at in range(0, len(activities), CHUNK):
        chunk = activities[at : at + CHUNK]
        rows = db.execute(
            f"""
            SELECT DISTINCT a.id, b.name, b.owner, b.access, b.shared_with,
              coalesce(d.level, b.visibility), p.box
            FROM activity a JOIN copy p ON p.message_id = a.message_id
            JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
            LEFT JOIN disclosure d ON d.message_id = a.message_id AND d.holder = {HOLDER}
            WHERE a.id IN ({marks(len(chunk))}) AND p.outcome = 'matched'
            """,
            chunk,
        )
        for activity, mailbox, owner, access, shared_with, level, box in rows:
            place = Place(mailbox, _people(owner, access, shared_with), Level.of(level), Box(box))
            found[activity].append(place)
    return found


def _people(owner: str, access: str, shared_with: str) -> frozenset[str]:
    named = json.loads(shared_with) if access == "shared" else ()
    return frozenset(filter(None, (owner, *named)))


def keep(db: sqlite3.Connection, mailbox: int) -> None:
    """A mailbox is about to be erased: what others see of its mail is written down before."""
    db.execute(
        f"""
        UPDATE activity SET visibility = coalesce(
          (SELECT {LEVEL} FROM message m WHERE m.id = activity.message_id), visibility)
        WHERE message_id IN (SELECT p.message_id FROM copy p JOIN folder f ON f.id = p.folder_id
          WHERE f.mailbox_id = ? AND p.message_id IS NOT NULL)
        """,
        (mailbox,),
    )


def disclose(db: sqlite3.Connection, activity: int, owner: str, level: Level | None) -> bool | None:
    """Set what others may see of the message of an activity; ``level`` None: as mailboxes say.

    Only who owns a mailbox that holds it may; where a shared one has no owner, whom it is shared
    with. False: ``owner`` is none of these. None: there is no such activity.
    """
    row = db.execute("SELECT message_id FROM activity WHERE id = ?", (activity,)).fetchone()
    if row is None:
        return None
    (message,) = row
    mine = {
        holder
        for holder, owned_by, access, shared_with in db.execute(
            f"""
            SELECT DISTINCT {HOLDER}, b.owner, b.access, b.shared_with
            FROM copy p JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
            WHERE p.message_id = ? AND p.outcome = 'matched'
            """,
            (message,),
        )
        if owner in ({owned_by} if owned_by else _people("", access, shared_with))
    }
    for holder in mine:
        if level is None:
            db.execute(
                "DELETE FROM disclosure WHERE message_id = ? AND holder = ?", (message, holder)
            )
            continue
        db.execute(
            "INSERT INTO disclosure (message_id, holder, level, set_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET level = excluded.level, set_at = excluded.set_at",
            (message, holder, level.word, now_ms()),
        )
    return bool(mine)
