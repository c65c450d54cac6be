"""What happens in the demonstration, in order."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from eisd.demo import results
from eisd.demo.letters import ADDRESS, CONTACTS, FOLDERS, LETTERS, LIVE, message_id
from eisd.demo.process import Program
from eisd.demo.results import Activity
from eisd.demo.server import MailServer
from eisd.demo.site import Site

SYNC_SECONDS = 45.0
LIVE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Past:
    """What the first sync found."""

    messages: int
    contacts: int
    """So many have an activity."""
    milliseconds: int
    """From the start of the daemon's process to the last activity of the past."""
    activities: Sequence[Activity]
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Live:
    """What came of the message that arrived while the daemon watched."""

    milliseconds: float
    """From handing it to the mail server to its activity being on record."""
    activities: Sequence[Activity]


def play(
    site: Site,
    *,
    say: Callable[[str], None],
    show_past: Callable[[Past], None],
    show_live: Callable[[Live], None],
) -> None:
    """Run the whole demonstration in a directory that is ready for it.

    ``say`` is told what is going on; ``show_past`` and ``show_live`` get the results as they come.

    Raises:
        UserError: one of the programs did not do its part.
    """
    password, now = secrets.token_hex(8), datetime.now().astimezone()
    contacts = len(CONTACTS.splitlines()) - 1
    say("starting a mail server on this machine and filling a mailbox")
    with MailServer(ADDRESS, password, site.log("mailserver")) as server:
        server.create(FOLDERS)
        for letter in LETTERS:
            server.put(letter.folder, letter.rfc822(now), letter.received(now))
        site.write(server.port, password)
        say(f"starting the daemon: eisd run -c {site.config}")
        began = time.monotonic()
        with Program(
            "the daemon", "eisd.cli.main:main", "run", "-c", str(site.config), log=site.log("eisd")
        ) as daemon:
            daemon.wait_for(
                lambda: results.caught_up(site.database, contacts), seconds=SYNC_SECONDS
            )
            took = round((time.monotonic() - began) * 1000)
            found = results.activities(site.database)
            ends = results.outcomes(site.database)
            people = {one.contact_id for one in found}
            show_past(Past(len(LETTERS), len(people), took, found, ends))
            show_live(_deliver(site, server, daemon))


def _deliver(site: Site, server: MailServer, daemon: Program) -> Live:
    """Let one more message arrive and see what becomes of it."""
    identity, now = message_id(LIVE.name), datetime.now().astimezone()
    rfc822 = LIVE.rfc822(now)
    with closing(results.Newest(site.database, identity)) as newest:
        began = time.monotonic()
        server.put(LIVE.folder, rfc822, now, seen=False)
        daemon.wait_for(newest.there, seconds=LIVE_SECONDS, every=0.002)
        took = (time.monotonic() - began) * 1000
    return Live(
        took, [one for one in results.activities(site.database) if one.message_id == identity]
    )
