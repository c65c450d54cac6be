"""Messages that concern somebody: their text, participants, attachments and threads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from eisd.model.facts import KeyHash, Mark, Participant
from eisd.model.mail import Attachment, Role
from eisd.store import attachments, tombstones
from eisd.store.sql import Inserter, Plain, chunks, last_id, signed, unsigned


class Content(NamedTuple):
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
    contents: Mapping[str, bytes] = MappingProxyType({})
    """The bytes of attachments that are to be kept, by SHA-256."""


class MessageRow(NamedTuple):
    """What settling needs of a message that is on record."""

    id: int
    variant: int
    identity: str
    thread_id: int
    dated_at: int | None
    received: tuple[int, ...]
    parse_status: str


_ROLE = {role: str(role.value) for role in Role}
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
        for places, chunk in chunks(list(map(bytearray, id_keys)))
        for row in db.execute(f"SELECT id_key FROM message WHERE id_key IN ({places})", chunk)
    }


class NewMessage(NamedTuple):
    """A message as it is about to be recorded."""

    id_key: bytes
    variant: int
    content: Content
    thread: int
    occurred_at: str = ""
    gate_at: int = 0


_insert = Inserter(
    "message (id, id_key, variant, identity, thread_id, subject, subject_key, is_reply, snippet,"
    " text, text_reply, date_raw, dated_at, received, occurred_at, gate_at, size, has_attachments,"
    " parse_status, defects, sha256)",
    ", ".join("?" * 21),
)


def insert(db: sqlite3.Connection, new: Sequence[NewMessage]) -> list[MessageRow]:
    """Record messages with their attachments; participants follow by `name`."""
    first = last_id(db, "message") + 1
    _insert(db, (), [_values(row_id, one) for row_id, one in enumerate(new, first)])
    found = []
    for row_id, (_, variant, content, thread, *_) in enumerate(new, first):
        if content.attachments:
            attachments.insert(db, row_id, content.attachments, content.contents)
        found.append(
            MessageRow(
                row_id,
                variant,
                content.identity,
                thread,
                content.dated_at,
                content.received,
                content.parse_status,
            )
        )
    return found


def _values(row_id: int, new: NewMessage) -> tuple[Plain, ...]:
    id_key, variant, content, thread, occurred_at, gate_at = new
    return (
        row_id,
        id_key,
        variant,
        content.identity,
        thread,
        content.subject,
        signed(content.subject_key),
        int(content.is_reply),
        content.snippet,
        content.text,
        content.text_reply,
        content.date_raw,
        content.dated_at,
        json.dumps(content.received),
        occurred_at,
        gate_at,
        content.size,
        int(any(not a.inline for a in content.attachments)),
        content.parse_status,
        json.dumps(content.defects),
        content.sha256,
    )


def describe(
    db: sqlite3.Connection,
    message: int,
    occurred_at: str,
    gate_at: int,
    people: Iterable[Participant],
) -> None:
    """Set a message's times and its readable participants, from the merged facts (I4)."""
    db.execute(
        "UPDATE message SET occurred_at = ?, gate_at = ? WHERE id = ?",
        (occurred_at, gate_at, message),
    )
    name(db, [(message, people)])


_name = Inserter(
    "participant (message_id, exact, role, address, name, relaxed, domain, registrable, marks)",
    ", ".join("?" * 9),
    """
    ON CONFLICT (message_id, exact) DO UPDATE SET role = excluded.role,
      marks = excluded.marks, name = iif(name = '' AND address NOT LIKE 'purged:%',
        excluded.name, name)
    """,
)


def name(db: sqlite3.Connection, people: Iterable[tuple[int, Iterable[Participant]]]) -> None:
    """Record the readable participants of messages, or bring those on record up to date.

    Of whom was purged, and is no contact anywhere, a keyed hash is written (M10).
    """
    named = [(message, one) for message, them in people for one in them if one.address]
    hidden = tombstones.forgotten(db, [one.exact for _, one in named])
    _name(db, (), [_person(message, one, hidden=one.exact in hidden) for message, one in named])


def _person(message: int, one: Participant, *, hidden: bool) -> tuple[Plain, ...]:
    role, exact, relaxed, domain, registrable, bits, address, name = one
    return (
        message,
        signed(exact),
        _ROLE[role],
        f"purged:{exact:016x}" if hidden else address,
        "" if hidden else name,
        signed(relaxed),
        signed(domain),
        signed(registrable),
        int(bits),
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
