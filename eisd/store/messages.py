"""Messages that concern somebody: their text, participants, attachments and threads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eisd.model.facts import KeyHash, Mark, Participant
from eisd.model.mail import Attachment, Role
from eisd.store import attachments
from eisd.store.sql import CHUNK, marks, signed, unsigned


@dataclass(frozen=True, slots=True)
class Content:
    """What is kept of a message beside its copies. Times in milliseconds; text is clean."""

    identity: str
    subject: str
    subject_key: KeyHash
    """Of the subject without its prefixes; 0 when nothing is left."""
    is_reply: bool
    snippet: str
    text: str
    text_reply: str
    date_raw: str
    dated_at: int | None
    received: tuple[int, ...]
    size: int
    parse_status: str
    defects: tuple[str, ...]
    sha256: str
    attachments: tuple[Attachment, ...]
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The bytes of attachments that are to be kept, by SHA-256."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """What settling needs of a message that is on record."""

    id: int
    variant: int
    identity: str
    thread_id: int
    dated_at: int | None
    received: tuple[int, ...]
    parse_status: str


_ROW = "id, variant, identity, thread_id, dated_at, received, parse_status"


def find(db: sqlite3.Connection, id_key: bytes, variant: int) -> MessageRow | None:
    """The message of that identity, if it is on record."""
    row = db.execute(
        f"SELECT {_ROW} FROM message WHERE id_key = ? AND variant = ?", (id_key, variant)
    ).fetchone()
    if row is None:
        return None
    row_id, variant, identity, thread, dated, received, status = row
    return MessageRow(row_id, variant, identity, thread, dated, tuple(json.loads(received)), status)


def on_record(db: sqlite3.Connection, id_keys: Sequence[bytes]) -> set[bytes]:
    """Those of these identities that a message on record bears."""
    return {
        row[0]
        for at in range(0, len(id_keys), CHUNK)
        for row in db.execute(
            f"SELECT id_key FROM message WHERE id_key IN ({marks(len(id_keys[at : at + CHUNK]))})",
            id_keys[at : at + CHUNK],
        )
    }


def insert(
    db: sqlite3.Connection, id_key: bytes, variant: int, content: Content, thread: int
) -> MessageRow:
    """Record a message with its attachments; participants and times follow by `describe`."""
    (row_id,) = db.execute(
        """
        INSERT INTO message (id_key, variant, identity, thread_id, subject, subject_key, is_reply,
          snippet, text, text_reply, date_raw, dated_at, received, occurred_at, gate_at, size,
          has_attachments, parse_status, defects, sha256)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?, ?, ?, ?) RETURNING id
        """,
        (
            id_key,
            variant,
            content.identity,
            thread,
            content.subject,
            signed(content.subject_key),
            content.is_reply,
            content.snippet,
            content.text,
            content.text_reply,
            content.date_raw,
            content.dated_at,
            json.dumps(content.received),
            content.size,
            any(not a.inline for a in content.attachments),
            content.parse_status,
            json.dumps(content.defects),
            content.sha256,
        ),
    ).fetchone()
    attachments.insert(db, row_id, content.attachments, content.contents)
    return MessageRow(
        row_id,
        variant,
        content.identity,
        thread,
        content.dated_at,
        content.received,
        content.parse_status,
    )


def describe(
    db: sqlite3.Connection,
    message: int,
    occurred_at: str,
    gate_at: int,
    people: Iterable[Participant],
) -> None:
    """Set a message's times and its readable participants, from the merged facts (I4).

    Of whom was purged, and is no contact anywhere, a keyed hash is written (M10).
    """
    db.execute(
        "UPDATE message SET occurred_at = ?, gate_at = ? WHERE id = ?",
        (occurred_at, gate_at, message),
    )
    db.executemany(
        """
        INSERT INTO participant (message_id, exact, role, address, name, relaxed, domain,
          registrable, marks)
        SELECT ?1, ?2, ?3, iif(purged, printf('purged:%016x', ?2), ?4), iif(purged, '', ?5), ?6, ?7,
          ?8, ?9
        FROM (SELECT EXISTS (SELECT 1 FROM tombstone WHERE hash = ?2 AND purged)
          AND NOT EXISTS (SELECT 1 FROM address a JOIN contact c ON c.id = a.contact
            WHERE a.exact = ?2 AND a.ended_at IS NULL AND c.deleted_at IS NULL) AS purged)
        WHERE true
        ON CONFLICT (message_id, exact) DO UPDATE SET role = excluded.role,
          marks = excluded.marks, name = iif(name = '' AND address NOT LIKE 'purged:%',
            excluded.name, name)
        """,
        [
            (
                message,
                signed(p.exact),
                p.role,
                p.address,
                p.name,
                signed(p.relaxed),
                signed(p.domain),
                signed(p.registrable),
                p.marks,
            )
            for p in people
            if p.address
        ],
    )


def people(db: sqlite3.Connection, message: int) -> dict[KeyHash, Participant]:
    """A message's readable participants by their exact hash."""
    return {
        unsigned(exact): Participant(
            Role(role),
            unsigned(exact),
            unsigned(relaxed),
            unsigned(domain),
            unsigned(registrable),
            Mark(bits),
            address,
            name,
        )
        for exact, role, address, name, relaxed, domain, registrable, bits in db.execute(
            "SELECT exact, role, address, name, relaxed, domain, registrable, marks"
            " FROM participant WHERE message_id = ?",
            (message,),
        )
    }


def set_variant(db: sqlite3.Connection, message: int, variant: int, identity: str) -> None:
    """Another message has come to bear the bare identity, or this one has (I2)."""
    db.execute(
        "UPDATE message SET variant = ?, identity = ? WHERE id = ?", (variant, identity, message)
    )
