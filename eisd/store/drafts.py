"""Drafts: messages that are being written, as their author means them. Times in milliseconds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from eisd.store.sql import now_ms, signed, stamp, unsigned

Shown = dict[str, object]


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft. ``content`` is the request it came by, as JSON."""

    id: int
    mailbox: int
    state: str
    """draft, sent or deleted."""
    content: bytes
    message_id: str
    """Of the copy in the mailbox's Drafts, without angle brackets; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Marks:
    """By what a filed draft is known when its owner sends it from another program."""

    message_id: str
    id_key: bytes
    subject_key: int


def _people(recipients: Sequence[tuple[str, int]]) -> str:
    """Addresses with their hashes, as the row has them."""
    return json.dumps([(address, signed(exact)) for address, exact in recipients])


_ROW = "id, mailbox_id, state, content, message_id"


def add(
    db: sqlite3.Connection,
    mailbox: int,
    content: bytes,
    subject: str,
    recipients: Sequence[tuple[str, int]],
) -> int:
    """Keep a new draft."""
    now = now_ms()
    (row_id,) = db.execute(
        "INSERT INTO draft (mailbox_id, content, subject, recipients, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (mailbox, content, subject, _people(recipients), now, now),
    ).fetchone()
    return row_id  # type: ignore[no-any-return]


def get(db: sqlite3.Connection, draft: int) -> Draft | None:
    """One draft."""
    row = db.execute(f"SELECT {_ROW} FROM draft WHERE id = ?", (draft,)).fetchone()
    return None if row is None else Draft(*row)


def change(
    db: sqlite3.Connection,
    draft: int,
    mailbox: int,
    content: bytes,
    subject: str,
    recipients: Sequence[tuple[str, int]],
) -> None:
    """A draft was written anew."""
    db.execute(
        "UPDATE draft SET mailbox_id = ?, content = ?, subject = ?, recipients = ?, updated_at = ?"
        " WHERE id = ?",
        (mailbox, content, subject, _people(recipients), now_ms(), draft),
    )


def file(db: sqlite3.Connection, draft: int, marks: Marks | None) -> None:
    """Its copy lies in the mailbox's Drafts and is known by these marks; None: it does not."""
    db.execute(
        "UPDATE draft SET message_id = ?, id_key = ?, subject_key = ?, filed_at = ? WHERE id = ?",
        (
            marks.message_id if marks else "",
            marks.id_key if marks else b"",
            signed(marks.subject_key) if marks else 0,
            now_ms() if marks else None,
            draft,
        ),
    )


def end(db: sqlite3.Connection, draft: int, state: str, submission: int | None = None) -> None:
    """It was sent, or deleted; its content is kept no longer."""
    db.execute(
        "UPDATE draft SET state = ?, submission_id = ?, content = x'', updated_at = ? WHERE id = ?",
        (state, submission, now_ms(), draft),
    )


def listing(db: sqlite3.Connection, *, limit: int) -> list[Shown]:
    """Drafts that are neither sent nor deleted, the newest first."""
    return [
        _shown(row)
        for row in db.execute(
            f"{_SELECT} WHERE d.state = 'draft' ORDER BY d.id DESC LIMIT ?", (limit,)
        )
    ]


def show(db: sqlite3.Connection, draft: int) -> Shown | None:
    """One draft, whatever became of it."""
    row = db.execute(f"{_SELECT} WHERE d.id = ?", (draft,)).fetchone()
    return None if row is None else _shown(row)


_SELECT = """
  SELECT d.id, b.name, d.state, d.subject, d.recipients, d.created_at, d.updated_at, d.filed_at,
    d.submission_id FROM draft d JOIN mailbox b ON b.id = d.mailbox_id
"""


def _shown(row: tuple[int, str, str, str, str, int, int, int | None, int | None]) -> Shown:
    row_id, mailbox, state, subject, recipients, created, updated, filed, submission = row
    return {
        "id": row_id,
        "mailbox": mailbox,
        "state": state,
        "subject": subject,
        "to": [address for address, _ in json.loads(recipients)],
        "created_at": stamp(created),
        "updated_at": stamp(updated),
        "filed_at": None if filed is None else stamp(filed),
        "submission": submission,
    }


def any_filed(db: sqlite3.Connection, mailbox: int) -> bool:
    """Whether a draft lies in the mailbox's Drafts, as far as is known."""
    row = db.execute(
        "SELECT 1 FROM draft WHERE mailbox_id = ? AND state = 'draft' AND filed_at IS NOT NULL",
        (mailbox,),
    ).fetchone()
    return row is not None


def recognise(
    db: sqlite3.Connection, mailbox: int, id_key: bytes, subject_key: int, people: Sequence[int]
) -> int | None:
    """The filed draft that a message in Sent was, if it was one; it is sent from here on.

    By its Message-ID, which some programs keep; else the same subject to one of the same people.
    """
    rows = db.execute(
        "SELECT id, id_key, subject_key, recipients FROM draft"
        " WHERE mailbox_id = ? AND state = 'draft' AND filed_at IS NOT NULL ORDER BY filed_at DESC",
        (mailbox,),
    ).fetchall()
    everybody = set(people)
    for row_id, own_key, own_subject, listed in rows:
        named = {unsigned(exact) for _, exact in json.loads(listed)}
        alike = unsigned(own_subject) == subject_key and named & everybody
        if own_key == id_key or alike:
            end(db, row_id, "sent")
            return row_id  # type: ignore[no-any-return]
    return None
