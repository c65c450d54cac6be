"""Verdicts with what the store knows: contacts, staff, feeds, and mail that staff wrote."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from eisd.matcher.codec import unpack
from eisd.matcher.judge import NOBODY, Lookup, People, Sight, Verdict
from eisd.matcher.judge import judge as decide_all
from eisd.matcher.lookup import Entries
from eisd.matcher.staff import direction_of
from eisd.model.activity import Direction
from eisd.model.facts import Facts, KeyHash, Staff
from eisd.store import contacts, copies, heirs, mailboxes, tombstones
from eisd.store.contact_filter import Filter, load_filter
from eisd.store.sql import Connection
from eisd.store.threads import Refs
from eisd.sync.rules import Rules

__all__ = ["NOBODY", "Book", "Excerpt", "People", "Sight", "Verdict", "judge", "read_people"]


def read_people(db: Connection) -> People:
    """Staff and feeds as they are on record."""
    return People(mailboxes.staff(db), mailboxes.feeds(db))


@dataclass(slots=True)
class Book:
    """Who is who, as the connection at hand has it: people, and the contacts' filter."""

    db: Connection
    people: People
    filter: Filter | None
    """None: ask the rows at once (for a single message it is not worth building)."""

    @classmethod
    def read(cls, db: Connection, *, with_filter: bool = False) -> Book:
        """Load it from the database."""
        return cls(db, read_people(db), load_filter(db) if with_filter else None)

    def may_know(self, keys: Collection[KeyHash]) -> bool:
        """Whether one of these keys may be a contact's."""
        return self.filter is None or self.filter.any(keys)

    def those_it_may_know(self, keys: set[KeyHash]) -> set[KeyHash]:
        """Those of these keys that may be a contact's."""
        return keys if self.filter is None else self.filter.among(keys)

    def excerpt(self, keys: set[KeyHash]) -> Excerpt:
        """The same book for many messages that name nobody else; see there."""
        return Excerpt(self.db, self.people, self.filter, self.those_it_may_know(keys))

    def lookup(self, workspace: str, keys: Collection[KeyHash]) -> Entries:
        """The intervals of these keys in one workspace."""
        return contacts.entries(self.db, workspace, keys)

    def tombstones(self, workspace: str, keys: Collection[KeyHash]) -> frozenset[KeyHash]:
        """Those of these keys that are a deleted contact's in one workspace."""
        return tombstones.among(self.db, workspace, keys)

    def answers_staff(self, facts: Facts, staff: Staff) -> bool:
        """Whether the message answers one on record that staff wrote (G4)."""
        return any(
            direction_of(unpack(*row), staff) is Direction.OUTGOING
            for row in self.parents(facts.parents[0])
        )

    def heir(self, workspace: str, facts: Facts, *, threads: Refs, message: int) -> int | None:
        """The one contact of the thread that a message answers (M11)."""
        return heirs.contact(self.db, workspace, facts.parents, threads, facts.gate_at, message)

    def parents(self, parent: KeyHash) -> list[tuple[bytes, int, bytes]]:
        """(id_key, gate_at, facts) of copies of the message that answers name so."""
        return copies.facts_by_prefix(self.db, parent.to_bytes(8, "big"))


@dataclass(slots=True)
class Excerpt(Book):
    """What a book says of the keys of many messages, asked for once in each workspace.

    It is of no use any more when a contact has changed.
    """

    keys: Collection[KeyHash] = ()
    _entries: dict[str, Entries] = field(default_factory=dict)
    _tombstones: dict[str, frozenset[KeyHash]] = field(default_factory=dict)

    def lookup(self, workspace: str, keys: Collection[KeyHash]) -> Entries:  # noqa: ARG002
        """The intervals of all its keys in one workspace."""
        found = self._entries.get(workspace)
        if found is None:
            found = self._entries[workspace] = contacts.entries(self.db, workspace, self.keys)
        return found

    def tombstones(self, workspace: str, keys: Collection[KeyHash]) -> frozenset[KeyHash]:  # noqa: ARG002
        """Those of all its keys that are a deleted contact's in one workspace."""
        found = self._tombstones.get(workspace)
        if found is None:
            found = tombstones.among(self.db, workspace, self.keys)
            self._tombstones[workspace] = found
        return found


def judge(
    rules: Rules,
    book: Book,
    facts: Facts,
    sights: Sequence[Sight],
    *,
    known: bool = True,
    lookup: Lookup | None = None,
    threads: Refs | None = None,
    message: int = 0,
    explain: bool = False,
) -> Verdict:
    """Decide one message for every workspace its copies feed.

    ``known`` False says that no address can be a contact's, so the rows need not be asked;
    ``lookup`` is asked in their place. ``threads`` are the provider's threads that hold it;
    ``message`` is its row id, or 0.
    """
    inherits = rules.policy.thread_inherit != "off"
    return decide_all(
        rules.policy,
        rules.of,
        book.people,
        facts,
        sights,
        lookup=lookup or (book.lookup if known else None),
        tombstones=book.tombstones if known else None,
        answers_staff=book.answers_staff,
        heir=partial(book.heir, threads=threads or {}, message=message) if inherits else None,
        explain=explain,
    )
