"""What ought to be on record, worked out from what was written and not by eisd's matcher.

A `Letter` is a message as its author meant it; its subject is its name and unique. The rules here
are a few lines because the letters are plain: no lists, no relaxed keys, no block list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lab.mail import make

ROLES = ("from", "to", "cc", "bcc", "reply_to")


@dataclass(frozen=True)
class Letter:
    """One message, or one sight of it: its Bcc is known from the sender's copy alone."""

    subject: str
    author: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: str
    message_id: str
    date: datetime
    """Of the Date header, and of its receipt."""
    parents: tuple[str, ...] = ()

    def rfc822(self) -> bytes:
        """The message as it lies in a folder."""
        headers = {"Bcc": ", ".join(self.bcc), "Reply-To": self.reply_to}
        if self.parents:
            headers["References"] = " ".join(self.parents)
        return make(
            self.author,
            self.to,
            self.subject,
            f"About {self.subject}.\n",
            cc=self.cc,
            message_id=self.message_id,
            date=self.date,
            headers=headers,
        )

    def seen_by_recipient(self) -> Letter:
        """The same without its Bcc."""
        return replace(self, bcc=())


def expected(
    sights: Iterable[Letter], contacts: Mapping[str, Collection[str]], staff: Collection[str]
) -> set[tuple[str, str, str, tuple[str, ...]]]:
    """(contact, subject, direction, roles) of every activity these sights amount to."""
    merged: dict[str, dict[str, str]] = {}
    author: dict[str, str] = {}
    for sight in sights:
        author[sight.subject] = sight.author
        roles = merged.setdefault(sight.subject, {})
        for role, addresses in _by_role(sight):
            for address in addresses:
                if ROLES.index(role) < ROLES.index(roles.get(address, "reply_to")):
                    roles[address] = role
                roles.setdefault(address, role)
    found = set()
    for subject, roles in merged.items():
        outgoing = author[subject] in staff
        if outgoing and all(address in staff for address in roles):
            continue
        for contact, addresses in contacts.items():
            mine = {roles[a] for a in addresses if a in roles and a not in staff}
            known = any(author[subject] in other for other in contacts.values())
            if outgoing or known:  # the author answers for the Reply-To (M1)
                mine.discard("reply_to")
            if mine:
                ranked = tuple(sorted(mine, key=ROLES.index))
                found.add((contact, subject, "outgoing" if outgoing else "incoming", ranked))
    return found


def _by_role(sight: Letter) -> list[tuple[str, tuple[str, ...]]]:
    reply_to = (sight.reply_to,) if sight.reply_to else ()
    return [
        ("from", (sight.author,)),
        ("to", sight.to),
        ("cc", sight.cc),
        ("bcc", sight.bcc),
        ("reply_to", reply_to),
    ]
