"""Invitations: that somebody may connect a mailbox of their own, once, for a while."""

from __future__ import annotations

from dataclasses import dataclass

from eisd.store.sql import Connection

TABLES = (
    """
    CREATE TABLE invite (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        used_at INTEGER,
        mailbox TEXT  -- what was connected with it
    ) STRICT, WITHOUT ROWID
    """,
)
KEPT_MS = 30 * 86_400_000
"""An invitation is forgotten so long after its end."""


@dataclass(frozen=True, slots=True)
class Invite:
    """One invitation. Times in milliseconds since 1970 UTC."""

    id: str
    owner: str
    created_at: int
    expires_at: int
    used_at: int | None = None
    mailbox: str | None = None


def add(db: Connection, invite: Invite) -> None:
    """Remember an invitation, and forget those that ended long ago."""
    db.execute("DELETE FROM invite WHERE expires_at < ?", (invite.created_at - KEPT_MS,))
    db.execute(
        "INSERT INTO invite (id, owner, created_at, expires_at) VALUES (?, ?, ?, ?)",
        (invite.id, invite.owner, invite.created_at, invite.expires_at),
    )


def find(db: Connection, invite: str) -> Invite | None:
    """The invitation of that id, used or not."""
    row = db.execute(
        "SELECT id, owner, created_at, expires_at, used_at, mailbox FROM invite WHERE id = ?",
        (invite,),
    ).fetchone()
    return None if row is None else Invite(*row)


def use(db: Connection, invite: str, *, mailbox: str, now: int) -> bool:
    """Use an invitation up; False if it was used before, has ended, or is not known."""
    done = db.execute(
        "UPDATE invite SET used_at = ?, mailbox = ?"
        " WHERE id = ? AND used_at IS NULL AND expires_at > ?",
        (now, mailbox, invite, now),
    )
    return done.rowcount == 1


def revoke(db: Connection, owner: str, *, now: int) -> int:
    """End every open invitation of an owner; how many there were."""
    done = db.execute(
        "UPDATE invite SET expires_at = ? WHERE owner = ? AND used_at IS NULL AND expires_at > ?",
        (now, owner, now),
    )
    return done.rowcount
