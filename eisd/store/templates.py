"""Templates: versions are never changed; the newest is the template, unless it was removed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from eisd.store.sql import now_ms, stamp


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template, as it was written."""

    name: str
    version: int
    subject: str
    text: str | None
    html: str | None
    headers: Mapping[str, str]
    created_at: str = ""


_ROW = "name, version, subject, text, html, headers, created_at"


def _row(values: tuple[str, int, str, str | None, str | None, str, int]) -> Template:
    name, version, subject, text, html, headers, created = values
    return Template(name, version, subject, text, html, json.loads(headers), stamp(created))


def add(
    db: sqlite3.Connection,
    name: str,
    subject: str,
    text: str | None,
    html: str | None,
    headers: Mapping[str, str],
) -> Template:
    """Add a version; the same words as the newest one add none."""
    known = get(db, name)
    if known is not None and (known.subject, known.text, known.html, dict(known.headers)) == (
        subject,
        text,
        html,
        dict(headers),
    ):
        return known
    now = now_ms()
    (version,) = db.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM template WHERE name = ?", (name,)
    ).fetchone()
    db.execute(
        "INSERT INTO template (name, version, subject, text, html, headers, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, version, subject, text, html, json.dumps(headers), now),
    )
    return Template(name, version, subject, text, html, headers, stamp(now))


def get(db: sqlite3.Connection, name: str, version: int | None = None) -> Template | None:
    """A template's newest version, or the one named, removed or not."""
    if version is not None:
        row = db.execute(
            f"SELECT {_ROW} FROM template WHERE name = ? AND version = ?", (name, version)
        ).fetchone()
    else:
        row = db.execute(
            f"SELECT {_ROW} FROM template WHERE name = ? AND removed_at IS NULL"
            " ORDER BY version DESC LIMIT 1",
            (name,),
        ).fetchone()
    return None if row is None else _row(row)


def listing(db: sqlite3.Connection) -> list[Template]:
    """The newest version of every template, by name."""
    rows = db.execute(
        f"SELECT {_ROW} FROM template t WHERE removed_at IS NULL AND version ="
        " (SELECT max(version) FROM template o WHERE o.name = t.name AND o.removed_at IS NULL)"
        " ORDER BY name"
    ).fetchall()
    return [_row(row) for row in rows]


def remove(db: sqlite3.Connection, name: str) -> bool:
    """Remove a template, its versions kept for the record; False if there is none."""
    done = db.execute(
        "UPDATE template SET removed_at = ? WHERE name = ? AND removed_at IS NULL",
        (now_ms(), name),
    )
    return done.rowcount > 0
