"""The reference of what `--json` prints: ``python -m eisd.cli.printed_reference``."""

from __future__ import annotations

import sys
from typing import Any, Final

from pydantic import TypeAdapter

from eisd.cli.printed import COMMANDS

HEAD: Final = """\
# What `--json` prints

<!-- Made by `python -m eisd.cli.printed_reference`; do not edit. -->

One object, or one object a line (JSON Lines) for lists. The API gives the same objects.
`eisd schema commands` prints all of this as JSON Schema, `eisd schema commands mailbox list` that
of one command; a test holds what each command prints against it. Later versions may add keys, and
take none away without saying so in the changelog: pass over those you do not know.

A *time* is RFC 3339. Null means never, none or not known. A key in *italics* is not always there.

| Command | Prints |
|---|---|
"""


def render() -> str:
    """The whole page."""
    shapes = [(name, "serialization", TypeAdapter(one.shape)) for name, one in COMMANDS.items()]
    found, everything = TypeAdapter.json_schemas(shapes)  # type: ignore[arg-type]
    parts = [HEAD]
    for name, one in COMMANDS.items():
        what = _kind(found[name, "serialization"])
        parts.append(f"| `{name}` | {'lines of ' if one.lines else ''}{what} |\n")
    for name, schema in sorted(everything["$defs"].items()):
        parts.append(f"\n## {name}\n\n")
        if "enum" in schema:
            parts.append(f"One of {_kind(schema)}.\n")
        else:
            parts += _shape(schema)
    return "".join(parts)


def _shape(schema: dict[str, Any]) -> list[str]:
    told = schema.get("description", "")
    always = schema.get("required", ())
    rows = [
        f"| {f'`{key}`' if key in always else f'*`{key}`*'} | {_kind(kind)} |\n"
        for key, kind in schema["properties"].items()
    ]
    return [f"{told}\n\n" if told else "", "| Key | Holds |\n|---|---|\n", *rows]


def _kind(schema: dict[str, Any]) -> str:
    """What a value is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("format") == "date-time":
        return "time"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    return {"object": "object", "string": "text", "null": "null"}.get(kind, kind)


if __name__ == "__main__":
    sys.stdout.write(render())
