"""What all commands share: help pages that open with examples, ``-c``, lazy import.

A command is declared with ``@click.command(cls=Command, examples=["eisd status"])`` (or ``@group``
with ``cls=Group``), takes its `Context` by ``@click.pass_obj``, and returns None or an `ExitCode`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from eisd.cli.context import Context


def _use_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Let this command and those below it use another configuration file."""
    if value is not None or ctx.obj is None:
        ctx.obj = Context(value)


def config_option(*, hidden: bool) -> click.Option:
    """``-c FILE``: on the root for help pages, on every command because people put it there."""
    return click.Option(
        ["-c", "--config"],
        metavar="FILE",
        type=click.Path(readable=False, path_type=Path),
        expose_value=False,
        is_eager=True,
        hidden=hidden,
        callback=_use_config,
        help="The configuration (default: $EISD_CONFIG, else /etc/eisd/config.toml, "
        "else ~/.config/eisd/config.toml).",
    )


class _Page(click.Command):
    """A command whose help page opens with examples, and answers ``-h`` however it is reached."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """``-h`` and ``--help``; click keeps the option it first makes, whatever the context."""
        del ctx
        return ["-h", "--help"]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then what click writes."""
        for index, example in enumerate(self.examples):
            formatter.write(f"{'Example:' if not index else '        '} {example}\n")
        if self.examples:
            formatter.write("\n")
        super().format_help(ctx, formatter)


class Command(_Page):
    """A command with ``examples`` and ``-c``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(config_option(hidden=True))


class Group(_Page, click.Group):
    """A group with ``examples``; the commands declared in it are of our class."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not any(param.name == "config" for param in self.params):
            self.params.append(config_option(hidden=True))


class LazyGroup(Group):
    """A group that imports a command when it is run, not when it is listed."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """Take ``table``: name to (``module:attribute``, the line shown in the list)."""
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; name those that are spelt alike when there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(args[0], possibilities=self.table, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])
