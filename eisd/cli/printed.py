"""What each command prints with `--json`: the shape, and whether it is one a line."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from eisd.api import shapes as s
from eisd.api import shapes_mail as m
from eisd.api import shapes_people as p

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class Printed(NamedTuple):
    """A command's output: a type, and whether it comes as JSON Lines."""

    shape: Any
    lines: bool = False


_SUBMISSION: Final = Printed(m.Submission)
_DRAFT: Final = Printed(m.Draft)
_LIVED: Final = Printed(p.Lived)

COMMANDS: Final[dict[str, Printed]] = {
    "demo": Printed(m.Demo),
    "reload": Printed(s.Reloaded),
    "status": Printed(s.Status),
    "issues": Printed(s.Issue, lines=True),
    "tail": Printed(s.Event, lines=True),
    "sync now": Printed(s.Synced, lines=True),
    "explain": Printed(m.Explained | m.ExplainedFile),
    "replay": Printed(m.Replayed),
    "verify": Printed(s.Verified, lines=True),
    "doctor": Printed(s.Finding, lines=True),
    "config diff": Printed(s.Difference),
    "config show": Printed(dict[str, Any]),
    "mailbox invite": Printed(s.Invited),
    "mailbox list": Printed(s.Mailbox, lines=True),
    "mailbox show": Printed(s.DeepMailbox),
    "mailbox test": Printed(s.Step, lines=True),
    "auth status": Printed(s.SignedIn, lines=True),
    "contacts add": _LIVED,
    "contacts backfill": _LIVED,
    "contacts import": Printed(p.Imported),
    "contacts list": Printed(p.Contact, lines=True),
    "contacts merge": _LIVED,
    "contacts remove": _LIVED,
    "contacts restore": _LIVED,
    "contacts show": Printed(p.DeepContact),
    "send": Printed(m.Submission | m.Draft),
    "outbox cancel": _SUBMISSION,
    "outbox hold": _SUBMISSION,
    "outbox list": Printed(m.Listed, lines=True),
    "outbox release": _SUBMISSION,
    "outbox retry": _SUBMISSION,
    "outbox settle": _SUBMISSION,
    "outbox show": _SUBMISSION,
    "draft create": _DRAFT,
    "draft delete": _DRAFT,
    "draft edit": _DRAFT,
    "draft list": Printed(m.Draft, lines=True),
    "draft send": _SUBMISSION,
    "draft show": _DRAFT,
    "template add": Printed(m.Template),
    "template list": Printed(m.Template, lines=True),
    "template preview": Printed(m.Preview),
    "template remove": Printed(m.Named),
    "template show": Printed(m.Template),
    "activities default": Printed(p.Disclosed),
    "activities list": Printed(p.Activity, lines=True),
    "activities private": Printed(p.Disclosed),
    "activities share": Printed(p.Disclosed),
    "activities show": Printed(p.DeepActivity),
    "workspace list": Printed(p.Workspace, lines=True),
    "db prune": Printed(s.Pruned),
}
"""Each command that has `--json`, by its words."""


def schema_of(command: str) -> dict[str, Any]:
    """The JSON Schema of what a command prints: of each line, where it prints several."""
    printed = COMMANDS[command]
    told = "Each line of" if printed.lines else "The object printed by"
    made = TypeAdapter(printed.shape).json_schema(mode="serialization")
    return {"$schema": DIALECT, "$comment": f"{told} eisd {command} --json", **made}
