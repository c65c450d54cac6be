"""``eisd schema``: the contracts in machine-readable form."""

from __future__ import annotations

import json
from typing import Any

import click

from eisd.cli import output
from eisd.cli.base import Group


@click.group(cls=Group, examples=["eisd schema config > eisd.schema.json", "eisd schema api"])
def schema() -> None:
    """Print the contracts in machine-readable form."""


def _print(value: Any) -> None:
    output.line(json.dumps(value, indent=2, ensure_ascii=False))


@schema.command("config", examples=["eisd schema config > eisd.schema.json"])
def config() -> None:
    """The JSON Schema of the configuration, for editors."""
    from eisd.config.jsonschema import json_schema  # noqa: PLC0415 - each is slow to import

    _print(json_schema())


@schema.command("events", examples=["eisd schema events"])
def events() -> None:
    """Every event of the log: its level, its sentence, its fields."""
    from eisd.events import CATALOGUE  # noqa: PLC0415

    _print(
        [
            {
                "event": one.name,
                "level": one.level.name.lower(),
                "msg": one.msg,
                "fields": list(one.fields),
                "help": one.help,
                "folded": one.folded,
                "error": one.error,
            }
            for one in CATALOGUE.values()
        ]
    )


@schema.command("db", examples=["eisd schema db"])
def db() -> None:
    """The public views of the database and their columns."""
    from eisd.store.migrations import views  # noqa: PLC0415

    _print(views())


@schema.command("api", examples=["eisd schema api > openapi.json"])
def api() -> None:
    """The HTTP API as OpenAPI describes it."""
    from eisd.api.app import describe  # noqa: PLC0415

    _print(describe())


@schema.command(
    "commands", examples=["eisd schema commands", "eisd schema commands mailbox list > list.json"]
)
@click.argument("command", nargs=-1)
def commands(*, command: tuple[str, ...]) -> None:
    """What each COMMAND prints with --json: its JSON Schema, of each line where there are several.

    Without a COMMAND, those of all by their names. Later versions may add keys.
    """
    from eisd.cli.printed import COMMANDS, schema_of  # noqa: PLC0415

    words = " ".join(command)
    if not words:
        _print({name: schema_of(name) for name in COMMANDS})
    elif words in COMMANDS:
        _print(schema_of(words))
    else:
        raise click.UsageError(f"no command with --json is called {words!r}")
