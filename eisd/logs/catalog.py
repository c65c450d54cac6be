"""The journal's catalogue: what `journalctl -x` says below an event that wants attention.

The file systemd/eisd.catalog is made from this one: ``python -m eisd.logs.catalog``. Its form is
that of https://systemd.io/CATALOG/: an entry is found by the MESSAGE_ID of a line.
"""

from __future__ import annotations

import re
import sys
import textwrap
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eisd.events import CATALOGUE, Level

_NAMESPACE: Final = uuid.UUID("6f1f5f3e-6f6c-5b1e-9f52-4f0c7b8d2a11")
_WIDTH: Final = 78
_GLUE: Final = "\0"
"""A space at which no line is broken."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a person reads of one event: its headline, and what to do."""

    subject: str
    do: str
    """``@FIELD@`` becomes the value of a journal field of the line; only what every such line
    has, since others stay as they are."""


REMEDIES: Final[Mapping[str, Remedy]] = {
    "api.request_failed": Remedy(
        "A request to eisd's API failed by eisd's own fault",
        "Repeat the request; the traceback of this line (journalctl -o verbose) names the place. "
        "Please report it, with what `eisd support-bundle` writes.",
    ),
    "auth.app_refused": Remedy(
        "The provider refuses the application that eisd signs in with",
        "Compare client id, secret and redirect address of the [oauth] table with the provider's "
        "console: a secret may have expired. Correct them, then `eisd reload`; all mailboxes of "
        "the application go on by themselves.",
    ),
    "auth.refused": Remedy(
        "Mailbox @EISD_MAILBOX@: the server refused the credentials",
        "`eisd issues` has the command that mends it. For a password: correct it where the "
        "configuration refers to, then `eisd mailbox reconnect @EISD_MAILBOX@`. For OAuth: "
        "`eisd auth login @EISD_MAILBOX@`. The other mailboxes are not touched, and no mail is "
        "lost meanwhile: it is fetched afterwards.",
    ),
    "config.reload_rejected": Remedy(
        "A changed configuration was refused",
        "`eisd config check` shows every error with its file, line and column. Correct them and "
        "`eisd reload`. Do it before the next restart, which would be refused, too.",
    ),
    "contacts.refused": Remedy(
        "The watched file of contacts has an error",
        "The line names the place. Correct the file; it is read again as soon as it changes, and "
        "the contacts stay as they are until then.",
    ),
    "db.write_failed": Remedy(
        "The database cannot be written",
        "Look at the disk of the state directory: df -h, df -i, and the kernel's lines "
        "(journalctl -k). `eisd doctor` checks space and permissions, `eisd db check` the "
        "database. eisd tries again by itself and goes on as soon as writing works.",
    ),
    "driver.refused": Remedy(
        "An installed driver cannot be used",
        "Its mailboxes stand still, the others work. Upgrade or remove the package that brings "
        "the driver, then restart eisd. `eisd doctor` names the fault.",
    ),
    "issue.opened": Remedy(
        "Something waits for a person",
        "`eisd issues` lists all there is, each with the command that mends it. The line "
        "`issue.closed` follows by itself.",
    ),
    "library.warned": Remedy(
        "A library that eisd uses reports trouble",
        "The line names the library and has its words. What they mean for a mailbox, eisd says "
        "itself, in a line of its own. Please report one that comes again and again.",
    ),
    "match.message_failed": Remedy(
        "A message could not be read and was set aside",
        "journalctl EISD_TRACE_ID=@EISD_TRACE_ID@ has all that is in the log of it. Other messages "
        "are not held up by it, and its headers are on record as far as they could "
        "be read. `eisd issues` tells of it; `eisd mailbox retry @EISD_MAILBOX@` tries what was "
        "set aside once more, for example after an upgrade.",
    ),
    "outbox.copy_unfiled": Remedy(
        "Mailbox @EISD_MAILBOX@: a sent message has no copy in Sent",
        "The message itself was sent. At level warning it is tried again; at level error it was "
        "given up: look whether the mailbox is full and whether its Sent folder exists "
        "(`eisd mailbox test @EISD_MAILBOX@`).",
    ),
    "outbox.message_doubted": Remedy(
        "A message may or may not have been sent",
        "eisd looks for it in the mailbox's Sent folder and sends it a second time only on "
        "request. If it is still in doubt, `eisd issues` asks: look at the recipient's side, then "
        "`eisd outbox settle`.",
    ),
    "outbox.message_failed": Remedy(
        "A message could not be sent and was given up",
        "`eisd outbox show` with the id of this line has the server's own words. Correct what "
        "they name (an address, the size, a policy of the provider) and `eisd outbox retry`, or "
        "tell the sender.",
    ),
    "outbox.stalled": Remedy(
        "Mailbox @EISD_MAILBOX@ cannot send",
        "Its messages wait and none is lost. At level warning the way out is tried again; at "
        "level error a person is needed: `eisd issues` has the command, "
        "`eisd mailbox test @EISD_MAILBOX@` tries each step by itself.",
    ),
    "task.crashed": Remedy(
        "A part of eisd failed and was started again",
        "Nothing needs to be done at once: the work is taken up where it was. The traceback of "
        "this line (journalctl -o verbose) names the place. Please report it, with what "
        "`eisd support-bundle` writes.",
    ),
    "watchdog.withheld": Remedy(
        "A vital part of eisd stands still",
        "systemd ends the daemon and starts it again; the traceback of all threads that follows "
        "names what stood still. If it was the writer, the disk did not answer: look at "
        "journalctl -k. Please report it if it happens again.",
    ),
}
"""The events that bear a MESSAGE_ID: all that are errors or may become one, and new issues."""


MESSAGE_IDS: Final[Mapping[str, str]] = {
    name: uuid.uuid5(_NAMESPACE, name).hex for name in REMEDIES
}
"""The MESSAGE_ID of each: 32 hex digits, worked out from the event's name, so as fixed as that."""


def render() -> str:
    """The whole file."""
    parts = ["# Made by `python -m eisd.logs.catalog`; do not edit.\n"]
    parts += [_entry(name, remedy) for name, remedy in sorted(REMEDIES.items())]
    return "\n".join(parts)


def _entry(name: str, remedy: Remedy) -> str:
    """One entry: what happened, what it means, what to do."""
    spec = CATALOGUE[name]
    level = "" if spec.level >= Level.ERROR else f" (usually {spec.level.name.lower()})"
    text = "\n\n".join(_filled(part) for part in (spec.help, remedy.do))
    return (
        f"-- {MESSAGE_IDS[name]}\n"
        f"Subject: {remedy.subject}\n"
        f"Defined-By: eisd\n"
        f"Documentation: man:eisd(1)\n\n"
        f"{text}\n\n"
        f"Event: {name}{level}\n"
    )


def _filled(text: str) -> str:
    """A paragraph for a terminal; what is to be typed stays on one line."""
    whole = re.sub(r"`([^`]*)`", lambda found: f'"{found[1]}"'.replace(" ", _GLUE), text)
    lines = textwrap.fill(whole, _WIDTH, break_on_hyphens=False, break_long_words=False)
    return lines.replace(_GLUE, " ")


if __name__ == "__main__":
    sys.stdout.write(render())
