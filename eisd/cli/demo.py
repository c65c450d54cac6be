"""``eisd demo``: the whole product on made-up mail, on this machine alone."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from eisd.cli import output
from eisd.cli.base import Command

if TYPE_CHECKING:  # it imports the store; the command does so when it runs
    from eisd.demo.play import Live, Past
    from eisd.demo.results import Activity
    from eisd.demo.site import Site

_NEVER_STORED = {
    "unmatched:no_contact": "of strangers",
    "skipped:internal": "among staff",
    "skipped:list": "from a mailing list",
    "skipped:bulk": "in bulk",
}


@click.command(
    "demo", cls=Command, examples=["eisd demo", "eisd demo --keep ./demo", "eisd demo --json"]
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Leave configuration, database and logs in this new directory.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object in place of the story.")
def demo(keep: Path | None, *, as_json: bool) -> None:
    """Show the whole product with a local mail server.

    Needs no account, no root and no network. A mail server starts on this machine with a mailbox
    full of made-up mail; the real daemon syncs it and is shown one more message as it arrives.
    Nothing is left behind without --keep.
    """
    from eisd.demo.play import play  # noqa: PLC0415 - not needed for the help page
    from eisd.demo.server import require_pymap  # noqa: PLC0415

    require_pymap()
    teller = _Json() if as_json else _Story()
    with _ending_in_order(), _site(keep) as site:
        play(site, say=teller.say, show_past=teller.past, show_live=teller.live)
        teller.end(site if keep is not None else None)


@contextmanager
def _site(keep: Path | None) -> Iterator[Site]:
    """The directory to work in: the one to keep, else one that goes away."""
    from eisd.demo.site import Site  # noqa: PLC0415

    if keep is not None:
        site = Site(keep.absolute())
        site.prepare()
        yield site
        return
    with tempfile.TemporaryDirectory(prefix="eisd-demo-") as directory:
        site = Site(Path(directory))
        site.prepare()
        yield site


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Clean up on SIGTERM and SIGHUP as on Ctrl-C."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    caught = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, before in caught.items():
            signal.signal(number, before)


class _Story:
    """Tells it to people, as it happens."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        output.say(output.paint(f"... {text}", "dim", stream=sys.stderr))

    def past(self, past: Past) -> None:
        """The activities as a table, and what was left alone."""
        output.line()
        _table(past.activities)
        output.line()
        output.line(
            f"{len(past.activities)} activities of {past.contacts} contacts from {past.messages} "
            f"messages, {past.milliseconds} ms after the daemon was started."
        )
        output.line(_left_alone(past.outcomes))
        output.line()
        sys.stdout.flush()

    def live(self, live: Live) -> None:
        """The message that arrived while the daemon watched."""
        output.line("Then a message arrives:")
        output.line()
        _table(live.activities)
        output.line()
        took = output.paint(f"{live.milliseconds:.0f} ms", "green")
        output.line(f"On record {took} after the mail server was given it (pushed by IMAP IDLE).")
        sys.stdout.flush()

    def end(self, kept: Site | None) -> None:
        """Three lines to try next."""
        output.line()
        output.line(f"That was it, after {time.monotonic() - self._began:.1f} s. Try next:")
        for line in next_lines(kept):
            output.line(f"  {line}")


class _Json:
    """Tells it to programs, once, at the end."""

    def __init__(self) -> None:
        self._told: dict[str, object] = {}

    def say(self, text: str) -> None:
        """Keep quiet."""

    def past(self, past: Past) -> None:
        self._told |= {
            "messages": past.messages,
            "contacts": past.contacts,
            "first_sync_ms": past.milliseconds,
            "activities": past.activities,
            "outcomes": past.outcomes,
        }

    def live(self, live: Live) -> None:
        self._told["live"] = {"ms": round(live.milliseconds, 1), "activities": live.activities}

    def end(self, kept: Site | None) -> None:
        directory = None if kept is None else kept.directory
        output.print_json(self._told | {"directory": directory, "next": next_lines(kept)})


def _table(activities: Sequence[Activity]) -> None:
    output.table(
        ["WHEN", "DIRECTION", "CONTACT", "SUBJECT", "NOTE"],
        [
            (
                f"{datetime.fromisoformat(one.occurred_at).astimezone():%d %b %H:%M}",
                one.direction,
                one.contact_name,
                one.subject,
                _note(one),
            )
            for one in activities
        ],
    )


def _note(activity: Activity) -> str:
    """What is special about an activity."""
    notes = ["attachment"] if activity.has_attachments else []
    notes += ["found by relaxed address"] if activity.via == "relaxed" else []
    notes += ["automatic reply"] if "auto" in activity.flags else []
    return ", ".join(notes)


def _left_alone(outcomes: Mapping[str, int]) -> str:
    """What was seen and not stored."""
    parts = [f"{outcomes[key]} {words}" for key, words in _NEVER_STORED.items() if key in outcomes]
    total = sum(outcomes.get(key, 0) for key in _NEVER_STORED)
    return (
        f"Not stored: {total} messages ({', '.join(parts)}).\n"
        "Of those eisd keeps keyed hashes of the addresses; no subject, no text, no name."
    )


def next_lines(kept: Site | None) -> list[str]:
    """Commands that work when typed as they stand."""
    eisd = shlex.quote(_eisd())
    if kept is None:
        return [
            f"{eisd} demo --keep ./eisd-demo    # the same, and everything stays to look at",
            f"{eisd} init                       # a commented configuration of your own",
            f"{eisd} mailbox add --help         # connect a real mailbox",
        ]
    from eisd.demo.letters import LIVE, message_id  # noqa: PLC0415

    config = shlex.quote(_short(kept.config))
    query = "SELECT occurred_at, contact_name, subject FROM activity_feed ORDER BY occurred_at"
    return [
        f'sqlite3 {shlex.quote(_short(kept.database))} "{query}"',
        f"{eisd} activities list -c {config}",
        f"{eisd} explain '{message_id(LIVE.name)}' -c {config}",
    ]


def _eisd() -> str:
    """How to call this eisd again: by its name where the shell finds it, else by its path."""
    ours = Path(sys.executable).with_name("eisd")
    found = shutil.which("eisd")
    if found is not None and (not ours.exists() or os.path.samefile(found, ours)):  # noqa: PTH121
        return "eisd"
    return _short(ours)


def _short(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
