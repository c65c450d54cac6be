"""Mailboxes, the workspaces they feed, and the staff addresses that follow from them (S1, Z1)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eisd.model.facts import Staff
from eisd.model.mailbox import MailboxState
from eisd.store import heirs, retro, visible
from eisd.store.sql import now_ms, signed, unsigned

CHANGES = (
    # Addresses of the mailbox that its provider tells of, beside those configured (S1).
    "ALTER TABLE mailbox ADD COLUMN told_aliases TEXT NOT NULL DEFAULT '[]'",
)


@dataclass(frozen=True, slots=True)
class MailboxSpec:
    """A mailbox as the configuration has it. ``identity`` is its address key and host (M14)."""

    name: str
    identity: str
    address: str
    aliases: tuple[str, ...]
    driver: str
    owner: str
    access: str
    workspaces: tuple[str, ...]
    shared_with: tuple[str, ...] = ()
    visibility: str = "subject"
    """What others may see of its mail (V1): metadata, subject or full."""


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox as the database has it; times in milliseconds."""

    id: int
    name: str
    address: str
    driver: str
    owner: str
    access: str
    configured: bool
    paused: bool
    state: str
    reason: str
    detail: str
    begin_at: int | None
    last_sync_at: int | None
    connected_at: int | None
    caught_up: bool


_ROW = (
    "id, name, address, driver, owner, access, configured, paused, state, reason, detail,"
    " begin_at, last_sync_at, connected_at, caught_up"
)


def _row(values: Sequence[object]) -> MailboxRow:
    return MailboxRow(*values)  # type: ignore[arg-type]


def configure(db: sqlite3.Connection, specs: Sequence[MailboxSpec]) -> dict[str, int]:
    """Make the table say what the configuration says; return each mailbox's row id by name.

    A mailbox that is no longer there is `disconnected`; what it brought stays (M14).
    """
    now = now_ms()
    keep = {spec.identity for spec in specs}
    for row_id, identity in db.execute(
        "SELECT id, identity FROM mailbox WHERE configured"
    ).fetchall():
        if identity not in keep:
            db.execute(
                "UPDATE mailbox SET configured = 0, state = ?, reason = '', since = ?,"
                " detail = 'no longer in the configuration' WHERE id = ?",
                (MailboxState.DISCONNECTED, now, row_id),
            )
    # Two mailboxes may have swapped names: no name is in the way while all are being set.
    db.execute("UPDATE mailbox SET configured = 0")
    ids: dict[str, int] = {}
    for spec in specs:
        (ids[spec.name],) = db.execute(
            """
            INSERT INTO mailbox (name, identity, address, aliases, driver, owner, access,
              shared_with, visibility, since)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (identity) DO UPDATE SET name = excluded.name, configured = 1,
              address = excluded.address, aliases = excluded.aliases, driver = excluded.driver,
              owner = excluded.owner, access = excluded.access,
              shared_with = excluded.shared_with, visibility = excluded.visibility
            RETURNING id
            """,
            (
                spec.name,
                spec.identity,
                spec.address,
                json.dumps(spec.aliases),
                spec.driver,
                spec.owner,
                spec.access,
                json.dumps(spec.shared_with),
                spec.visibility,
                now,
            ),
        ).fetchone()
        _feed(db, ids[spec.name], spec.workspaces)
    return ids


def _feed(db: sqlite3.Connection, mailbox: int, workspaces: Iterable[str]) -> None:
    before = _fed(db, mailbox, "current")
    db.execute("UPDATE feed SET current = 0 WHERE mailbox_id = ?", (mailbox,))
    db.executemany(
        "INSERT INTO feed (mailbox_id, workspace) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET current = 1",
        [(mailbox, workspace) for workspace in workspaces],
    )
    for workspace in _fed(db, mailbox, "current AND connected_at IS NOT NULL") - before:
        retro.enqueue_workspace(db, workspace)  # fed again: what came in between


def _fed(db: sqlite3.Connection, mailbox: int, which: str) -> set[str]:
    rows = db.execute(f"SELECT workspace FROM feed WHERE mailbox_id = ? AND {which}", (mailbox,))
    return {workspace for (workspace,) in rows}


def all_rows(db: sqlite3.Connection) -> list[MailboxRow]:
    """Every mailbox known, configured ones first, by name."""
    rows = db.execute(f"SELECT {_ROW} FROM mailbox ORDER BY configured DESC, name").fetchall()
    return [_row(row) for row in rows]


def by_id(db: sqlite3.Connection, mailbox: int) -> MailboxRow:
    """One mailbox. Raises LookupError when there is none."""
    row = db.execute(f"SELECT {_ROW} FROM mailbox WHERE id = ?", (mailbox,)).fetchone()
    if row is None:
        raise LookupError(f"no mailbox {mailbox}")
    return _row(row)


def by_name(db: sqlite3.Connection, name: str) -> MailboxRow | None:
    """The configured mailbox of that name, else the last one that bore it."""
    row = db.execute(
        f"SELECT {_ROW} FROM mailbox WHERE name = ? ORDER BY configured DESC, id DESC LIMIT 1",
        (name,),
    ).fetchone()
    return _row(row) if row else None


def set_state(
    db: sqlite3.Connection, mailbox: int, state: MailboxState, reason: str, detail: str
) -> None:
    """Say where a mailbox stands; ``since`` moves only when the state or its reason does."""
    db.execute(
        "UPDATE mailbox SET since = CASE WHEN state = ?1 AND reason = ?2 THEN since ELSE ?4 END,"
        " state = ?1, reason = ?2, detail = ?3 WHERE id = ?5",
        (state, reason, detail, now_ms(), mailbox),
    )


def connected(db: sqlite3.Connection, mailbox: int, begin_at: int | None) -> None:
    """A login succeeded: remember the first one, per workspace too (Z1), and the window's begin.

    ``begin_at`` is taken only the first time. Times of connecting are floored to the second.
    Where a workspace is fed now by what was listed before, a job decides that for it.
    """
    now = now_ms()
    second = now - now % 1000
    (known,) = db.execute(
        "SELECT connected_at IS NOT NULL FROM mailbox WHERE id = ?", (mailbox,)
    ).fetchone()
    late = _fed(db, mailbox, "current AND connected_at IS NULL") if known else ()
    db.execute(
        "UPDATE mailbox SET begin_at = CASE WHEN connected_at IS NULL THEN ? ELSE begin_at END,"
        " connected_at = coalesce(connected_at, ?) WHERE id = ?",
        (begin_at, second, mailbox),
    )
    db.execute(
        "UPDATE feed SET connected_at = ? WHERE mailbox_id = ? AND current"
        " AND connected_at IS NULL",
        (second, mailbox),
    )
    for workspace in late:
        retro.enqueue_workspace(db, workspace)


def set_begin(db: sqlite3.Connection, mailbox: int, begin_at: int | None) -> None:
    """Move the window's begin (a resync further back)."""
    db.execute("UPDATE mailbox SET begin_at = ? WHERE id = ?", (begin_at, mailbox))


def synced(db: sqlite3.Connection, mailbox: int, *, caught_up: bool) -> None:
    """A pass over every folder ended well."""
    db.execute(
        "UPDATE mailbox SET last_sync_at = ?, caught_up = ? WHERE id = ?",
        (now_ms(), caught_up, mailbox),
    )


def set_paused(db: sqlite3.Connection, mailbox: int, *, paused: bool) -> None:
    """Pause or resume, over restarts."""
    db.execute("UPDATE mailbox SET paused = ? WHERE id = ?", (paused, mailbox))


def forget(db: sqlite3.Connection, mailbox: int) -> None:
    """Remove a mailbox, its folders, its copies and its place among the staff addresses.

    Activities stay: they belong to the contacts (M14), and others see of them what they saw.
    """
    visible.keep(db, mailbox)
    db.execute("DELETE FROM mailbox WHERE id = ?", (mailbox,))
    heirs.tidy(db)


def feeds(db: sqlite3.Connection) -> dict[int, dict[str, int]]:
    """For each mailbox the workspaces it feeds now, and when it first did (ms; 0: not yet)."""
    found: dict[int, dict[str, int]] = {}
    for mailbox, workspace, at in db.execute(
        "SELECT mailbox_id, workspace, connected_at FROM feed WHERE current"
    ):
        found.setdefault(mailbox, {})[workspace] = at or 0
    return found


def staff_addresses(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """(workspace, address or alias) of every mailbox that ever fed it (S1)."""
    found: list[tuple[str, str]] = []
    for workspace, address, aliases, told in db.execute(
        "SELECT f.workspace, b.address, b.aliases, b.told_aliases"
        " FROM feed f JOIN mailbox b ON b.id = f.mailbox_id"
    ):
        found.append((workspace, address))
        found.extend((workspace, alias) for alias in (*json.loads(aliases), *json.loads(told)))
    return found


def tell_aliases(db: sqlite3.Connection, mailbox: int, aliases: Sequence[str]) -> bool:
    """Keep the aliases that the provider tells of; True if they are not those of before."""
    told = json.dumps(sorted(set(aliases)))
    changed = db.execute(
        "UPDATE mailbox SET told_aliases = ?1 WHERE id = ?2 AND told_aliases <> ?1", (told, mailbox)
    )
    return changed.rowcount > 0


def told_aliases(db: sqlite3.Connection) -> dict[int, tuple[str, ...]]:
    """The aliases that providers tell of, by mailbox."""
    return {
        mailbox: tuple(json.loads(told))
        for mailbox, told in db.execute(
            "SELECT id, told_aliases FROM mailbox WHERE told_aliases <> '[]'"
        )
    }


def replace_staff(db: sqlite3.Connection, staffs: Mapping[str, Staff]) -> None:
    """Set S of every workspace."""
    db.execute("DELETE FROM staff")
    db.executemany(
        "INSERT INTO staff (workspace, kind, hash) VALUES (?, ?, ?)",
        [
            (workspace, kind, signed(value))
            for workspace, one in staffs.items()
            for kind, values in (
                ("exact", one.exact),
                ("relaxed", one.relaxed),
                ("domain", one.domains),
            )
            for value in values
        ],
    )


def staff(db: sqlite3.Connection) -> dict[str, Staff]:
    """S of every workspace."""
    found: dict[str, dict[str, set[int]]] = {}
    for workspace, kind, value in db.execute("SELECT workspace, kind, hash FROM staff"):
        found.setdefault(workspace, {}).setdefault(kind, set()).add(unsigned(value))
    return {
        workspace: Staff(
            frozenset(kinds.get("exact", ())),
            frozenset(kinds.get("relaxed", ())),
            frozenset(kinds.get("domain", ())),
        )
        for workspace, kinds in found.items()
    }
