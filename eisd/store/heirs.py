"""What `match.thread_inherit` needs of the store (M11): whose thread a message answers.

Only contacts that a message of the thread names themselves count, and only messages that were
received no later: what comes after an answer does not change whose it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from eisd.model.facts import KeyHash
from eisd.store.sql import CHUNK, marks, signed
from eisd.store.threads import Ref, Refs

TABLES = (
    # Copies that concern nobody, by the messages they answer: looked at when one of these comes.
    """
    CREATE TABLE awaiting (
      ref INTEGER NOT NULL,
      id_key BLOB NOT NULL,
      PRIMARY KEY (ref, id_key)
    ) STRICT, WITHOUT ROWID
    """,
)


def contact(
    db: sqlite3.Connection,
    workspace: str,
    parents: Collection[KeyHash],
    others: Refs,
    gate_at: int,
    message: int,
) -> int | None:
    """The one contact of the thread that a message answers; None if there are more, or none.

    ``others`` are its references beside its parents; ``message`` is its row id, or 0.
    """
    known = _messages(db, parents, (Ref.OWN,), message)
    if not known:
        return None
    joined = known | _messages(db, (*parents, *others), tuple(Ref), message)
    rows = db.execute(
        f"""
        SELECT DISTINCT a.contact FROM message m JOIN activity a ON a.message_id = m.id
        JOIN contact c ON c.id = a.contact
        WHERE m.thread_id IN
            (SELECT thread_id FROM message WHERE id IN ({marks(len(joined))}))
          AND a.workspace = ? AND a.via <> 'thread' AND m.id <> ?
          AND (m.gate_at <= ? OR m.id IN ({marks(len(known))}))
          AND c.deleted_at IS NULL
        LIMIT 2
        """,
        (*joined, workspace, message, gate_at, *known),
    ).fetchall()
    return rows[0][0] if len(rows) == 1 else None


def _messages(
    db: sqlite3.Connection, refs: Collection[KeyHash], kinds: Sequence[Ref], without: int
) -> set[int]:
    """Messages that bear one of these references."""
    values = [signed(ref) for ref in refs][:CHUNK]
    return {
        row[0]
        for row in db.execute(
            f"SELECT message_id FROM message_ref WHERE ref IN ({marks(len(values))})"
            f" AND kind IN ({marks(len(kinds))}) AND message_id <> ? LIMIT {CHUNK}",
            (*values, *(int(kind) for kind in kinds), without),
        )
    }


def wait(db: sqlite3.Connection, id_key: bytes, parents: Iterable[KeyHash]) -> None:
    """Remember which messages a copy that concerns nobody answers."""
    db.executemany(
        "INSERT OR IGNORE INTO awaiting (ref, id_key) VALUES (?, ?)",
        [(signed(ref), id_key) for ref in parents],
    )


def answering(db: sqlite3.Connection, ref: KeyHash) -> list[bytes]:
    """Identities of copies that concern nobody and answer this message."""
    rows = db.execute("SELECT id_key FROM awaiting WHERE ref = ?", (signed(ref),))
    return [row[0] for row in rows]


def tidy(db: sqlite3.Connection) -> None:
    """Forget who waits whose copies are gone."""
    db.execute("DELETE FROM awaiting WHERE id_key NOT IN (SELECT id_key FROM copy)")


def inheriting(db: sqlite3.Connection, message: int) -> list[bytes]:
    """Identities of messages in the thread of this one that have their contact from it."""
    rows = db.execute(
        """
        SELECT DISTINCT m.id_key FROM message t JOIN message m ON m.thread_id = t.thread_id
        JOIN activity a ON a.message_id = m.id
        WHERE t.id = ? AND a.via = 'thread' AND m.id <> t.id
        """,
        (message,),
    )
    return [row[0] for row in rows]


def disown(db: sqlite3.Connection, message: int, kept: Collection[int]) -> bool:
    """Take back what a message inherited, but for the contacts ``kept``; True if none is left."""
    db.execute(
        "DELETE FROM activity WHERE message_id = ? AND via = 'thread'"
        f" AND contact NOT IN ({marks(len(kept))})",
        (message, *kept),
    )
    row = db.execute("SELECT 1 FROM activity WHERE message_id = ? LIMIT 1", (message,)).fetchone()
    return row is None


def erase(db: sqlite3.Connection, message: int) -> None:
    """Forget the text of a message that turned out to concern nobody."""
    db.execute("UPDATE copy SET message_id = NULL WHERE message_id = ?", (message,))
    db.execute("DELETE FROM message WHERE id = ?", (message,))
