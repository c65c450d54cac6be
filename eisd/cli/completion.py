"""``eisd completion``: completion scripts of shells."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from eisd.cli import output
from eisd.cli.base import Command

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=Command,
    examples=[
        "eisd completion bash > /etc/bash_completion.d/eisd",
        "eisd completion fish > ~/.config/fish/completions/eisd.fish",
    ],
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(*, shell: str) -> None:
    """Print the completion script of a shell."""
    from eisd.cli.root import root  # noqa: PLC0415 - the root imports this module by name

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows these three
    output.line(found(root, {}, "eisd", "_EISD_COMPLETE").source())
