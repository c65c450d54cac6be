"""What delivery reports and read receipts say of messages, by the hash of the Message-ID (G1).

A report may come before the message it is about is on record (the past is listed newest first),
so it is kept, and laid upon the activities whenever they are written.
"""

from __future__ import annotations

from eisd.store.sql import Connection, stamp

_WORSE = "CASE status WHEN 'bounced' THEN 2 WHEN 'delayed' THEN 1 ELSE 0 END"


def delivery(db: Connection, id_key: bytes, status: str) -> None:
    """Keep a delivery status (bounced, delayed); the worse one stays, whatever the order."""
    db.execute(
        f"""
        INSERT INTO report (id_key, status) VALUES (?1, ?2)
        ON CONFLICT (id_key) DO UPDATE SET status = excluded.status
          WHERE {_WORSE} < CASE ?2 WHEN 'bounced' THEN 2 WHEN 'delayed' THEN 1 ELSE 0 END
        """,
        (id_key, status),
    )


def read(db: Connection, id_key: bytes, at: int) -> None:
    """Keep when a message was read (ms); the earliest one stays."""
    db.execute(
        "INSERT INTO report (id_key, read_at) VALUES (?1, ?2)"
        " ON CONFLICT (id_key) DO UPDATE SET read_at = min(coalesce(read_at, ?2), ?2)",
        (id_key, at),
    )


def apply(db: Connection, id_key: bytes) -> None:
    """Lay what is known of a message upon its outgoing activities."""
    row = db.execute("SELECT status, read_at FROM report WHERE id_key = ?", (id_key,)).fetchone()
    if row is None:
        return
    status, at = row
    db.execute(
        """
        UPDATE activity SET delivery_status = coalesce(?2, delivery_status),
          read_at = coalesce(?3, read_at)
        WHERE direction = 'outgoing'
          AND message_id IN (SELECT id FROM message WHERE id_key = ?1)
        """,
        (id_key, status, None if at is None else stamp(at)),
    )
