"""What an import would do, told without doing it: rows read, messages decided, nothing written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from eisd.matcher.codec import unpack
from eisd.matcher.facts import merge
from eisd.matcher.judge import Sight
from eisd.matcher.lookup import Entries
from eisd.model.contact import AddressIn
from eisd.model.facts import AddressEntry, KeyHash
from eisd.store import contact_diff, contact_import, copies, retro
from eisd.store.contact_diff import Change
from eisd.store.contact_filter import Filter
from eisd.store.contact_import import Imported
from eisd.store.retro import Pass
from eisd.store.sql import Connection, now_ms
from eisd.sync.importing import Given, folded
from eisd.sync.retro import keys_in
from eisd.sync.rules import Rules
from eisd.sync.verdict import Book, judge

TOLD = 1_000
"""So many changes are told one by one."""
DECIDED = 5_000
"""So many messages of the past are decided; of more it is only said that there are more."""


@dataclass(slots=True)
class Rehearsed(Imported):
    """What an import would do."""

    changes: list[Change] = field(default_factory=list)
    """The first of them, in words."""
    matches: int = 0
    """Messages seen earlier that would become somebody's; at most `DECIDED`."""


def rehearse(db: Connection, rules: Rules, given: Given, *, replace: bool = False) -> Rehearsed:
    """Say what an import would do."""
    found = Rehearsed()
    given = folded(given, contact_import.redirects(db))
    book = _Would(Book.read(db), contact_import.empty(db, given.workspaces))
    for part in given.parts():
        changes = contact_diff.changes(db, part)
        found.unchanged += len(part) - len(changes)
        for one in changes:
            found.added += one.what == "added"
            found.updated += one.what == "updated"
            found.addresses_added += len(one.new)
            found.addresses_ended += one.ended
            book.add(one.workspace, one.new)
        found.changes += changes[: TOLD - len(found.changes)]
    if replace:
        gone = contact_import.missing(db, given.workspaces, given.has)
        found.removed = len(gone)
        found.changes += contact_diff.removals(db, gone[: TOLD - len(found.changes)])
    found.matches = sum(1 for _ in zip(range(DECIDED), book.matches(rules), strict=False))
    return found


class _Would:
    """The contact book as it would be with what is new."""

    def __init__(self, book: Book, first: Collection[str]) -> None:
        self._book = book
        self._first = first
        self._now = now_ms()
        self._new: dict[tuple[str, KeyHash], list[AddressEntry]] = {}
        self._number = 0

    def add(self, workspace: str, addresses: Iterable[AddressIn]) -> None:
        """Take in the new addresses of one contact; its row id is made up."""
        self._number -= 1
        for one in addresses:
            added = one.added_at
            if added is None and workspace not in self._first:
                added = self._now
            entry = AddressEntry(
                self._number, one.exact, one.relaxed, one.primary, added, one.ended_at
            )
            for key in {one.exact, one.relaxed}:
                self._new.setdefault((workspace, key), []).append(entry)

    def lookup(self, workspace: str, keys: Collection[KeyHash]) -> Entries:
        """The intervals of these keys, the new ones included."""
        known: Mapping[KeyHash, Sequence[AddressEntry]] = self._book.lookup(workspace, keys)
        found = {key: list(entries) for key, entries in known.items()}
        for key in keys:
            if new := self._new.get((workspace, key)):
                found.setdefault(key, []).extend(new)
        return found

    def matches(self, rules: Rules) -> Iterable[bytes]:
        """Identities of messages on record that the new addresses would match."""
        last = copies.last(self._book.db)
        work = Pass((), 0, last, Filter(key for _, key in self._new))
        position = 0
        while position < last and self._new:
            found, position = retro.look(self._book.db, work, position, keys_in)
            yield from (id_key for id_key in found if self._would(rules, id_key))

    def _would(self, rules: Rules, id_key: bytes) -> bool:
        rows = [r for r in copies.by_identity(self._book.db, [id_key]) if not r.held]
        facts = reduce(merge, (unpack(r.id_key, r.gate_at, r.facts) for r in rows))
        sights = [Sight(r.mailbox_id, r.gate_at, r.box, r.live) for r in rows]
        verdict = judge(rules, self._book, facts, sights, lookup=self.lookup)
        return any(
            hit.contact < 0 for decision in verdict.decisions.values() for hit in decision.hits
        )
