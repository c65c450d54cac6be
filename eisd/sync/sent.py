"""What eisd itself sends, on its way to becoming an activity: a copy in a folder of our own (I3).

The copy that the server's Sent folder shows later has the same identity, and so is one more copy
of the same message; nothing here looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eisd.matcher.codec import NOTHING, pack
from eisd.matcher.facts import facts_of
from eisd.matcher.keys import parent_key
from eisd.mime.contents import contents
from eisd.mime.headers import extract, header_block
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Facts
from eisd.model.mail import Parsed
from eisd.model.mailbox import Box
from eisd.store import copies, folders, reports, sent
from eisd.store.activities import Fresh
from eisd.store.copies import NewCopy
from eisd.store.database import Tx
from eisd.sync.content import Fetched, content_of
from eisd.sync.record import book_of
from eisd.sync.rules import Rules
from eisd.sync.settle import Settled, representatives, settle, variant_for


def record(
    tx: Tx, rules: Rules, mailbox: int, submission: int, gate_at: int, rfc822: bytes, parsed: Parsed
) -> Settled:
    """Record a submission's message as sent at ``gate_at`` (ms) and what follows from it.

    Once more for the same submission, it brings what is on record up to date: another time, or a
    contact that was not known then.
    """
    headers = extract(header_block(rfc822), local_case=rules.local_case)
    facts = facts_of(
        headers,
        gate_at_ms=gate_at,
        hasher=rules.hasher,
        blocklist=rules.of(mailbox).blocklist,
        trusted_authserv=rules.trusted_authserv,
        sent=True,
    )
    copy, variant = _copy(tx, mailbox, submission, facts, len(rfc822))
    done = Settled()
    book = book_of(tx)
    kept = contents(rfc822, parsed.attachments) if rules.attachments else {}
    fetched = Fetched(headers, parsed, len(rfc822), kept)
    settle(
        rules,
        book,
        facts.id_key,
        at_hand={variant: facts},
        content=(variant, content_of(rules, fetched)),
        fetched=copy,
        done=done,
    )
    if not rules.index:
        copies.blank(tx.db, facts.id_key, NOTHING)
    for id_key in copies.answered_by(tx.db, [parent_key(facts.id_key)]):  # as in recording (G4)
        settle(rules, book, id_key, done=done)
    return done


def _copy(tx: Tx, mailbox: int, submission: int, facts: Facts, size: int) -> tuple[int, int]:
    """The copy's row and variant; made if it is not on record, else given its new time."""
    folder = folders.outbox(tx.db, mailbox)
    known = sent.find(tx.db, folder, submission)
    if known is not None:
        sent.set_time(tx.db, known[0], facts.gate_at)
        return known
    variant = variant_for(representatives(copies.by_identity(tx.db, [facts.id_key])), facts)
    new = NewCopy(
        remote_id=str(submission),
        id_key=facts.id_key,
        variant=variant,
        gate_at=facts.gate_at,
        size=size,
        box=Box.SENT,
        live=True,
        seen=True,
        answered=False,
        flagged=False,
        held=OutcomeReason.NONE,
        outcome=Outcome.PENDING,
        reason=OutcomeReason.NONE,
        facts=pack(facts),
        message_id=0,
        parent=0,
    )
    copies.insert(tx.db, folder, "", [new])
    made = sent.find(tx.db, folder, submission)
    if made is None:
        raise LookupError(f"submission {submission} was not recorded")
    return made


class Recording:
    """What the outbox is given to make activities with (`eisd.outbox.station.Recorder`)."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        told: Callable[[Settled], None] = lambda _settled: None,
    ) -> None:
        """Take the rules in force, asked for each time.

        ``told`` is called, in the writer thread, with what else a message has led to once that is
        durable: contacts made of it, other copies to fetch, a look at the past.
        """
        self._rules = rules
        self._told = told

    def record(
        self, tx: Tx, mailbox: int, submission: int, gate_at: int, rfc822: bytes, parsed: Parsed
    ) -> Sequence[Fresh]:
        """Record a message as sent at that time (ms); return the new activities."""
        done = record(tx, self._rules(), mailbox, submission, gate_at, rfc822, parsed)
        if done.created or done.pending or done.looks_back:
            tx.after.append(lambda: self._told(done))
        return done.activities

    def sent(self, tx: Tx, mailbox: int, submission: int, id_key: bytes, at: int) -> None:
        """It went out at that time (ms), or its state changed: bring its activities up to it."""
        known = sent.find(tx.db, folders.outbox(tx.db, mailbox), submission)
        if known is not None and sent.set_time(tx.db, known[0], at):
            settle(self._rules(), book_of(tx), id_key, done=Settled())
        reports.apply(tx.db, id_key)

    def forget(self, tx: Tx, mailbox: int, submission: int) -> None:
        """It will never be sent: its activities go, unless a mailbox holds the message."""
        known = sent.find(tx.db, folders.outbox(tx.db, mailbox), submission)
        if known is not None:
            sent.forget(tx.db, known[0])

    def let_go(self, tx: Tx, mailbox: int, submission: int) -> None:
        """Its bytes are kept no longer; what was recorded of it stays."""
        known = sent.find(tx.db, folders.outbox(tx.db, mailbox), submission)
        if known is not None:
            sent.let_go(tx.db, known[0])

    def is_missing(self, tx: Tx, mailbox: int, submission: int) -> bool:
        """Whether it is still to be recorded, or again: somebody it concerns was added since."""
        known = sent.find(tx.db, folders.outbox(tx.db, mailbox), submission)
        return known is None or copies.by_id(tx.db, known[0]).outcome is Outcome.PENDING

    def seen(self, tx: Tx, id_key: bytes) -> bool:
        """Whether some mailbox lists the message: then it was sent."""
        return sent.seen_elsewhere(tx.db, id_key)
