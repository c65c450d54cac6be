"""Contacts made of mail (C1 to C4), in the transaction that records what asks for them.

A message asks by its merged facts alone. Whether it is the first to ask does not matter: whoever
asks later finds the contact and, if his message is older or knows a better name, gives that to it.
The past since then is looked through by a durable job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eisd.matcher.create import (
    Asked,
    asked,
    better_name,
    company_of,
    contact_name,
    displayed,
    may_ask,
)
from eisd.matcher.lookup import Entries
from eisd.mime.addresses import LocalCase, address_key, domain_of, registrable_domain
from eisd.model.contact import AddressIn
from eisd.model.facts import AddressEntry, Facts, Participant
from eisd.store import contact_created, mailboxes, retro
from eisd.sync.rules import Rules
from eisd.sync.verdict import NOBODY, Book, Verdict


class Made(Protocol):
    """Who is told what was made."""

    created: list[tuple[str, str]]
    """(workspace, contact id) of each new contact."""
    looks_back: bool
    """A job on the past was written."""


def creates(rules: Rules) -> bool:
    """Whether contacts are made of mail at all."""
    return rules.policy.create_policy != "none"


def create(rules: Rules, book: Book, facts: Facts, verdict: Verdict, done: Made) -> bool:
    """Make the contacts that a message asks for; True if it is to be decided again.

    ``facts`` hold readable addresses where a header is at hand; of others nobody is made.
    """
    if not creates(rules):
        return False
    changed = False
    for workspace, decision in verdict.decisions.items():
        if not may_ask(facts, decision, rules.policy):
            continue
        wanted = asked(facts, decision, book.people.staff.get(workspace, NOBODY), rules.policy)
        if wanted.first or wanted.fallback:
            changed |= _Maker(rules, book, workspace, facts.gate_at, done).make(facts, wanted)
    return changed


class _Maker:
    """Makes contacts of one message in one workspace."""

    def __init__(self, rules: Rules, book: Book, workspace: str, gate_at: int, done: Made) -> None:
        self._rules = rules
        self._book = book
        self._workspace = workspace
        self._gate_at = gate_at
        self._done = done

    def make(self, facts: Facts, wanted: Asked) -> bool:
        """Make whoever is asked for and nobody's; True if the book has changed."""
        people = (*wanted.first, *wanted.fallback)
        keys = [key for one in people for key in (one.exact, one.relaxed)]
        keys.append(facts.author)
        entries = self._book.lookup(self._workspace, keys)
        buried = self._book.tombstones(self._workspace, [one.exact for one in people])
        alive = [one for one in wanted.first if one.exact not in buried]
        changed = [self._one(one, entries) for one in alive]
        if not alive and not entries.get(facts.author):
            changed += [
                self._one(one, entries) for one in wanted.fallback if one.exact not in buried
            ]
        return any(changed)

    def _one(self, one: Participant, entries: Entries) -> bool:
        own = [entry for entry in entries.get(one.exact, ()) if entry.exact == one.exact]
        if not own and self._rules.policy.subaddress == "fallback":
            own = [e for e in entries.get(one.relaxed, ()) if e.relaxed == one.relaxed]
        if not own:
            return self._new(one)
        return len(own) == 1 and own[0].created and self._known(one, own[0])

    def _new(self, one: Participant) -> bool:
        case: LocalCase = self._rules.local_case
        key = address_key(one.address, local_case=case)
        company = self._company(one.address) if self._rules.policy.create_company else ""
        self._made(
            AddressIn(
                one.address, key, one.exact, one.relaxed, primary=True, added_at=self._gate_at
            ),
            contact_name(one.name, one.address),
            company,
        )
        return True

    def _known(self, one: Participant, entry: AddressEntry) -> bool:
        """A contact that was made before: since when, and under which name."""
        if name := displayed(one.name):
            contact_created.rename(
                self._book.db,
                entry.contact,
                lambda before, address: better_name(before, name, address),
            )
        if entry.added_at is None or entry.added_at <= self._gate_at:
            return False
        again = AddressIn("", "", entry.exact, entry.relaxed, primary=True, added_at=self._gate_at)
        return self._made(again, "", "")

    def _made(self, address: AddressIn, name: str, company: str) -> bool:
        book = self._book
        done = contact_created.create(book.db, self._workspace, address, name=name, company=company)
        if done.new:
            self._done.created.append((self._workspace, done.contact_id))
            if book.filter is not None:
                book.filter.add((address.exact, address.relaxed))
        if done.earlier:
            written = retro.enqueue(book.db, "create", addresses=(done.address, done.address))
            self._done.looks_back |= written
        return done.earlier

    def _company(self, address: str) -> str:
        """C4: no company is named after a domain of our own mailboxes."""
        ours: Sequence[str] = [
            domain_of(address_key(own))
            for workspace, own in mailboxes.staff_addresses(self._book.db)
            if workspace == self._workspace
        ]
        internal = frozenset(ours).union(registrable_domain(domain) for domain in ours)
        company = company_of(address, internal)
        staff = self._book.people.staff.get(self._workspace, NOBODY)
        return "" if company and self._rules.hasher.key(company) in staff.domains else company
