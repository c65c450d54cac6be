"""Where a message on record can be had from, to be answered or forwarded."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Place(NamedTuple):
    """One copy of a message: the mailbox's name and row, its folder, and its name there."""

    mailbox: str
    mailbox_id: int
    folder_id: int
    validity: str
    remote_id: str
    ours: bool
    """eisd sends it, or has sent it: the remote id is a submission's."""


def places(db: sqlite3.Connection, activity: int) -> list[Place]:
    """The copies of an activity's message that are there: received ones first, then the newest."""
    return [
        Place(name, mailbox, folder, validity, remote_id, bool(ours))
        for name, mailbox, folder, validity, remote_id, ours in db.execute(
            """
            SELECT b.name, b.id, f.id, p.validity, p.remote_id, f.status = 'ours'
            FROM activity a JOIN copy p ON p.message_id = a.message_id
            JOIN folder f ON f.id = p.folder_id JOIN mailbox b ON b.id = f.mailbox_id
            WHERE a.id = ? AND b.configured AND (p.removed_at IS NULL OR f.status = 'ours')
            ORDER BY f.status = 'ours', p.box = 'sent', p.id DESC
            """,
            (activity,),
        )
    ]
