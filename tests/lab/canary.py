"""Which tables can name a person, and which cannot; and the search for somebody in all of them."""

from __future__ import annotations

from eisd.store.sql import Connection

READABLE = {
    "activity",
    "address",
    "attachment",
    "blob",
    "contact",
    "draft",
    "message",
    "participant",
    "recipient",
    "submission",
    "submission_message",
}
"""Tables that say something readable of contacts. A purge empties them of one (M10), an export of
everything shows them, and tests/unit/api/test_canary.py fills each."""

HASHED = {
    "awaiting": "hashes of Message-IDs",
    "bounce": "hashes of addresses",
    "copy": "hashes, and where a copy lies",
    "message_ref": "hashes of Message-IDs",
    "recipient_report": "hashes of Message-IDs and addresses",
    "report": "hashes of Message-IDs",
    "retro_key": "hashes of addresses, until the job is done",
    "tombstone": "hashes of addresses",
}
"""Tables that know people by keyed hashes alone."""

NOBODYS = {
    "_sqlite_migrations": "ours",
    "disclosure": "what owners of mailboxes said",
    "feed": "mailboxes and workspaces",
    "folder": "folders of mailboxes",
    "invite": "owners of mailboxes",
    "mailbox": "staff",
    "meta": "ours",
    "primacy": "times",
    "replay": "ours",
    "retro": "ours",
    "staff": "hashes of staff",
    "template": "written by staff for whoever",
    "thread": "numbers",
}
"""Tables that hold nothing of contacts."""


def tables(db: Connection) -> list[str]:
    """All tables that there are."""
    return [
        name
        for (name,) in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]


def naming(db: Connection, word: bytes = b"canary") -> dict[str, list[object]]:
    """The rows of every table in which the word stands, in whatever column and letter case."""
    found: dict[str, list[object]] = {}
    for table in tables(db):
        for row in db.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of our own schema
            values = [one if isinstance(one, bytes) else str(one).encode() for one in row]
            if any(word in value.lower() for value in values):
                found.setdefault(table, []).append(row)
    return found
