"""Every command there is: its help page, its examples, its options."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from eisd.cli import mailbox_add
from eisd.cli.base import Group
from eisd.cli.mailbox_test import outcome
from eisd.cli.options import MOMENT, SECONDS
from eisd.cli.printed import COMMANDS
from eisd.cli.reach import path
from eisd.cli.reference import commands
from eisd.cli.root import root
from eisd.errors import ExitCode, UserError

SHOWS_DATA = {
    "activities list",
    "activities show",
    "config diff",
    "contacts import",
    "contacts list",
    "contacts show",
    "explain",
    "issues",
    "mailbox list",
    "mailbox show",
    "mailbox test",
    "reload",
    "status",
    "sync now",
    "verify",
    "workspace list",
}


def tree(group: Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that exists, by its words."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None, name
        yield f"{before}{name}", command
        if isinstance(command, Group):
            yield from tree(command, f"{before}{name} ")


TREE = dict(tree(root))


@pytest.mark.parametrize("name", TREE)
def test_a_help_page_opens_with_an_example_that_fits(name):
    """The first line is an example, and every example names this very command."""
    command = TREE[name]
    page = command.get_help(click.Context(command, info_name=f"eisd {name}"))

    assert page.startswith("Example: ")
    own = [one for one in command.examples if f"eisd {name}" in one]
    assert own or isinstance(command, Group), command.examples
    for example in command.examples:
        for word in shlex.split(example, comments=True):
            if word.startswith("--") and f"eisd {name} " in example:
                known = {option for each in TREE.values() for p in each.params for option in p.opts}
                assert word in known, example


@pytest.mark.parametrize("name", sorted(SHOWS_DATA))
def test_what_shows_data_has_json(name):
    """Programs can read whatever people can."""
    assert any("--json" in param.opts for param in TREE[name].params)


def test_no_secret_is_the_value_of_an_option():
    """Passwords come from standard input, a file or a prompt, never from the command line."""
    options = {option for each in TREE.values() for p in each.params for option in p.opts}

    assert not options & {"--password", "--secret", "--token"}


@pytest.mark.parametrize(
    ("text", "begins"),
    [("2026-03-01", "2026-03-01T00:00:00+00:00"), ("2026-03-01T10:00:00+02:00", "2026-03-01T10")],
)
def test_moments_as_written(text, begins):
    """A date is its midnight UTC; a time keeps its offset."""
    assert MOMENT.convert(text, None, None).isoformat().startswith(begins)


@pytest.mark.parametrize("text", ["soon", "all", "none", ""])
def test_what_is_no_moment(text):
    """Anything else is a usage error."""
    with pytest.raises(click.BadParameter):
        MOMENT.convert(text, None, None)


def test_durations():
    """A bare number is seconds; units are those of the configuration."""
    assert [SECONDS.convert(text, None, None) for text in ("5", "2m", "1h30m")] == [5, 120, 5400]


def test_parts_of_a_path_are_quoted():
    """A contact's id may hold anything, and stays one part of the path."""
    assert path("contacts", "a/b c?") == "/contacts/a%2Fb%20c%3F"


@pytest.mark.parametrize(
    ("address", "name"),
    [("Sales@example.org", "sales"), ("a.b+c@x.test", "a.b-c"), ("_x_@x.test", "x")],
)
def test_a_mailbox_is_called_after_its_address(address, name):
    """The default name is one the configuration takes."""
    assert mailbox_add._name_of(address) == name


@pytest.mark.parametrize("address", ["nobody", "@x.test", "é@x.test"])
def test_an_address_that_gives_no_name(address):
    """What leaves nothing to call a mailbox by is a usage error."""
    with pytest.raises(UserError):
        mailbox_add._name_of(address)


@pytest.mark.parametrize(
    ("failure", "code"),
    [("AuthRejected", 77), ("Transient", 69), ("Misconfigured", 78), ("ProtocolError", 76)],
)
def test_the_class_of_a_failed_step_decides_the_exit_code(failure, code):
    """The last step tells; a ready mailbox is 0."""
    good = {"ok": True, "failure": ""}

    assert outcome([good, {"ok": False, "failure": failure}]) == code
    assert outcome([good]) is ExitCode.OK


def test_whatever_prints_json_has_a_schema():
    """Every command with `--json` is in the table of schemas, and nothing else is."""
    speaking = {
        name for name, command in commands(root) if any(p.name == "as_json" for p in command.params)
    }

    assert speaking == COMMANDS.keys()
