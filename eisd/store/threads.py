"""Threads (H1, H2): which messages belong together, whatever the order in which they came.

Two messages are in one thread if they share a reference: a Message-ID that one bears or names, or
the provider's own thread in one mailbox. References are keyed hashes, those of parents that nobody
has seen included, so a parent that comes later joins what waited for it.

A reply of which no parent is on record may follow, by its subject, the last message before it
(`follow`). That is weaker: it is taken back as soon as a parent shows. So a thread is a function
of the messages on record, and only its number tells which came first: the lower one wins.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum

from eisd.model.facts import KeyHash
from eisd.store.sql import Inserter, chunks, last_id, signed

TABLES = (
    # kind: see `Ref`. A reference of a message that is on record.
    """
    CREATE TABLE message_ref (
      ref INTEGER NOT NULL,
      message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
      kind INTEGER NOT NULL,
      PRIMARY KEY (ref, message_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX message_ref_message ON message_ref(message_id)",
    # The subject without its prefixes, as a keyed hash; 0: none to go by.
    "ALTER TABLE message ADD COLUMN subject_key INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN is_reply INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN follows INTEGER REFERENCES message(id) ON DELETE SET NULL",
    "CREATE INDEX message_subject ON message(subject_key, gate_at) WHERE subject_key <> 0",
    "CREATE INDEX message_follows ON message(follows) WHERE follows IS NOT NULL",
    # The provider's thread of a copy, as a keyed hash that holds the mailbox too.
    "ALTER TABLE copy ADD COLUMN thread INTEGER",
)

WITHIN_MS = 30 * 86_400_000
"""How long a subject holds a thread together."""
SHARED = 2
"""So many participants, Bcc aside, two messages of one subject must share."""
MOST = 200
"""Of a subject that half the world uses, so many messages are looked at."""


class Ref(IntEnum):
    """What a reference is to a message."""

    OWN = 0
    PARENT = 1
    PROVIDER = 2


Refs = Mapping[KeyHash, Ref]


def threads_for(db: sqlite3.Connection, new: Sequence[Refs]) -> list[int]:
    """The threads that new messages with these references belong to; those they join are one."""
    first = last_id(db, "thread") + 1
    bearer: dict[int, int] = {}
    heads: dict[int, int] = {}
    for ref, thread in _threads(db, {ref for refs in new for ref in refs}):
        heads[thread] = thread
        bearer[ref] = thread
    for number, refs in enumerate(new, first):  # the number of a thread of its own
        heads[number] = number
        for ref in map(signed, refs):
            _tie(heads, bearer.setdefault(ref, number), number)
    joined: dict[int, set[int]] = {}
    for one in heads:
        joined.setdefault(_head(heads, one), set()).add(one)
    for thread, others in joined.items():
        if thread < first:
            _merge(db, {one for one in others if one < first})
    found = [_head(heads, number) for number in range(first, first + len(new))]
    _new_thread(db, (), [(thread,) for thread in sorted(set(found)) if thread >= first])
    return found


_new_thread = Inserter("thread (id)", "?")
_new_ref = Inserter("message_ref (ref, message_id, kind)", "?, ?, ?")


def bear(db: sqlite3.Connection, new: Iterable[tuple[int, Refs]]) -> None:
    """Record the references of new messages, which are in their threads already."""
    _new_ref(
        db,
        (),
        [(signed(ref), message, int(kind)) for message, refs in new for ref, kind in refs.items()],
    )


def attach(db: sqlite3.Connection, message: int, refs: Refs) -> bool:
    """Record a message's references and join what they join; True if there were new ones."""
    known = {row[0] for row in _of(db, message)}
    new = {signed(ref): kind for ref, kind in refs.items() if signed(ref) not in known}
    if not new:
        return False
    _new_ref(db, (), [(ref, message, int(kind)) for ref, kind in new.items()])
    if known:
        _merge(db, {thread for _, thread in _threads(db, refs)})
    return True


def leading(db: sqlite3.Connection, new: Sequence[int]) -> list[int]:
    """Those of these new messages that `follow` may find something to do for.

    Another message of their subject came near them, one of the two a reply; or one that follows
    its subject names them.
    """
    return [
        row[0]
        for places, chunk in chunks(new)
        for row in db.execute(
            f"""
            SELECT m.id FROM message m WHERE m.id IN ({places}) AND m.subject_key <> 0
              AND EXISTS (SELECT 1 FROM message x
                WHERE x.subject_key = m.subject_key AND x.subject_key <> 0 AND x.id <> m.id
                  AND x.gate_at > m.gate_at - {WITHIN_MS} AND x.gate_at < m.gate_at + {WITHIN_MS}
                  AND (m.is_reply OR x.is_reply))
            UNION
            SELECT o.message_id FROM message_ref o JOIN message_ref r ON r.ref = o.ref
            JOIN message m ON m.id = r.message_id
            WHERE o.message_id IN ({places}) AND o.kind <> 1 AND r.message_id <> o.message_id
              AND m.follows IS NOT NULL
            """,
            (*chunk, *chunk),
        )
    ]


def follow(db: sqlite3.Connection, message: int) -> bool:
    """Bring up to date who follows whom by subject, after a message came or changed (H1).

    True if a thread has changed.
    """
    gone: set[int] = set()
    changed = False
    for one in _touched(db, message):
        (before,) = db.execute("SELECT follows FROM message WHERE id = ?", (one,)).fetchone()
        now = _followed(db, one)
        if now != before:
            db.execute("UPDATE message SET follows = ? WHERE id = ?", (now, one))
            changed = True
            if before is None:
                _merge(db, _threads_of(db, (one, now)))
            else:
                gone.add(one)
    for one in gone:
        _part(db, one)
    return changed


def around(db: sqlite3.Connection, message: int) -> list[int]:
    """Other messages whose place a message that goes may have decided; for `mend` after it."""
    thread = _threads_of(db, (message,)).pop()
    row = db.execute(
        "SELECT min(id) FROM message WHERE thread_id = ? AND id <> ?", (thread, message)
    ).fetchone()
    answers = db.execute(
        "SELECT r.message_id FROM message_ref o JOIN message_ref r ON r.ref = o.ref"
        " WHERE o.message_id = ? AND o.kind = 0 AND r.kind = 1",
        (message,),
    )
    found = [*_touched(db, message), *(one for (one,) in answers)]
    if row[0] is not None:
        found.insert(0, row[0])
    return [one for one in dict.fromkeys(found) if one != message]


def mend(db: sqlite3.Connection, messages: Sequence[int]) -> None:
    """A message is gone that held these together: each goes where it belongs without it."""
    if messages:
        _part(db, messages[0])
    for one in messages:
        follow(db, one)


def adopt(db: sqlite3.Connection) -> None:
    """Take over the references of databases that kept them by thread; those go."""
    own = [
        (signed(int.from_bytes(id_key[:8], "big") or 1), message)
        for message, id_key in db.execute("SELECT id, id_key FROM message")
    ]
    db.executemany("INSERT INTO message_ref (ref, message_id, kind) VALUES (?, ?, 0)", own)
    db.execute(
        "INSERT OR IGNORE INTO message_ref (ref, message_id, kind)"
        " SELECT r.ref, min(m.id), 1 FROM thread_ref r"
        " JOIN message m ON m.thread_id = r.thread_id GROUP BY r.ref"
    )
    db.execute("DROP TABLE thread_ref")


# Inside

_KEY = "gate_at, {0}.is_reply, {0}.id_key, {0}.variant"


def _order(name: str) -> str:
    """What messages of one subject are put in order by; the opening one before its replies."""
    return f"({name}.{_KEY.format(name)})"


_SHARES = f"""
  (SELECT count(*) FROM participant a JOIN participant b
     ON b.message_id = x.id AND b.exact = a.exact AND b.role <> 'bcc'
   WHERE a.message_id = m.id AND a.role <> 'bcc') >= {SHARED}
"""
_KNOWS_A_PARENT = """
  EXISTS (SELECT 1 FROM message_ref r JOIN message_ref o
      ON o.ref = r.ref AND o.message_id <> r.message_id
    WHERE r.message_id = m.id AND (r.kind, o.kind) IN ((1, 0), (2, 2)))
"""


def _followed(db: sqlite3.Connection, message: int) -> int | None:
    """The message that a reply without any known parent follows by its subject, if there is one."""
    subject, is_reply, gate_at = _by_subject(db, message)
    if not subject or not is_reply:
        return None
    if db.execute(
        f"SELECT 1 FROM message m WHERE id = ? AND {_KNOWS_A_PARENT}", (message,)
    ).fetchone():
        return None
    row = db.execute(
        f"""
        SELECT x.id FROM (
          SELECT id, gate_at, is_reply, id_key, variant FROM message
          WHERE subject_key = ?2 AND subject_key <> 0
            AND gate_at > ?3 - {WITHIN_MS} AND gate_at <= ?3
          ORDER BY gate_at DESC LIMIT {MOST}) x JOIN message m ON m.id = ?1
        WHERE {_order("x")} < {_order("m")} AND {_SHARES}
        ORDER BY x.gate_at DESC, x.is_reply DESC, x.id_key DESC, x.variant DESC LIMIT 1
        """,
        (message, subject, gate_at),
    ).fetchone()
    return None if row is None else int(row[0])


def _touched(db: sqlite3.Connection, message: int) -> list[int]:
    """Messages whose place by subject a message may have changed, itself first."""
    subject, _, gate_at = _by_subject(db, message)
    later = db.execute(
        f"""
        SELECT m.id FROM message m JOIN message x ON x.id = ?1
        LEFT JOIN message f ON f.id = m.follows
        WHERE m.subject_key = ?2 AND m.subject_key <> 0
          AND m.gate_at >= ?3 AND m.gate_at < ?3 + {WITHIN_MS}
          AND m.is_reply AND m.id <> ?1
          AND (f.id IS NULL OR {_order("f")} < {_order("x")})
          AND NOT {_KNOWS_A_PARENT} AND {_SHARES}
        LIMIT {MOST}
        """,
        (message, subject, gate_at),
    )
    followers = db.execute(
        """
        SELECT id FROM message WHERE follows = ?1
        UNION
        SELECT m.id FROM message_ref o JOIN message_ref r ON r.ref = o.ref
        JOIN message m ON m.id = r.message_id
        WHERE o.message_id = ?1 AND o.kind <> 1 AND r.message_id <> ?1 AND m.follows IS NOT NULL
        """,
        (message,),
    )
    found = [message, *(row[0] for row in later), *(row[0] for row in followers)]
    return list(dict.fromkeys(found))


def _by_subject(db: sqlite3.Connection, message: int) -> tuple[int, bool, int]:
    """What a message goes by when headers say nothing: subject, whether a reply, receive time."""
    subject, is_reply, gate_at = db.execute(
        "SELECT subject_key, is_reply, gate_at FROM message WHERE id = ?", (message,)
    ).fetchone()
    return subject, is_reply, gate_at


def _of(db: sqlite3.Connection, message: int) -> list[tuple[int, int]]:
    return db.execute(
        "SELECT ref, kind FROM message_ref WHERE message_id = ?", (message,)
    ).fetchall()


def _threads(db: sqlite3.Connection, refs: Iterable[KeyHash]) -> Iterator[tuple[int, int]]:
    """Each of these references, as SQLite keeps it, with the thread of those that bear it."""
    for places, chunk in chunks([signed(ref) for ref in refs]):
        yield from db.execute(
            "SELECT DISTINCT r.ref, m.thread_id FROM message_ref r"
            f" JOIN message m ON m.id = r.message_id WHERE r.ref IN ({places})",
            chunk,
        )


def _threads_of(db: sqlite3.Connection, messages: Iterable[int | None]) -> set[int]:
    found = set()
    for message in messages:
        row = db.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
        found.add(row[0])
    return found


def _merge(db: sqlite3.Connection, threads: set[int]) -> int:
    """Make one of several threads: the lowest."""
    first = min(threads)
    for other in threads - {first}:
        db.execute("UPDATE message SET thread_id = ? WHERE thread_id = ?", (first, other))
        db.execute("DELETE FROM thread WHERE id = ?", (other,))
    return first


def _part(db: sqlite3.Connection, message: int) -> None:
    """Put the messages of a thread together anew, after one of them follows another or nobody."""
    (thread,) = db.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
    ties: dict[int, list[int]] = {}
    follows: list[tuple[int, int]] = []
    heads: dict[int, int] = {}
    for one, other in db.execute(
        "SELECT id, follows FROM message WHERE thread_id = ? ORDER BY id", (thread,)
    ):
        heads[one] = one
        if other is not None:
            follows.append((one, other))
    for ref, one in db.execute(
        "SELECT r.ref, r.message_id FROM message m JOIN message_ref r ON r.message_id = m.id"
        " WHERE m.thread_id = ?",
        (thread,),
    ):
        ties.setdefault(ref, []).append(one)
    pairs = [(together[0], one) for together in ties.values() for one in together[1:]]
    pairs += [(one, other) for one, other in follows if other in heads]
    for one, other in pairs:
        _tie(heads, one, other)
    parts: dict[int, list[int]] = {}
    for one in heads:
        parts.setdefault(_head(heads, one), []).append(one)
    for members in list(parts.values())[1:]:  # the first message keeps the thread's number
        (new,) = db.execute("INSERT INTO thread DEFAULT VALUES RETURNING id").fetchone()
        db.executemany(
            "UPDATE message SET thread_id = ? WHERE id = ?", [(new, one) for one in members]
        )
    for one, other in follows:  # what is followed may lie in another thread by now
        _merge(db, _threads_of(db, (one, other)))


def _tie(heads: dict[int, int], one: int, other: int) -> None:
    low, high = sorted((_head(heads, one), _head(heads, other)))
    heads[high] = low


def _head(heads: dict[int, int], one: int) -> int:
    while heads[one] != one:
        heads[one] = one = heads[heads[one]]
    return one
