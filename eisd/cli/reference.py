"""The reference of commands, made from the help pages: ``python -m eisd.cli.reference``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Final

import click

from eisd.cli.base import Group
from eisd.cli.root import root

HEAD: Final = """\
# Commands

<!-- Made by `python -m eisd.cli.reference`; do not edit. -->

Data goes to standard output, talk to standard error. `--json` gives one object, or one object a
line for lists, with times in RFC 3339 UTC. Secrets are never values of options. Nothing is asked
but on a terminal, and each question has an option that answers it. `NO_COLOR` and `TERM=dumb` are
obeyed; colours and full-width tables are for terminals alone.

`-c FILE` goes with every command. Without it: `$EISD_CONFIG`, else `/etc/eisd/config.toml`, else
`~/.config/eisd/config.toml`.

**With the daemon and without it.** A command asks the daemon over the API's socket. When no daemon
runs, a command that reads answers from the database, and says so on standard error; one that
writes takes the database's lock and does the work by the daemon's own code (75 when another process
has it). `reload`, `sync now` and `mailbox reconnect` need the daemon (69). `status` exits 69
without it, whatever the database says. A configuration that is refused on disk does not keep a
command from a daemon that runs by the one before.

## Exit codes

Those of sysexits.h, and stable.

| Code | Means |
|---|---|
| 0 | ok |
| 1 | the answer is no: something needs a person, counts differ, a mailbox failed |
| 64 | usage |
| 65 | bad input data: a row of contacts, a message |
| 66 | input missing: a file, a configuration, a secret |
| 67 | unknown mailbox, contact or activity |
| 69 | the daemon or a server cannot be reached |
| 70 | a mistake of ours |
| 73 | cannot create a file or a socket |
| 74 | the database, or input and output |
| 75 | try again later; another process has the database |
| 76 | the remote broke its protocol |
| 77 | the credentials are refused |
| 78 | the configuration is refused, or the server cannot be used as configured |
| 130 | interrupted |
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, command in commands(root):
        parts.append(_entry(name, command))
    return "".join(parts)


def commands(group: Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is there, by its words; groups come before what is in them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield f"{before}{name}", command
        if isinstance(command, Group):
            yield from commands(command, f"{before}{name} ")


def _entry(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"eisd {name}")
    level = "##" if " " not in name else "###"
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    told = inspect.cleandoc(command.help or "")
    parts = [f"\n{level} eisd {name}\n\n", f"{told}\n"]
    if not isinstance(command, Group):
        parts.append(f"\n```\n{usage}\n```\n")
        parts += _options(command)
    examples = getattr(command, "examples", ())
    if examples:
        shown = "\n".join(f"$ {example}" for example in examples)
        parts.append(f"\n```console\n{shown}\n```\n")
    return "".join(parts)


def _options(command: click.Command) -> list[str]:
    """A table of the options that are the command's own."""
    context = click.Context(command)
    rows = []
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            record = param.get_help_record(context)
            if record is not None:
                names, told = (text.replace("|", "\\|") for text in record)
                rows.append(f"| `{names}` | {told} |\n")
    return ["\n| Option | |\n|---|---|\n", *rows] if rows else []


if __name__ == "__main__":
    sys.stdout.write(render())
