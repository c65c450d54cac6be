"""Attachments of matched mail: what is listed of each, and its bytes where they are kept.

Bytes are kept once, whatever number of messages bear them, and go with the last that does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from eisd.model.mail import Attachment

TABLES = (
    """
    CREATE TABLE blob (
      sha256 TEXT PRIMARY KEY,
      content BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX attachment_blob ON attachment(sha256) WHERE stored",
    """
    CREATE TRIGGER blob_unused AFTER DELETE ON attachment WHEN old.stored
    BEGIN
      DELETE FROM blob WHERE sha256 = old.sha256
        AND NOT EXISTS (SELECT 1 FROM attachment WHERE sha256 = old.sha256 AND stored);
    END
    """,
)


def insert(
    db: sqlite3.Connection,
    message: int,
    attachments: Iterable[Attachment],
    contents: Mapping[str, bytes],
) -> None:
    """List a message's attachments, and keep the bytes of those that ``contents`` has (SHA-256)."""
    db.executemany(
        "INSERT OR IGNORE INTO blob (sha256, content) VALUES (?, ?)", list(contents.items())
    )
    db.executemany(
        "INSERT INTO attachment (message_id, filename, content_type, size, inline, content_id,"
        " sha256, stored) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                message,
                a.filename,
                a.content_type,
                a.size,
                a.inline,
                a.content_id,
                a.sha256,
                a.sha256 in contents,
            )
            for a in attachments
        ],
    )


def content(db: sqlite3.Connection, activity: int, sha256: str) -> bytes | None:
    """The bytes of one attachment of an activity, if they are kept."""
    row = db.execute(
        """
        SELECT b.content FROM activity a
        JOIN attachment t ON t.message_id = a.message_id AND t.stored
        JOIN blob b ON b.sha256 = t.sha256
        WHERE a.id = ? AND t.sha256 = ? LIMIT 1
        """,
        (activity, sha256),
    ).fetchone()
    return None if row is None else bytes(row[0])
