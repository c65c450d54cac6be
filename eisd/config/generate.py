"""What is generated from the schema: ``config.example.toml`` and the reference page.

``python -m eisd.config.generate`` writes both; with ``--check`` it says whether they are current.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from eisd.config.explain import table_at
from eisd.config.jsonschema import json_schema
from eisd.config.presets import PRESETS
from eisd.config.schema import Settings
from eisd.config.show import leaves, one_line
from eisd.config.types import Table

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "config.example.toml"
REFERENCE: Final = ROOT / "docs/reference/configuration.md"

NAMES: Final = {
    "plans": "free",
    "owners": "alice",
    "mailboxes": "sales",
    "oauth": "corp",
    "webhooks": "crm",
}
"""The name that each table of named tables has in examples."""

RESERVED: Final = frozenset({"workspaces"})

DRIVER_LINES: Final = """\
# The driver's own tables. Secrets are references: { file = }, { credential = }, { env = },
# { command = ["pass", "show", "x"] }, { store = true } or { same_as = "imap" }.
#imap = { host = "imap.example.org", password = { file = "/etc/eisd/secrets/sales" } }
#smtp = { host = "smtp.example.org", password = { same_as = "imap" } }
"""


def example() -> str:
    """The commented configuration: every key with its default, nothing switched on."""
    lines = [
        "# The configuration of eisd. Files conf.d/*.toml beside this one are read after it.",
        "# A line that begins with #key shows a default, or an example where there is none;",
        "# take the # away to change it. Check with: eisd config check",
        "",
        "version = 1",
        "",
        *_example_key("preset", Settings),
    ]
    for name, model, is_array in _sections():
        named = NAMES.get(name)
        lines += ["", *_comment(_doc(model))]
        if is_array:
            lines.append(f"#[[{name}]]")
        else:
            lines.append(f"#[{name}.{named}]" if named else f"[{name}]")
        for key in model.model_fields:
            if key != "driver_tables":
                lines += _example_key(key, model)
        if name == "mailboxes":
            lines += DRIVER_LINES.splitlines()
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, type[Table], bool]]:
    """The tables at the top: name, schema of the table or of its entries, whether an array."""
    for name in Settings.model_fields:
        if name in RESERVED or name in ("version", "preset"):
            continue
        if model := table_at((name,)):
            yield name, model, False
        elif model := table_at((name, NAMES.get(name, 0))):
            yield name, model, name not in NAMES


def _example_key(key: str, model: type[Table]) -> list[str]:
    field = model.model_fields[key]
    lines = _comment(field.description or "")
    value = field.examples[0] if field.examples else field.default
    return [*lines, f"#{key} = {one_line(value)}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent="# ", subsequent_indent="# ")


def _doc(model: type[Table]) -> str:
    return " ".join((model.__doc__ or "").split())


def reference() -> str:
    """The reference page in Markdown."""
    schema = json_schema()
    parts = [
        _INTRODUCTION,
        _presets(),
        "## Top level\n\n" + _key_table(schema, {"version", "preset"}),
    ]
    for name, model, is_array in _sections():
        title = f"[{name}.NAME]" if name in NAMES else f"[{name}]"
        title = f"[{title}]" if is_array else title
        node = schema["$defs"][model.__name__]
        parts.append(f"## `{title}`\n\n{_doc(model)}\n\n{_key_table(node)}{_ENDINGS.get(name, '')}")
    parts.append("## `[workspaces.NAME]`\n\nReserved: a workspace has no keys yet.\n")
    return "\n".join(parts)


def _key_table(node: dict[str, Any], only: set[str] | None = None) -> str:
    rows = ["| Key | Kind | Default | Meaning |", "|---|---|---|---|"]
    required = node.get("required", [])
    for key, prop in node["properties"].items():
        if only is not None and key not in only:
            continue
        default = "required" if key in required else _code(prop.get("default"))
        rows.append(f"| `{key}` | {_kind(prop)} | {default} | {prop.get('description', '')} |")
    return "\n".join(rows) + "\n"


def _kind(prop: dict[str, Any]) -> str:
    """What a value is, in words."""
    match prop:
        case {"x-kind": str(kind)}:
            found = kind
        case {"enum": [*choices]}:
            found = ", ".join(_code(choice) for choice in choices)
        case {"const": value}:
            found = _code(value)
        case {"$ref": str(ref)}:
            name = ref.rpartition("/")[2]
            found = "secret" if name == "SecretRef" else _kind(json_schema()["$defs"][name])
        case {"items": dict(items)}:
            found = f"list: {_kind(items)}"
        case {"additionalProperties": dict(items)}:
            found = f"table: {_kind(items)}"
        case {"type": str(kind)}:
            found = {"boolean": "true, false", "integer": "number"}.get(kind, "text")
        case _:
            found = "text"
    return found


def _code(value: Any) -> str:
    return "" if value is None else f"`{one_line(value)}`"


def _presets() -> str:
    rows = ["## Presets\n", "| Preset | Sets |", "|---|---|"]
    for name, doc in PRESETS.items():
        sets = [f"`{'.'.join(map(str, path))} = {one_line(value)}`" for path, value in leaves(doc)]
        rows.append(f"| `{name}` | {', '.join(sets) or 'nothing'} |")
    return "\n".join(rows) + "\n"


_INTRODUCTION: Final = """\
# Configuration

<!-- Generated by `python -m eisd.config.generate` from eisd/config; do not edit. -->

eisd reads `config.toml`, then every `conf.d/*.toml` beside it in byte order of their names:
tables merge, arrays replace, the later one wins. A secret's reference counts as one value. The
file is the one named by `-c`, else by `$EISD_CONFIG`, else `/etc/eisd/config.toml`, else
`~/.config/eisd/config.toml`.

`eisd config check` names every mistake of every file in one run; a misspelt key is a mistake.
`eisd config show --origin` says where each value comes from. `eisd config set KEY VALUE` writes
`conf.d/zz-eisd-set.toml` and never touches a file of yours.

A value comes from what is built in, then from the preset, then from an explicit key.

| Kind | Written |
|---|---|
| duration | `"30s"`, `"10m"`, `"1h30m"`; units ms, s, m (minutes), h, d, w |
| window | `"7d"`, `"2w"`, `"1m"` (a month of 30 days), `"1y"` (365 days), `"all"`, `"none"` |
| size | `"25MB"`; KB, MB, GB count by 1000, KiB, MiB, GiB by 1024 |
| rate | `"30/m"`; per s, m, h or d |
| listen address | `"unix:/absolute/path"`, `"127.0.0.1:8425"`, `"[::1]:8425"` |
| name | a-z, 0-9, `.`, `_`, `-`; begins with a letter or digit |
| secret | a table with exactly one key, see below |

A secret is a reference: exactly one of `{ file = "..." }`, `{ credential = "NAME" }`,
`{ env = "VARIABLE" }`, `{ command = ["program", "argument"] }`, `{ store = true }` and
`{ same_as = "imap" }`. The secret itself never stands in a configuration: a text where a reference
belongs is refused, and no message shows it. A secret's file must be closed to group and others;
one newline at its end is dropped. A credential is read from
`$CREDENTIALS_DIRECTORY/eisd.secret_NAME`, else from `credentials/NAME` beside the configuration.

Relative paths start from the configuration's directory, if their key says nothing else.
"""

_ENDINGS: Final = {
    "mailboxes": """
Every other table of a mailbox belongs to its driver, which judges it: `imap` and `smtp` with
`host`, `port`, `tls`, `username`, `password`, `ca_file`; `oauth = { app = "NAME" }` names one of
`[oauth]`. Two mailboxes with the same address and host are a mistake.
""",
}


def main(arguments: list[str]) -> int:
    """Write the generated files, or with ``--check`` answer 1 when one is out of date."""
    stale = [
        path
        for path, text in ((EXAMPLE, example()), (REFERENCE, reference()))
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        return 1 if stale else 0
    for path, text in ((EXAMPLE, example()), (REFERENCE, reference())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
