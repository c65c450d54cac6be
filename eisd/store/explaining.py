"""What `eisd explain` reads: one identity's copies, the names behind hashes, what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from eisd.model.facts import KeyHash
from eisd.store.sql import CHUNK, marks, signed, stamp, unsigned


@dataclass(frozen=True, slots=True)
class Told:
    """One copy as people are told of it; ``facts`` is the matcher's business."""

    mailbox_id: int
    mailbox: str
    folder: str
    remote_id: str
    variant: int
    gate_at: int
    box: str
    live: bool
    held: str
    outcome: str
    reason: str
    facts: bytes
    message_id: int | None
    recorded_at: int
    removed_at: int | None
    attempts: int
    retry_at: int | None
    error: str

    def tell(self) -> dict[str, object]:
        """As JSON."""
        return {
            "mailbox": self.mailbox,
            "folder": self.folder,
            "remote_id": self.remote_id,
            "outcome": self.outcome,
            "reason": "internal" if self.reason == "internal_error" else self.reason,
            "box": self.box,
            "live": self.live,
            "received_at": stamp(self.gate_at),
            "recorded_at": stamp(self.recorded_at),
            "removed_at": None if self.removed_at is None else stamp(self.removed_at),
            "attempts": self.attempts,
            "retry_at": None if self.retry_at is None else stamp(self.retry_at),
            "error": self.error,
        }


def copies(db: sqlite3.Connection, id_key: bytes) -> list[Told]:
    """Every copy that bears an identity, in the order they were recorded."""
    rows = db.execute(
        """
        SELECT f.mailbox_id, b.name, f.name, p.remote_id, p.variant, p.gate_at, p.box, p.live,
          p.held, p.outcome, p.reason, p.facts, p.message_id, p.recorded_at, p.removed_at,
          p.attempts, p.retry_at, p.error
        FROM copy p JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
        WHERE p.id_key = ? ORDER BY p.id
        """,
        (id_key,),
    )
    return [Told(*row) for row in rows]


def written(db: sqlite3.Connection, messages: Collection[int]) -> list[dict[str, object]]:
    """The activities of these messages."""
    cursor = db.execute(
        f"""
        SELECT a.id AS activity_id, a.workspace, a.contact_id, c.name AS contact_name,
          a.direction, a.kind AS class, a.via, a.roles, a.flags, a.occurred_at, a.created_at
        FROM activity a JOIN contact c ON c.id = a.contact
        WHERE a.message_id IN ({marks(len(messages))}) ORDER BY a.id
        """,
        tuple(messages),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def contacts(db: sqlite3.Connection, rows: Collection[int]) -> dict[int, tuple[str, str]]:
    """(id, name) of contacts by row id."""
    return {
        row_id: (contact_id, name)
        for row_id, contact_id, name in db.execute(
            f"SELECT id, contact_id, name FROM contact WHERE id IN ({marks(len(rows))})",
            tuple(rows),
        )
    }


def names(db: sqlite3.Connection, hashes: Collection[KeyHash]) -> dict[KeyHash, str]:
    """Readable addresses behind exact hashes, as far as contacts or kept messages have them."""
    found: dict[KeyHash, str] = {}
    values = [signed(value) for value in hashes]
    for at in range(0, len(values), CHUNK):
        chunk = values[at : at + CHUNK]
        for value, address in db.execute(
            f"SELECT exact, address FROM address WHERE exact IN ({marks(len(chunk))})", chunk
        ):
            found[unsigned(value)] = address
    return found


def rows(db: sqlite3.Connection, messages: Collection[int]) -> dict[str, int]:
    """How many rows of each table these messages are made of."""
    listed = marks(len(messages))
    values = tuple(messages)
    return {
        f"{table}s": db.execute(
            f"SELECT count(*) FROM {table} WHERE message_id IN ({listed})", values
        ).fetchone()[0]
        for table in ("participant", "attachment")
    } | {"messages": len(messages)}
