"""Who may see how much of an activity (V1, M12): one pure function that every reader goes by.

Lists, single activities, streams and whatever else tells somebody of an activity ask `masked`.
Only the operator's own views of the database, and a reader who names nobody, see everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eisd.model.mailbox import Box


class Level(IntEnum):
    """How much is seen: each shows what the one before shows, and more."""

    METADATA = 0
    """Participants and time."""
    SUBJECT = 1
    FULL = 2
    """Text and attachments too."""

    @classmethod
    def of(cls, word: str) -> Level:
        """The level of a configuration's or a database's word."""
        return cls[word.upper()]

    @property
    def word(self) -> str:
        """As configuration and database have it."""
        return self.name.lower()


SETTINGS: Mapping[str, Level | None] = {
    "private": Level.METADATA,
    "shared": Level.FULL,
    "default": None,
}
"""What an owner may set one message to; None: as the mailbox says."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox that holds a copy of the message."""

    mailbox: str
    people: frozenset[str]
    """Whose mailbox it is: its owner, and whom it is shared with."""
    level: Level
    """What others may see of its mail, or of this message if its owner said so."""
    box: Box


@dataclass(frozen=True, slots=True)
class Sight:
    """What one person may see of one message."""

    level: Level
    bcc: bool
    """Whether blind recipients are shown."""
    mailboxes: frozenset[str]
    """Those that hold it and are that person's own."""


def sight(viewer: str, places: Iterable[Place], otherwise: Level) -> Sight:
    """What ``viewer`` may see: of several mailboxes the most permissive counts.

    Blind recipients stand in the sender's copy alone. They are shown to whose mailbox that is, and
    to whom it shows everything; that a recipient's copy shows everything gives nobody a right to
    them. ``otherwise`` counts where no mailbox holds the message any more.
    """
    held = list(places)
    own = [one for one in held if viewer in one.people]
    full = [one for one in held if viewer in one.people or one.level is Level.FULL]
    level = Level.FULL if own else max((one.level for one in held), default=otherwise)
    return Sight(
        level=level,
        bcc=any(one.box is Box.SENT for one in full),
        mailboxes=frozenset(one.mailbox for one in own),
    )


def masked(
    activity: Mapping[str, Any], viewer: str, places: Iterable[Place]
) -> dict[str, Any] | None:
    """An activity as ``viewer`` may see it; None: he may not know that it exists.

    That is so where a contact was in Bcc alone, for the activity itself tells that he was.
    """
    seen = sight(viewer, places, Level.of(activity["visibility"]))
    shown = dict(activity)
    if not seen.bcc:
        shown["roles"] = [role for role in shown["roles"] if role != "bcc"]
        if not shown["roles"] and activity["roles"]:
            return None
        if "participants" in shown:
            shown["participants"] = [one for one in shown["participants"] if one["role"] != "bcc"]
    if seen.level < Level.FULL:
        shown["text"] = shown["snippet"] = None
        if "attachments" in shown:
            shown["attachments"] = []
    if seen.level < Level.SUBJECT:
        shown["subject"] = None
    if "copies" in shown:  # the folders of others are their own business
        shown["copies"] = [one for one in shown["copies"] if one["mailbox"] in seen.mailboxes]
    return shown
