"""Copies: one row for every entry a synced folder lists, with its outcome (O1) and its facts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.mailbox import Box
from eisd.store.sql import Inserter, chunks, now_ms, signed, unsigned

MAX_ATTEMPTS = 5
"""So many tries at a message's bytes before it is called poison (O1)."""
RETRY_AFTER_MS = (30_000, 120_000, 600_000, 3_600_000)
FORGIVEN = 2
"""So many failed tries may have been the line's fault."""


class NewCopy(NamedTuple):
    """A copy as it is about to be recorded: hashes as SQLite keeps them, 0 for none.

    Any value will do that fits its column; those of exactly a `Plain` type go in fastest.
    """

    remote_id: str
    id_key: bytes | bytearray
    variant: int
    gate_at: int
    size: int
    box: str
    live: int
    seen: int
    answered: int
    flagged: int
    held: str
    outcome: str
    reason: str
    facts: bytes | bytearray
    message_id: int
    parent: int
    thread: int = 0
    """The provider's thread, with the mailbox in it."""


class CopyRow(NamedTuple):
    """What settling a message needs of each of its copies."""

    id: int
    folder_id: int
    mailbox_id: int
    id_key: bytes
    variant: int
    gate_at: int
    box: Box
    live: bool
    held: str
    outcome: Outcome
    reason: OutcomeReason
    facts: bytes
    message_id: int | None
    removed: bool
    thread: int
    """The provider's thread, with the mailbox in it; 0: it told none."""
    ours: bool
    """What eisd itself sent, not what a server lists."""


class Queued(NamedTuple):
    """A copy whose message is still to be fetched."""

    id: int
    folder_id: int
    validity: str
    remote_id: str
    id_key: bytes
    variant: int
    size: int
    live: bool
    attempts: int
    gate_at: int


_ROW = (
    "p.id, p.folder_id, f.mailbox_id, p.id_key, p.variant, p.gate_at, p.box, p.live, p.held,"
    " p.outcome, p.reason, p.facts, p.message_id, p.removed_at IS NOT NULL, p.thread,"
    " f.status = 'ours'"
    " FROM copy p JOIN folder f ON f.id = p.folder_id"
)


def _row(values: Sequence[object]) -> CopyRow:
    (row_id, folder, mailbox, key, variant, gate, box, live, held, outcome, reason, *rest) = values
    facts, message, removed, thread, ours = rest
    return CopyRow(
        row_id,  # type: ignore[arg-type]
        folder,  # type: ignore[arg-type]
        mailbox,  # type: ignore[arg-type]
        key,  # type: ignore[arg-type]
        variant,  # type: ignore[arg-type]
        gate,  # type: ignore[arg-type]
        Box(str(box)),
        bool(live),
        str(held),
        Outcome(str(outcome)),
        OutcomeReason(str(reason)),
        facts,  # type: ignore[arg-type]
        message,  # type: ignore[arg-type]
        bool(removed),
        unsigned(thread) if thread else 0,  # type: ignore[arg-type]
        bool(ours),
    )


_PASSING = "'vanished', 'draft', 'outside_window', 'excluded_folder'"
_insert = Inserter(
    "copy (folder_id, validity, recorded_at, remote_id, id_key, variant, gate_at, size, box, live,"
    " seen, answered, flagged, held, outcome, reason, facts, message_id, parent, thread)",
    "?1, ?2, ?3, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0),"
    " nullif(?, 0)",
    f"""
    ON CONFLICT (folder_id, validity, remote_id) DO UPDATE SET seen = excluded.seen,
      answered = excluded.answered, flagged = excluded.flagged, removed_at = NULL,
      held = iif(held IN ({_PASSING}), excluded.held, held),
      outcome = iif(held IN ({_PASSING}), excluded.outcome, outcome),
      reason = iif(held IN ({_PASSING}), excluded.reason, reason),
      attempts = iif(held = 'vanished', 0, attempts),
      retry_at = iif(held = 'vanished', NULL, retry_at)
    """,
)


def insert(db: sqlite3.Connection, folder: int, validity: str, copies: Sequence[NewCopy]) -> None:
    """Record copies. One that is there already gets its flags and is no longer removed.

    What held it (it had vanished, was a draft, spam, outside the window) may no longer hold.
    """
    _insert(db, (folder, validity, now_ms()), copies)


def by_identity(db: sqlite3.Connection, id_keys: Sequence[bytes]) -> list[CopyRow]:
    """Every copy that bears one of these identities, whatever its variant, oldest row first."""
    found: list[CopyRow] = []
    for places, chunk in chunks(list(map(bytearray, id_keys))):
        rows = db.execute(f"SELECT {_ROW} WHERE p.id_key IN ({places}) ORDER BY p.id", chunk)
        found += map(_row, rows)
    return found


def by_id(db: sqlite3.Connection, copy: int) -> CopyRow:
    """One copy. Raises LookupError when there is none."""
    row = db.execute(f"SELECT {_ROW} WHERE p.id = ?", (copy,)).fetchone()
    if row is None:
        raise LookupError(f"no copy {copy}")
    return _row(row)


def by_ids(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, CopyRow]:
    """Copies by their ids; those that are no longer on record are left out."""
    return {
        row[0]: _row(row)
        for places, chunk in chunks(ids)
        for row in db.execute(f"SELECT {_ROW} WHERE p.id IN ({places})", chunk)
    }


def shared(db: sqlite3.Connection, id_keys: Sequence[bytes]) -> set[bytes]:
    """Those of these identities that several copies bear."""
    return {
        row[0]
        for places, chunk in chunks(list(map(bytearray, id_keys)))
        for row in db.execute(
            f"SELECT id_key FROM copy WHERE id_key IN ({places})"
            " GROUP BY id_key HAVING count(*) > 1",
            chunk,
        )
    }


def answered_by(db: sqlite3.Connection, parents: Sequence[int]) -> list[bytes]:
    """Identities of skipped list mail that answers one of these Message-ID hashes (G4)."""
    return [
        row[0]
        for places, chunk in chunks([signed(parent) for parent in parents])
        for row in db.execute(f"SELECT DISTINCT id_key FROM copy WHERE parent IN ({places})", chunk)
    ]


def facts_by_prefix(db: sqlite3.Connection, prefix: bytes) -> list[tuple[bytes, int, bytes]]:
    """(id_key, gate_at, facts) of copies whose identity's hash begins with these 8 bytes."""
    low = prefix + bytes(8)
    high = prefix + b"\xff" * 8
    return db.execute(
        "SELECT id_key, gate_at, facts FROM copy WHERE id_key BETWEEN ? AND ?", (low, high)
    ).fetchall()


def last(db: sqlite3.Connection) -> int:
    """Row id of the copy recorded last, or 0."""
    (row_id,) = db.execute("SELECT coalesce(max(id), 0) FROM copy").fetchone()
    return row_id  # type: ignore[no-any-return]


def settle(
    db: sqlite3.Connection,
    rows: Iterable[tuple[Outcome, OutcomeReason, int | None, int, int, int]],
) -> None:
    """Set (outcome, reason, message_id, variant, parent hash or 0) of the copy whose id is last."""
    db.executemany(
        "UPDATE copy SET outcome = ?, reason = ?, message_id = ?, variant = ?, parent = ?"
        " WHERE id = ?",
        [
            (outcome, reason, message, variant, signed(parent) if parent else None, copy)
            for outcome, reason, message, variant, parent, copy in rows
        ],
    )


def served(db: sqlite3.Connection, copies: Sequence[int]) -> None:
    """These copies are matched, each by the message of its identity."""
    for places, chunk in chunks(copies):
        db.execute(
            "UPDATE copy SET outcome = 'matched', reason = '', parent = NULL, message_id ="
            " (SELECT id FROM message m WHERE m.id_key = copy.id_key AND m.variant = copy.variant)"
            f" WHERE id IN ({places})",
            chunk,
        )


def queue(db: sqlite3.Connection, mailbox: int, limit: int) -> list[Queued]:
    """What a mailbox has still to fetch and may fetch now: live mail first, then the newest."""
    rows = db.execute(
        """
        SELECT p.id, p.folder_id, p.validity, p.remote_id, p.id_key, p.variant, p.size, p.live,
          p.attempts, p.gate_at
        FROM folder f JOIN copy p ON p.folder_id = f.id
        WHERE f.mailbox_id = ? AND p.outcome IN ('pending', 'error') AND p.reason <> 'poison'
          AND f.status <> 'ours' AND p.removed_at IS NULL
          AND (p.retry_at IS NULL OR p.retry_at <= ?)
        ORDER BY p.live DESC, p.gate_at DESC LIMIT ?
        """,
        (mailbox, now_ms(), limit),
    ).fetchall()
    return [Queued(*row) for row in rows]


def next_retry(db: sqlite3.Connection, mailbox: int) -> int | None:
    """When the mailbox's next failed copy may be tried again (ms), if there is one."""
    (at,) = db.execute(
        """
        SELECT min(p.retry_at) FROM folder f JOIN copy p ON p.folder_id = f.id
        WHERE f.mailbox_id = ? AND p.outcome IN ('pending', 'error') AND p.reason <> 'poison'
          AND f.status <> 'ours' AND p.removed_at IS NULL
        """,
        (mailbox,),
    ).fetchone()
    return at  # type: ignore[no-any-return]


def failed(db: sqlite3.Connection, copy: int, reason: OutcomeReason, error: str) -> bool:
    """A try at a copy failed: say so and when to try again. True when it is now poison."""
    row = db.execute("SELECT attempts FROM copy WHERE id = ?", (copy,)).fetchone()
    if row is None:
        return False
    attempts = row[0] + 1
    poison: bool = attempts >= MAX_ATTEMPTS
    retry = None if poison else now_ms() + RETRY_AFTER_MS[min(attempts, 4) - 1]
    db.execute(
        "UPDATE copy SET outcome = 'error', reason = ?, attempts = ?, retry_at = ?, error = ?"
        " WHERE id = ?",
        (OutcomeReason.POISON if poison else reason, attempts, retry, error[:500], copy),
    )
    return poison


def retry_now(db: sqlite3.Connection, mailbox: int) -> None:
    """Let copies that failed a time or two be tried at once: it may have been the line."""
    db.execute(
        "UPDATE copy SET retry_at = NULL WHERE outcome IN ('pending', 'error')"
        " AND reason = 'fetch' AND attempts <= ? AND retry_at IS NOT NULL"
        " AND folder_id IN (SELECT id FROM folder WHERE mailbox_id = ?)",
        (FORGIVEN, mailbox),
    )


def blank(db: sqlite3.Connection, id_key: bytes, nothing: bytes) -> None:
    """Keep no hashes of copies of this identity that concern nobody (`store.unmatched`)."""
    db.execute(
        "UPDATE copy SET facts = ? WHERE id_key = ? AND outcome IN ('unmatched', 'skipped')",
        (nothing, id_key),
    )


def identify(db: sqlite3.Connection, copy: int, id_key: bytes, variant: int, facts: bytes) -> None:
    """Set which message a copy belongs to, after its header could be read at last."""
    db.execute(
        "UPDATE copy SET id_key = ?, variant = ?, facts = ?, outcome = 'pending', reason = ''"
        " WHERE id = ?",
        (id_key, variant, facts, copy),
    )


def hold(db: sqlite3.Connection, copy: int, reason: OutcomeReason) -> None:
    """This copy is dealt with and counts for no message: skipped, for that reason."""
    db.execute(
        "UPDATE copy SET outcome = 'skipped', reason = ?1, held = ?1 WHERE id = ?2", (reason, copy)
    )


def count(db: sqlite3.Connection, folder: int, validity: str) -> int:
    """How many copies of a folder are on record and not removed."""
    (number,) = db.execute(
        "SELECT count(*) FROM copy WHERE folder_id = ? AND validity = ? AND removed_at IS NULL",
        (folder, validity),
    ).fetchone()
    return number  # type: ignore[no-any-return]


def set_variant(db: sqlite3.Connection, ids: Sequence[int], variant: int) -> None:
    """Say which of the messages under one Message-ID these copies belong to (I2)."""
    db.executemany("UPDATE copy SET variant = ? WHERE id = ?", [(variant, one) for one in ids])
