"""The metadata for Datasette names views, columns and queries that are there."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import eisd
from eisd.store.migrations import migrate, views

METADATA = json.loads(
    (Path(eisd.__file__).parents[1] / "datasette/metadata.json").read_text(encoding="utf-8")
)
SHOWN = METADATA["databases"]["eisd"]


def test_what_it_shows_are_public_views():
    """Each table is a view of the contract, each column it sorts or counts by one of its own."""
    public = views()
    for name, told in SHOWN["tables"].items():
        named = {told[key] for key in ("sort_desc", "label_column") if key in told}
        assert named | set(told.get("facets", ())) <= set(public[name]), name


def test_its_queries_run():
    """Every query is accepted by the schema of this version."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        for query in SHOWN["queries"].values():
            db.execute(query["sql"], {"contact_id": "1"}).fetchall()
