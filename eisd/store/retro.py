"""Jobs on the past (U3): whose history is to be looked for in the index of what was listed.

A job is written in the transaction that changes a contact, so a kill loses none. It names hashes:
those of the addresses recorded with it, by their row ids, and others. It ends at the last copy
that was on record then; what is recorded later is decided with the change known (I5).

The index is the facts kept with each copy. It is read in its order, some thousand copies at a
time, and it is a filter, never a verdict (U2).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from eisd.model.facts import KeyHash
from eisd.store import copies
from eisd.store.contact_filter import Filter
from eisd.store.sql import now_ms, signed, unsigned

TABLES = (
    """
    CREATE TABLE retro (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      why TEXT NOT NULL,
      first_address INTEGER NOT NULL DEFAULT 0,
      last_address INTEGER NOT NULL DEFAULT -1,
      position INTEGER NOT NULL DEFAULT 0,
      last_copy INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE retro_key (
      retro INTEGER NOT NULL REFERENCES retro(id) ON DELETE CASCADE,
      hash INTEGER NOT NULL,
      PRIMARY KEY (retro, hash)
    ) STRICT, WITHOUT ROWID
    """,
)

TOGETHER = 2_000
"""So many jobs are worked off in one pass."""
STEP = 20_000
"""So many copies are looked at before the next write, or somebody else's read."""
FEW = 4
"""Up to so many hashes SQLite looks for by itself."""
NEEDLES = 32
"""Up to so many, looking for bytes is quicker than reading the facts."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Jobs that are worked off together: one look through the index serves all of them."""

    jobs: tuple[int, ...]
    position: int
    last_copy: int
    keys: tuple[KeyHash, ...] | Filter
    """A few hashes, or a filter of many."""


def enqueue(
    db: sqlite3.Connection,
    why: str,
    *,
    addresses: tuple[int, int] | None = None,
    keys: Collection[KeyHash] = (),
) -> bool:
    """Write a job for these address rows (first and last id) and hashes; False: nothing to do."""
    if addresses is None and not keys:
        return False
    last_copy = copies.last(db)
    if not last_copy:
        return False
    first, last = addresses or (0, -1)
    (job,) = db.execute(
        "INSERT INTO retro (why, first_address, last_address, last_copy, created_at)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (why, first, last, last_copy, now_ms()),
    ).fetchone()
    db.executemany(
        "INSERT OR IGNORE INTO retro_key (retro, hash) VALUES (?, ?)",
        [(job, signed(key)) for key in keys],
    )
    return True


def enqueue_workspace(db: sqlite3.Connection, workspace: str) -> None:
    """Write a job for all addresses of a workspace: a mailbox feeds it that was listed before."""
    first, last = db.execute(
        "SELECT min(id), max(id) FROM address WHERE workspace = ?", (workspace,)
    ).fetchone()
    if first is not None:
        enqueue(db, "workspace", addresses=(first, last))


def waiting(db: sqlite3.Connection) -> int:
    """How many jobs are not done yet."""
    (count,) = db.execute("SELECT count(*) FROM retro").fetchone()
    return count  # type: ignore[no-any-return]


def next_pass(db: sqlite3.Connection) -> Pass | None:
    """What is to be worked off next: the oldest jobs, one after the other by their ids."""
    jobs = db.execute(
        "SELECT id, position, last_copy FROM retro ORDER BY id LIMIT ?", (TOGETHER,)
    ).fetchall()
    if not jobs:
        return None
    first, last = jobs[0][0], jobs[-1][0]
    rows = db.execute(
        """
        SELECT a.exact FROM retro r JOIN address a ON a.id BETWEEN r.first_address
          AND r.last_address WHERE r.id BETWEEN ?1 AND ?2
        UNION
        SELECT a.relaxed FROM retro r JOIN address a ON a.id BETWEEN r.first_address
          AND r.last_address WHERE r.id BETWEEN ?1 AND ?2
        UNION
        SELECT hash FROM retro_key WHERE retro BETWEEN ?1 AND ?2 ORDER BY 1
        """,
        (first, last),
    )
    few = rows.fetchmany(NEEDLES + 1)
    keys: tuple[KeyHash, ...] | Filter
    if len(few) <= NEEDLES:
        keys = tuple(unsigned(value) for (value,) in few)
    else:
        keys = Filter.of_rows([*few, *rows])
    return Pass(
        jobs=tuple(job for job, _, _ in jobs),
        position=min(position for _, position, _ in jobs),
        last_copy=max(upto for _, _, upto in jobs),
        keys=keys,
    )


_COUNTS = "held = '' AND (removed_at IS NULL OR outcome = 'matched')"


def look(
    db: sqlite3.Connection,
    work: Pass,
    position: int,
    keys_in: Callable[[bytes], Collection[KeyHash]],
) -> tuple[list[bytes], int]:
    """Identities of copies after ``position`` that show one of the hashes, and where it stopped.

    What matched one contact may concern another; of that, copies long removed serve too.
    ``keys_in`` reads the hashes out of facts.
    """
    end = min(work.last_copy, position + STEP)
    where = f"FROM copy WHERE id > ? AND id <= ? AND {_COUNTS}"
    if isinstance(work.keys, Filter):
        known = work.keys
        rows = db.execute(f"SELECT id_key, facts {where}", (position, end))
        found = [id_key for id_key, facts in rows if known.any(keys_in(facts))]
    elif len(work.keys) <= FEW:
        needles = _needles(work.keys)
        hit = " OR ".join("instr(facts, ?)" for _ in needles) or "0"
        rows = db.execute(f"SELECT id_key {where} AND ({hit})", (position, end, *needles))
        found = [id_key for (id_key,) in rows]
    else:
        needles = _needles(work.keys)
        rows = db.execute(f"SELECT id_key, facts {where}", (position, end))
        found = [id_key for id_key, facts in rows if any(one in facts for one in needles)]
    return list(dict.fromkeys(found)), end


def _needles(keys: Sequence[KeyHash]) -> list[bytes]:
    return [key.to_bytes(8, "big") for key in keys]


def moved(db: sqlite3.Connection, work: Pass, position: int) -> None:
    """What was found up to ``position`` is decided; a job that has seen its last copy is done."""
    span = (work.jobs[0], work.jobs[-1], position)
    db.execute("DELETE FROM retro WHERE id BETWEEN ? AND ? AND last_copy <= ?", span)
    db.execute("UPDATE retro SET position = ?3 WHERE id BETWEEN ?1 AND ?2 AND position < ?3", span)
