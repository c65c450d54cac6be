"""Activities: the rows that say a message concerns a contact. Unique by (message, contact)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eisd.model.mail import Role
from eisd.store.sql import Inserter, Plain, compact, last_id, marks, now_ms, stamp


class ActivityFacts(NamedTuple):
    """One activity as the decision has it; times are RFC 3339 text."""

    message: int
    contact: int
    workspace: str
    direction: str
    kind: str
    roles: Sequence[str]
    via: str
    flags: Sequence[str]
    occurred_at: str
    received_at: str
    visibility: str
    source: str = "sync"


class Fresh(NamedTuple):
    """A new activity, as the log and listeners are told of it."""

    id: int
    message: int
    contact_id: str
    workspace: str
    direction: str
    via: str


_put = Inserter(
    "activity (message_id, contact, workspace, contact_id, direction, kind, roles, via, flags,"
    " occurred_at, received_at, created_at, visibility, source)",
    "?, ?, ?, (SELECT contact_id FROM contact WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
    """
    ON CONFLICT (message_id, contact) DO UPDATE SET direction = excluded.direction,
      kind = excluded.kind, roles = excluded.roles, via = excluded.via,
      flags = excluded.flags, occurred_at = excluded.occurred_at,
      received_at = excluded.received_at, visibility = excluded.visibility,
      source = excluded.source
    """,
)


def put(db: sqlite3.Connection, activities: Iterable[ActivityFacts]) -> list[Fresh]:
    """Record activities, or bring those on record up to the merged facts; return the new ones."""
    now = stamp(now_ms())
    last = last_id(db, "activity")
    _put(db, (), [_values(one, now) for one in activities])
    return [
        Fresh(*row)
        for row in db.execute(
            "SELECT id, message_id, contact_id, workspace, direction, via FROM activity"
            " WHERE id > ? ORDER BY id",
            (last,),
        )
    ]


def _values(a: ActivityFacts, now: str) -> tuple[Plain, ...]:
    return (
        a.message,
        a.contact,
        a.workspace,
        a.contact,
        str(a.direction),
        str(a.kind),
        compact(a.roles),
        str(a.via),
        compact(a.flags),
        a.occurred_at,
        a.received_at,
        now,
        a.visibility,
        a.source,
    )


def yield_to_author(
    db: sqlite3.Connection, message: int, workspace: str, kept: Sequence[int]
) -> None:
    """The author has turned out to be a contact, so the Reply-To counts for nobody (M1)."""
    db.execute(
        "DELETE FROM activity WHERE message_id = ? AND workspace = ? AND roles = ?"
        f" AND contact NOT IN ({marks(len(kept))})",
        (message, workspace, compact([Role.REPLY_TO.value]), *kept),
    )


def flag_removed(db: sqlite3.Connection, messages: Sequence[int]) -> None:
    """The last copies of these messages are gone: say so on their activities (F3, mark)."""
    db.executemany(
        """
        UPDATE activity SET flags = json_insert(flags, '$[#]', 'removed')
        WHERE message_id = ? AND source = 'sync'
          AND NOT EXISTS (SELECT 1 FROM json_each(flags) WHERE value = 'removed')
        """,
        [(message,) for message in messages],
    )


def remove(db: sqlite3.Connection, messages: Sequence[int]) -> None:
    """The last copies of these messages are gone: their activities go too (F3, remove)."""
    for message in messages:
        db.execute("DELETE FROM activity WHERE message_id = ? AND source = 'sync'", (message,))


_LIST = (
    "activity_id, workspace, contact_id, contact_name, message_id, thread_id, mailboxes, owners,"
    " direction, roles, via, flags, source, subject, snippet, text, occurred_at, received_at,"
    " created_at, has_attachments, delivery_status, read_at, visibility"
)
_JSON = ("mailboxes", "owners", "roles", "flags")


def _dict(row: sqlite3.Row | Sequence[object]) -> dict[str, object]:
    found: dict[str, object] = dict(zip(_LIST.replace(" ", "").split(","), row, strict=True))
    for key in _JSON:
        found[key] = json.loads(str(found[key]))
    found["has_attachments"] = bool(found["has_attachments"])
    return found


def listing(
    db: sqlite3.Connection,
    *,
    contact: str | None = None,
    contacts: Sequence[tuple[str, str]] = (),
    mailbox: str | None = None,
    since: str | None = None,
    before: tuple[str, int] | None = None,
    workspace: str | None = None,
    limit: int = 50,
) -> list[dict[str, object]]:
    """Activities as `activity_feed` shows them, newest first.

    ``contact`` is an id in any workspace, ``contacts`` are (workspace, id).
    ``before``: only what comes after that (occurred_at, activity_id) in this order.
    """
    where, values = ["1"], list[object]()
    if workspace is not None:
        where.append("workspace = ?")
        values.append(workspace)
    if before is not None:
        where.append("(occurred_at, activity_id) < (?, ?)")
        values.extend(before)
    if contact is not None:
        where.append("contact_id = ?")
        values.append(contact)
    if contacts:  # the ids once more by themselves, for their index
        where.append(f"contact_id IN ({marks(len(contacts))})")
        values.extend(contact_id for _, contact_id in contacts)
        pairs = ",".join("(?,?)" for _ in contacts)
        where.append(f"(workspace, contact_id) IN (VALUES {pairs})")
        values.extend(part for pair in contacts for part in pair)
    if since is not None:
        where.append("occurred_at >= ?")
        values.append(since)
    if mailbox is not None:
        where.append("EXISTS (SELECT 1 FROM json_each(mailboxes) WHERE value = ?)")
        values.append(mailbox)
    rows = db.execute(
        f"SELECT {_LIST} FROM activity_feed WHERE {' AND '.join(where)}"
        " ORDER BY occurred_at DESC, activity_id DESC LIMIT ?",
        (*values, limit),
    )
    return [_dict(row) for row in rows]


def show(db: sqlite3.Connection, activity: int) -> dict[str, object] | None:
    """One activity with its copies, participants and attachments."""
    row = db.execute(
        f"SELECT {_LIST} FROM activity_feed WHERE activity_id = ?", (activity,)
    ).fetchone()
    if row is None:
        return None
    found = _dict(row)
    for noun in ("copies", "participants", "attachments"):
        cursor = db.execute(f"SELECT * FROM activity_{noun} WHERE activity_id = ?", (activity,))
        names = [column[0] for column in cursor.description]
        found[noun] = [
            {k: v for k, v in zip(names, values, strict=True) if k != "activity_id"}
            for values in cursor
        ]
    return found
