"""Counts for people: how far each mailbox is, what came lately, what lies in a folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from eisd.store import unreadable


@dataclass(slots=True)
class Work:
    """What a mailbox has still to do, in copies."""

    remaining: int = 0
    """Still to be listed, about."""
    waiting: int = 0
    """Matched, text still to be fetched."""
    failing: int = 0
    """Of those, the ones that failed and are tried again."""
    poison: int = 0
    """Given up."""
    poison_open: int = 0
    """Of those, the ones that nobody has accepted."""

    @property
    def backlog(self) -> int:
        """What `mailbox_status` calls the backlog."""
        return self.remaining + self.waiting


@dataclass(slots=True)
class Traffic:
    """A mailbox's activities of late. ``lags``: arrival to record, in seconds, live mail only."""

    incoming: int
    outgoing: int
    lags: list[float]

    @property
    def lag_p95(self) -> float | None:
        """The lag that 95 of 100 stay below."""
        if not self.lags:
            return None
        ordered = sorted(self.lags)
        return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


def work(db: sqlite3.Connection) -> dict[int, Work]:
    """What is still to do, by mailbox."""
    found: dict[int, Work] = {}
    for mailbox, remaining in db.execute(
        "SELECT mailbox_id, coalesce(sum(remaining), 0) FROM folder WHERE status = 'synced'"
        " GROUP BY mailbox_id"
    ):
        found.setdefault(mailbox, Work()).remaining = remaining
    for mailbox, outcome, poison, number in db.execute(
        "SELECT f.mailbox_id, p.outcome, p.reason = 'poison', count(*) FROM copy p"
        " JOIN folder f ON f.id = p.folder_id WHERE p.outcome IN ('pending', 'error')"
        " AND p.removed_at IS NULL GROUP BY 1, 2, 3"
    ):
        one = found.setdefault(mailbox, Work())
        if poison:
            one.poison += number
            continue
        one.waiting += number
        one.failing += number if outcome == "error" else 0
    for mailbox, number in unreadable.open_ones(db).items():
        found.setdefault(mailbox, Work()).poison_open = number
    return found


def traffic(db: sqlite3.Connection, since: str) -> dict[int, Traffic]:
    """Activities since that moment (RFC 3339), by mailbox."""
    found: dict[int, Traffic] = {}
    seen: set[tuple[int, int]] = set()
    for mailbox, activity, direction, received, created, live in db.execute(
        """
        SELECT f.mailbox_id, a.id, a.direction, a.received_at, a.created_at, p.live
        FROM activity a JOIN copy p ON p.message_id = a.message_id
        JOIN folder f ON f.id = p.folder_id
        WHERE a.occurred_at >= ? AND p.outcome = 'matched'
        """,
        (since,),
    ):
        if (mailbox, activity) in seen:
            continue
        seen.add((mailbox, activity))
        one = found.setdefault(mailbox, Traffic(0, 0, []))
        if direction == "incoming":
            one.incoming += 1
        else:
            one.outgoing += 1
        if live:
            one.lags.append(max(0.0, _seconds(received, created)))
    return found


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def outcomes(db: sqlite3.Connection, mailbox: int) -> Mapping[int, Mapping[str, int]]:
    """How many copies of each folder came to which outcome; those removed are left out."""
    found: dict[int, dict[str, int]] = {}
    for folder, outcome, reason, number in db.execute(
        "SELECT p.folder_id, p.outcome, p.reason, count(*) FROM copy p"
        " JOIN folder f ON f.id = p.folder_id"
        " WHERE f.mailbox_id = ? AND p.removed_at IS NULL GROUP BY 1, 2, 3",
        (mailbox,),
    ):
        name = f"{outcome}:{reason}" if reason else outcome
        found.setdefault(folder, {})[name] = number
    return found


def workspaces(db: sqlite3.Connection) -> list[dict[str, object]]:
    """Every workspace with its mailboxes and how much it holds."""
    found: dict[str, dict[str, object]] = {}

    def of(name: str) -> dict[str, object]:
        fresh: dict[str, object] = {"name": name, "contacts": 0, "activities": 0, "mailboxes": []}
        return found.setdefault(name, fresh)

    for name, mailbox in db.execute(
        "SELECT f.workspace, b.name FROM feed f JOIN mailbox b ON b.id = f.mailbox_id"
        " WHERE f.current AND b.configured ORDER BY b.name"
    ):
        listed = of(name)["mailboxes"]
        assert isinstance(listed, list)  # noqa: S101  for the types; made above
        listed.append(mailbox)
    for noun, sql in (
        ("contacts", "SELECT workspace, count(*) FROM contact WHERE deleted_at IS NULL GROUP BY 1"),
        ("activities", "SELECT workspace, count(*) FROM activity GROUP BY 1"),
    ):
        for name, number in db.execute(sql):
            of(name)[noun] = number
    return [found[name] for name in sorted(found)]
