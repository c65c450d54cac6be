"""How much of what there is, without a word of it: for the support bundle."""

from __future__ import annotations

from typing import Any

from eisd.store.sql import SQLITE_VERSION, Connection

_PRAGMAS = ("journal_mode", "page_size", "page_count", "freelist_count", "auto_vacuum")


def statistics(db: Connection) -> dict[str, Any]:
    """Rows by table, outcomes by reason, migrations, and the settings of the file."""
    tables = [
        row[0]
        for row in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " ORDER BY name"
        )
    ]
    return {
        "sqlite": SQLITE_VERSION,
        "pragmas": {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS},
        "migrations": [
            row[0] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")
        ],
        "rows": {
            name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables
        },
        "outcomes": [
            {"outcome": outcome, "reason": reason, "copies": number}
            for outcome, reason, number in db.execute(
                "SELECT outcome, reason, count(*) FROM copy GROUP BY 1, 2 ORDER BY 1, 2"
            )
        ],
    }


def own_folders(db: Connection) -> set[str]:
    """Names of folders that people gave, rather than the server."""
    return {
        row[0]
        for row in db.execute(
            "SELECT name FROM folder WHERE role IN ('other', 'foreign', 'unselectable')"
        )
    }
