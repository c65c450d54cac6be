"""Fetched messages of which nothing is on record but the one copy they were fetched for.

In a first sync that is nearly all of them. What `eisd.sync.settle` does for each in two dozen
statements is done here for many at once, with the same result: whatever is less plain (several
copies, contacts to be made, contacts that are a thread's) is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eisd.matcher.codec import pack, unpack
from eisd.matcher.facts import merge
from eisd.matcher.keys import keys_of
from eisd.matcher.when import occurred_at
from eisd.model.facts import Facts
from eisd.model.mail import Signal
from eisd.model.mailbox import Box
from eisd.store import activities, copies, messages, reports
from eisd.store import threads as thread_store
from eisd.store.copies import CopyRow
from eisd.store.messages import Content, NewMessage
from eisd.store.sql import Connection, stamp
from eisd.store.threads import Refs
from eisd.sync import threads
from eisd.sync.activity import activity, source_of
from eisd.sync.content import Fetched, content_of
from eisd.sync.creating import create, creates
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled
from eisd.sync.verdict import Book, Sight, Verdict, judge

_INVITING = frozenset({"REQUEST", "REPLY", "CANCEL"})
"""The methods of a calendar's part that make a message an invitation (G3)."""


class Candidate(NamedTuple):
    """A message that was fetched for a copy, and where it is noted what came of it."""

    row: CopyRow
    fetched: Fetched
    facts: Facts
    """Readable, as the header that was fetched gives them."""
    done: Settled


class _New(NamedTuple):
    row: CopyRow
    facts: Facts
    content: Content
    verdict: Verdict
    refs: Refs
    done: Settled


def record(rules: Rules, book: Book, candidates: Sequence[Candidate]) -> set[int]:
    """Record those that are plain, each for a copy that waits for it; return these copies."""
    if rules.policy.thread_inherit != "off":  # then each may decide about the one before it
        return set()
    alone = _alone(book.db, candidates)
    if not creates(rules):
        book = book.excerpt({key for one in alone for key in keys_of(one.facts)})
    new = [found for one in alone if (found := _judged(rules, book, one)) is not None]
    if new:
        _write(rules, book.db, new)
    return {one.row.id for one in new}


def with_body(facts: Facts, fetched: Fetched) -> Facts:
    """The header's facts, and what the body alone tells: that it is an invitation."""
    if fetched.parsed.calendar_method in _INVITING:
        return facts._replace(signals=facts.signals | Signal.CALENDAR)
    return facts


def _alone(db: Connection, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose identity no other copy bears, and no message on record."""
    found = [
        one
        for one in candidates
        if one.facts.id_key == one.row.id_key
        and not (one.row.variant or one.row.held or one.row.removed)
    ]
    keys = [one.row.id_key for one in found]
    known = copies.shared(db, keys) | messages.on_record(db, keys)
    return [one for one in found if one.row.id_key not in known]


def _judged(rules: Rules, book: Book, one: Candidate) -> _New | None:
    """What is to be written of a message; None if it concerns nobody, or has made a contact."""
    row, fetched, facts, done = one
    as_listed = pack(facts) == row.facts
    facts = with_body(facts, fetched)
    if not as_listed:
        facts = merge(unpack(row.id_key, row.gate_at, row.facts), facts)
    told = threads.told_by_provider([row])
    sight = Sight(row.mailbox_id, row.gate_at, row.box, row.live, row.ours)
    verdict = judge(rules, book, facts, [sight], threads=told)
    if create(rules, book, facts, verdict, done) or not verdict.matched:
        return None
    refs = threads.refs_of(facts, told)
    return _New(row, facts, content_of(rules, fetched), verdict, refs, done)


def _write(rules: Rules, db: Connection, new: Sequence[_New]) -> None:
    """Record messages with their people, threads and activities."""
    times = [_happened(one) for one in new]
    found = thread_store.threads_for(db, [one.refs for one in new])
    rows = messages.insert(
        db,
        [
            NewMessage(one.row.id_key, 0, one.content, thread, when, one.row.gate_at)
            for one, thread, when in zip(new, found, times, strict=True)
        ],
    )
    thread_store.bear(db, [(row.id, one.refs) for row, one in zip(rows, new, strict=True)])
    messages.name(
        db, [(row.id, one.facts.participants) for row, one in zip(rows, new, strict=True)]
    )
    by_message = {row.id: one.done for row, one in zip(rows, new, strict=True)}
    for made in activities.put(
        db,
        [
            activity(
                row,
                workspace,
                decision,
                hit,
                when=when,
                received=stamp(one.row.gate_at),
                visibility=rules.of(one.row.mailbox_id).visibility,
                source=source_of([one.row]),
            )
            for row, one, when in zip(rows, new, times, strict=True)
            for workspace, decision in one.verdict.decisions.items()
            for hit in decision.hits
        ],
    ):
        by_message[made.message].activities.append(made)
    copies.served(db, [one.row.id for one in new])
    _heed(db, new)
    if rules.policy.subject_fallback == "guarded":
        for message in thread_store.leading(db, list(by_message)):
            thread_store.follow(db, message)


def _happened(one: _New) -> str:
    content, row = one.content, one.row
    sent = row.box is Box.SENT
    when = occurred_at(row.gate_at, date=content.dated_at, received=content.received, sent=sent)
    return stamp(when)


def _heed(db: Connection, new: Sequence[_New]) -> None:
    """What is known of the delivery of these messages, and what they tell of their authors."""
    for id_key in reports.known(db, [one.row.id_key for one in new]):
        reports.apply(db, id_key)
    received = [one for one in new if one.row.box is Box.RECEIVED]
    reports.heard_from(db, [(one.facts.author, one.row.gate_at) for one in received])
