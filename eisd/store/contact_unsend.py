"""What the outbox and the drafts say of a person who is purged (M10): taken out of them.

Nobody is written to under a hash: a recipient that has become one is never tried again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from eisd.model.facts import KeyHash
from eisd.store.sql import now_ms, signed, unsigned

HASHED: Final = "purged:"
"""What an address begins with that has become a keyed hash."""
_LISTS: Final = ("to", "cc", "bcc", "reply_to")


def hashed(exact: int) -> str:
    """What stands for a purged address with that hash."""
    return f"{HASHED}{exact & (1 << 64) - 1:016x}"


def forget(
    db: sqlite3.Connection, keys: Iterable[KeyHash], contacts: Iterable[str]
) -> tuple[int, int]:
    """Take these out of what was sent and of drafts; return how many of each named them.

    ``contacts`` are the ids by which drafts may name them. What is still to be sent is let through,
    for somebody wants it to arrive: `ended` follows.
    """
    sent: set[int] = set()
    drafts: set[int] = set()
    for key in keys:
        value = signed(key)
        rows = db.execute(
            "SELECT r.submission_id FROM recipient r JOIN submission s ON s.id = r.submission_id"
            " WHERE r.exact = ? AND s.ended_at IS NOT NULL",
            (value,),
        ).fetchall()
        for (submission,) in rows:
            _submission(db, submission, value)
            _drop_message(db, submission)
            sent.add(submission)
        drafts.update(_drafts(db, value))
    for contact in contacts:
        drafts.update(_drafts_by_id(db, contact))
    return len(sent), len(drafts)


def ended(db: sqlite3.Connection, submission: int) -> None:
    """A submission has come to its end: who was purged meanwhile is taken out of it now."""
    rows = db.execute(
        """
        SELECT r.exact FROM recipient r WHERE r.submission_id = ?
          AND EXISTS (SELECT 1 FROM tombstone t WHERE t.hash = r.exact AND t.purged)
          AND NOT EXISTS (SELECT 1 FROM address a JOIN contact c ON c.id = a.contact
            WHERE a.exact = r.exact AND a.ended_at IS NULL AND c.deleted_at IS NULL)
        """,
        (submission,),
    ).fetchall()
    for (exact,) in rows:
        _submission(db, submission, exact)
    if rows:
        _drop_message(db, submission, unless="sent")


def _drop_message(db: sqlite3.Connection, submission: int, *, unless: str = "") -> None:
    """A message goes; one whose copy is still to be filed goes when that is done.

    ``unless``: nor in that state, from which a copy may still have to be filed.
    """
    db.execute(
        "DELETE FROM submission_message WHERE submission_id ="
        " (SELECT id FROM submission WHERE id = ? AND filing <> 'due' AND state <> ?)",
        (submission, unless),
    )


def _submission(db: sqlite3.Connection, submission: int, exact: int) -> None:
    """One recipient becomes a hash; what went to nobody else loses its subject, too."""
    known = db.execute(
        "SELECT address FROM recipient WHERE submission_id = ? AND exact = ?", (submission, exact)
    ).fetchall()
    for (address,) in known:  # servers quote addresses in what they answer
        quoted = (submission, address)
        db.execute(
            "UPDATE submission SET reply = '' WHERE id = ? AND instr(lower(reply), lower(?))",
            quoted,
        )
        db.execute(
            "UPDATE recipient SET reply = '' WHERE submission_id = ?"
            " AND instr(lower(reply), lower(?))",
            quoted,
        )
    db.execute(
        "DELETE FROM recipient WHERE submission_id = ?1 AND exact = ?2 AND address <>"
        " (SELECT min(address) FROM recipient WHERE submission_id = ?1 AND exact = ?2)",
        (submission, exact),
    )
    db.execute(
        "UPDATE recipient SET address = ?, reply = '' WHERE submission_id = ? AND exact = ?",
        (hashed(exact), submission, exact),
    )
    db.execute(
        "UPDATE submission SET subject = '', reply = '' WHERE id = ?1 AND NOT EXISTS"
        f" (SELECT 1 FROM recipient WHERE submission_id = ?1 AND address NOT LIKE '{HASHED}%')",
        (submission,),
    )


def _drafts(db: sqlite3.Connection, exact: int) -> list[int]:
    """Take somebody out of every draft; one to nobody else is deleted with its words."""
    named = []
    for draft, state, content, recipients in db.execute(
        "SELECT id, state, content, recipients FROM draft WHERE instr(recipients, ?)", (str(exact),)
    ).fetchall():
        people = [(address, key) for address, key in json.loads(recipients)]
        mine = [address for address, key in people if key == exact]
        if not mine or mine == [hashed(exact)]:
            continue
        named.append(draft)
        after = [(hashed(key) if key == exact else address, key) for address, key in people]
        db.execute("UPDATE draft SET recipients = ? WHERE id = ?", (json.dumps(after), draft))
        if all(address.startswith(HASHED) for address, _ in after):
            _delete(db, draft)
        elif state == "draft":
            left = json.dumps(_without(json.loads(content), mine)).encode()
            db.execute("UPDATE draft SET content = ? WHERE id = ?", (left, draft))
    return named


def _drafts_by_id(db: sqlite3.Connection, contact: str) -> list[int]:
    """Delete drafts that are made for a contact and have no recipient yet; others forget it."""
    rows = db.execute(
        "SELECT id, content, recipients FROM draft"
        " WHERE state = 'draft' AND json_extract(CAST(content AS TEXT), '$.contact') = ?",
        (contact,),
    ).fetchall()
    for draft, content, recipients in rows:
        if json.loads(recipients):
            left = json.dumps({**json.loads(content), "contact": None, "fields": {}}).encode()
            db.execute("UPDATE draft SET content = ? WHERE id = ?", (left, draft))
        else:
            _delete(db, draft)
    return [draft for draft, _, _ in rows]


def _delete(db: sqlite3.Connection, draft: int) -> None:
    db.execute(
        "UPDATE draft SET state = iif(state = 'draft', 'deleted', state), subject = '',"
        " content = x'', updated_at = ? WHERE id = ?",
        (now_ms(), draft),
    )


def _without(content: dict[str, Any], addresses: list[str]) -> dict[str, Any]:
    """A draft's request without these recipients; its words stay, they are to others as well."""
    lowered = [one.lower() for one in addresses]
    kept = {
        name: [one for one in content.get(name) or () if not _names(str(one).lower(), lowered)]
        for name in _LISTS
    }
    return {**content, **kept}


def _names(party: str, addresses: list[str]) -> bool:
    """Whether ``Name <address>``, or a bare address, is one of these."""
    return any(party.strip() == one or f"<{one}>" in party for one in addresses)


def submissions_about(
    db: sqlite3.Connection, keys: Iterable[KeyHash]
) -> Iterable[dict[str, object]]:
    """What was sent to somebody, or is to be; of its recipients only the person itself."""
    for key in keys:
        cursor = db.execute(
            """
            SELECT s.id, b.name AS mailbox, s.state, '<' || s.message_id || '>' AS message_id,
              s.subject, s.created_at, s.sent_at, r.address, r.state AS delivery, r.reply
            FROM recipient r JOIN submission s ON s.id = r.submission_id
            JOIN mailbox b ON b.id = s.mailbox_id WHERE r.exact = ? ORDER BY s.id
            """,
            (signed(key),),
        )
        names = [column[0] for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))


def drafts_about(db: sqlite3.Connection, keys: Iterable[KeyHash]) -> Iterable[dict[str, Any]]:
    """Drafts to somebody: their words, and nothing of other recipients."""
    wanted = set(keys)
    for key in wanted:
        for draft, mailbox, state, content, subject, recipients in db.execute(
            "SELECT d.id, b.name, d.state, d.content, d.subject, d.recipients FROM draft d"
            " JOIN mailbox b ON b.id = d.mailbox_id WHERE instr(d.recipients, ?) ORDER BY d.id",
            (str(signed(key)),),
        ):
            mine = [one for one, exact in json.loads(recipients) if unsigned(exact) in wanted]
            said = json.loads(content) if content else {}
            words = {name: said.get(name) for name in ("text", "html") if said.get(name)}
            told = {"id": draft, "mailbox": mailbox, "state": state, "subject": subject}
            if mine:
                yield told | {"to": mine} | words
