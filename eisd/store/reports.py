"""What delivery reports and read receipts say of messages, by the hash of the Message-ID (G1).

A report may come before the message it is about is on record (the past is listed newest first),
so it is kept, and laid upon the activities whenever they are written.
"""

from __future__ import annotations

from collections.abc import Sequence

from eisd.model.submission import RecipientState
from eisd.store.sql import Connection, chunks, marks, signed, stamp, unsigned

TABLES = (
    # What they say of single recipients, by the hash of the address.
    """
    CREATE TABLE recipient_report (
      id_key BLOB NOT NULL,
      exact INTEGER NOT NULL,
      status TEXT NOT NULL,
      PRIMARY KEY (id_key, exact)
    ) STRICT, WITHOUT ROWID
    """,
)
_RANK = ("queued", "sent", "delayed", "bounced", "failed")
_WORSE = (
    "DO UPDATE SET status = excluded.status"
    " WHERE CASE status WHEN 'bounced' THEN 2 WHEN 'delayed' THEN 1 ELSE 0 END"
    " < CASE excluded.status WHEN 'bounced' THEN 2 WHEN 'delayed' THEN 1 ELSE 0 END"
)


def delivery(db: Connection, id_key: bytes, status: str) -> None:
    """Keep a delivery status (bounced, delayed); the worse one stays, whatever the order."""
    db.execute(
        f"INSERT INTO report (id_key, status) VALUES (?, ?) ON CONFLICT (id_key) {_WORSE}",
        (id_key, status),
    )


def delivery_to(db: Connection, id_key: bytes, exact: int, status: str) -> None:
    """Keep the delivery status of one recipient, by the hash of the address; 0 is of all."""
    db.execute(
        "INSERT INTO recipient_report (id_key, exact, status) VALUES (?, ?, ?)"
        f" ON CONFLICT (id_key, exact) {_WORSE}",
        (id_key, signed(exact), status),
    )


def read(db: Connection, id_key: bytes, at: int) -> None:
    """Keep when a message was read (ms); the earliest one stays."""
    db.execute(
        "INSERT INTO report (id_key, read_at) VALUES (?1, ?2)"
        " ON CONFLICT (id_key) DO UPDATE SET read_at = min(coalesce(read_at, ?2), ?2)",
        (id_key, at),
    )


def recipient(
    db: Connection, submission: int, exact: Sequence[int], state: RecipientState, reply: str
) -> list[int]:
    """Keep what a report says of those recipients of a submission that have these hashes.

    Returns the hashes that were recipients. The worse state stays, whatever the order.
    """
    found = [
        unsigned(one)
        for (one,) in db.execute(
            "SELECT exact FROM recipient WHERE submission_id = ?"
            f" AND exact IN ({marks(len(exact))})",
            (submission, *map(signed, exact)),
        )
    ]
    db.executemany(
        "UPDATE recipient SET state = ?1, reply = ?2 WHERE submission_id = ?3 AND exact = ?4"
        " AND state NOT IN ('bounced', 'failed') AND state <> ?1",
        [(state, reply, submission, signed(one)) for one in found],
    )
    return found


def bounced(db: Connection, exact: int, at: int, status: str) -> None:
    """Nobody is reached by the address of that hash (ms; an enhanced status code)."""
    db.execute(
        "INSERT INTO bounce (exact, bounced_at, status) VALUES (?, ?, ?) ON CONFLICT (exact)"
        " DO UPDATE SET bounced_at = excluded.bounced_at, status = excluded.status"
        " WHERE excluded.bounced_at > bounced_at",
        (signed(exact), at, status),
    )


def heard_from(db: Connection, authors: Sequence[tuple[int, int]]) -> None:
    """Mail came (ms) from the addresses of these hashes after they had bounced: none is dead."""
    if db.execute("SELECT 1 FROM bounce LIMIT 1").fetchone():
        db.executemany(
            "DELETE FROM bounce WHERE exact = ? AND bounced_at < ?",
            [(signed(exact), at) for exact, at in authors],
        )


def names(db: Connection, id_key: bytes, exact: int) -> bool:
    """Whether a message on record names the address of that hash."""
    row = db.execute(
        "SELECT 1 FROM message m JOIN participant p ON p.message_id = m.id"
        " WHERE m.id_key = ? AND p.exact = ? LIMIT 1",
        (id_key, signed(exact)),
    ).fetchone()
    return row is not None


def known(db: Connection, id_keys: Sequence[bytes]) -> list[bytes]:
    """Those of these identities for which there is something to `apply`."""
    return [
        row[0]
        for places, chunk in chunks(list(map(bytearray, id_keys)))
        for row in db.execute(
            f"SELECT id_key FROM report WHERE id_key IN ({places})"
            f" UNION SELECT id_key FROM recipient_report WHERE id_key IN ({places})"
            f" UNION SELECT id_key FROM submission WHERE id_key IN ({places})",
            (*chunk, *chunk, *chunk),
        )
    ]


def apply(db: Connection, id_key: bytes) -> None:
    """Lay what is known of a message upon its outgoing activities."""
    if not known(db, [id_key]):
        return
    report = db.execute("SELECT status, read_at FROM report WHERE id_key = ?", (id_key,)).fetchone()
    submission = db.execute(
        "SELECT id, sent_at, state FROM submission WHERE id_key = ? ORDER BY id LIMIT 1", (id_key,)
    ).fetchone()
    told, read_at = report or (None, None)
    for activity, message, contact in db.execute(
        "SELECT a.id, a.message_id, a.contact FROM activity a JOIN message m"
        " ON m.id = a.message_id WHERE m.id_key = ? AND a.direction = 'outgoing'",
        (id_key,),
    ).fetchall():
        said = [told, *_reported(db, id_key, message, contact)]
        if submission is not None:
            said.append(_status(db, submission, message, contact))
        db.execute(
            "UPDATE activity SET delivery_status = coalesce(?, delivery_status),"
            " read_at = coalesce(?, read_at) WHERE id = ?",
            (_worst(said), None if read_at is None else stamp(read_at), activity),
        )


def _reported(db: Connection, id_key: bytes, message: int, contact: int) -> list[str]:
    """What reports say of a contact's addresses in a message, and of those that are not in it."""
    return [
        status
        for (status,) in db.execute(
            """
            SELECT r.status FROM recipient_report r
            LEFT JOIN participant p ON p.message_id = ?2 AND p.exact = r.exact
            WHERE r.id_key = ?1 AND (p.exact IS NULL OR EXISTS (
              SELECT 1 FROM address d
              WHERE d.contact = ?3 AND (d.exact = p.exact OR d.relaxed = p.relaxed)))
            """,
            (id_key, message, contact),
        )
    ]


def _status(
    db: Connection, submission: tuple[int, int | None, str], message: int, contact: int
) -> str:
    """How delivery of a submission to one contact stands: by its own addresses, if any."""
    row_id, sent_at, state = submission
    own: list[str] = [
        one
        for (one,) in db.execute(
            """
            SELECT r.state FROM participant p
            JOIN address d ON d.contact = ?3 AND (d.exact = p.exact OR d.relaxed = p.relaxed)
            JOIN recipient r ON r.submission_id = ?1 AND r.exact = p.exact
            WHERE p.message_id = ?2
            """,
            (row_id, message, contact),
        )
    ]
    if own:
        return max(own, key=_RANK.index)
    if sent_at is not None:
        return "sent"
    return "failed" if state == "failed" else "queued"


def _worst(said: Sequence[str | None]) -> str | None:
    return max((one for one in said if one is not None), key=_RANK.index, default=None)
