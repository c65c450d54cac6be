"""The second of the two transactions of a message's way: its text, once it is fetched.

`complete` records the text of messages, their activities, and the outcomes of all their copies.
Messages that nothing is known of but one copy go by `eisd.sync.fresh`, all the others one by one
by `eisd.sync.settle`.
"""

from __future__ import annotations

from collections.abc import Sequence

from eisd.matcher.codec import pack
from eisd.matcher.facts import facts_of
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Facts
from eisd.model.mailbox import Box
from eisd.store import copies
from eisd.store.copies import CopyRow
from eisd.store.database import Tx
from eisd.sync import fresh
from eisd.sync.content import Fetched, content_of
from eisd.sync.record import book_of
from eisd.sync.reporting import take_report
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, representatives, settle, variant_for


def complete(tx: Tx, rules: Rules, fetched: Sequence[tuple[int, Fetched]]) -> list[Settled]:
    """Record fetched messages and what follows; the copies are pending no longer.

    Each comes with the copy it was fetched for. Raises LookupError when one of these is no longer
    on record.
    """
    rows = copies.by_ids(tx.db, [copy for copy, _ in fetched])
    every = [
        fresh.Candidate(rows[copy], one, _facts(rules, rows[copy], one), Settled())
        for copy, one in fetched
    ]
    taken = fresh.record(rules, book_of(tx), [one for one in every if _waits(one.row)])
    for one in every:
        if one.row.id not in taken:
            _settle(tx, rules, one)
    return [one.done for one in every]


def _waits(row: CopyRow) -> bool:
    """Whether it is a message's text that a copy waits for."""
    return row.outcome in _UNSERVED and row.reason is not OutcomeReason.BOUNCE


_UNSERVED = frozenset({Outcome.PENDING, Outcome.ERROR})


def _facts(rules: Rules, row: CopyRow, fetched: Fetched) -> Facts:
    return facts_of(
        fetched.headers,
        gate_at_ms=row.gate_at,
        hasher=rules.hasher,
        blocklist=rules.of(row.mailbox_id).blocklist,
        trusted_authserv=rules.trusted_authserv,
        sent=row.box is Box.SENT,
    )


def _settle(tx: Tx, rules: Rules, one: fresh.Candidate) -> None:
    """Complete one message by all that is known of it."""
    row, fetched, facts, done = one
    row = copies.by_id(tx.db, row.id)
    if row.outcome not in _UNSERVED:
        return  # another copy's text has served it
    if row.reason is OutcomeReason.BOUNCE:
        take_report(tx, rules, row, fetched.headers, fetched.parsed.report)
        return
    if facts.id_key != row.id_key:
        row = _identify(tx, rules, row, facts, done)
    settle(
        rules,
        book_of(tx),
        row.id_key,
        at_hand={row.variant: fresh.with_body(facts, fetched)},
        content=(row.variant, content_of(rules, fetched)),
        fetched=row.id,
        done=done,
    )


def _identify(tx: Tx, rules: Rules, row: CopyRow, facts: Facts, done: Settled) -> CopyRow:
    """The listing showed another header, or none at all: what was fetched is the truth."""
    others = copies.by_identity(tx.db, [facts.id_key])
    variant = variant_for(representatives(others), facts)
    copies.identify(tx.db, row.id, facts.id_key, variant, pack(facts))
    settle(rules, book_of(tx), row.id_key, done=done)
    return copies.by_id(tx.db, row.id)
