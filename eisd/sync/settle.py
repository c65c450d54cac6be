"""Settling: everything known of one identity, made into outcomes and activities again.

Recording a copy, completing a message and importing a contact all end here. Settling reads every
copy of the identity, merges their facts and decides anew, inside the writer's transaction. What it
writes depends on what is known and not on the order in which it came (rule I4): settling
twice changes nothing, and a process killed between two settlings loses nothing.

One Message-ID may stand on different messages (I2). Their copies are told apart by `variant`: 0
for the message with the earliest Date, a fingerprint for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from hashlib import blake2b

from eisd.matcher.codec import unpack
from eisd.matcher.facts import merge
from eisd.matcher.match import same_message
from eisd.matcher.when import occurred_at
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Facts, KeyHash, Participant
from eisd.model.mail import Role
from eisd.model.mailbox import Box
from eisd.store import activities, copies, messages, reports
from eisd.store import threads as thread_store
from eisd.store.activities import Fresh
from eisd.store.copies import CopyRow
from eisd.store.messages import Content, MessageRow, NewMessage
from eisd.store.sql import Connection, stamp
from eisd.store.threads import Refs
from eisd.sync import expiry, threads
from eisd.sync.activity import activity, source_of
from eisd.sync.creating import create
from eisd.sync.rules import Rules
from eisd.sync.verdict import Book, Sight, Verdict, judge

ROUNDS = 3
"""So often at most one settling comes back to the same dependent."""
_VISIBILITY = ("metadata", "subject", "full")


@dataclass(slots=True)
class Settled:
    """What came of it: new activities, and how many copies now wait for their text."""

    activities: list[Fresh] = field(default_factory=list)
    pending: int = 0
    due: dict[bytes, None] = field(default_factory=dict)
    """Identities that depend on what was settled, to be settled next."""
    created: list[tuple[str, str]] = field(default_factory=list)
    """(workspace, id) of contacts that were made."""
    looks_back: bool = False
    """A job on the past was written: who works these off is to be told."""


def settle(
    rules: Rules,
    book: Book,
    id_key: bytes,
    *,
    at_hand: Mapping[int, Facts] | None = None,
    content: tuple[int, Content] | None = None,
    fetched: int = 0,
    done: Settled,
) -> None:
    """Bring one identity up to what is known of it.

    ``at_hand`` holds readable facts by variant, as a header just read gives them; ``content`` the
    text of one variant, as a fetch of the copy ``fetched`` just gave it.
    """
    _identity(rules, book, id_key, at_hand, content, fetched, done)
    rounds: Counter[bytes] = Counter()
    while done.due:  # whose contact is that of a thread which has changed (M11)
        other, _ = done.due.popitem()
        rounds[other] += 1
        if rounds[other] <= ROUNDS:
            _identity(rules, book, other, None, None, 0, done)


def _identity(
    rules: Rules,
    book: Book,
    id_key: bytes,
    at_hand: Mapping[int, Facts] | None,
    content: tuple[int, Content] | None,
    fetched: int,
    done: Settled,
) -> None:
    rows = copies.by_identity(book.db, [id_key])
    groups: dict[int, list[CopyRow]] = {}
    for row in rows:
        groups.setdefault(row.variant, []).append(row)
    moved = _earliest_is_bare(book.db, id_key, groups) if len(groups) > 1 else {}
    for variant, members in groups.items():
        origin = next((old for old, new in moved.items() if new == variant), variant)
        facts = (at_hand or {}).get(origin)
        text = content[1] if content is not None and content[0] == origin else None
        group = _Group(rules, book, variant, members, crowded=len(groups) > 1, fetched=fetched)
        group.settle(facts, text, done)


def variant_for(known: Mapping[int, Facts], facts: Facts) -> int:
    """Which of the messages under one identity, by their facts, a new copy belongs to (I2)."""
    if not known:
        return 0
    for variant, other in known.items():
        if same_message(other, facts) or _is_blank(other):
            return variant
    return fingerprint(facts)


def representatives(rows: Sequence[CopyRow]) -> dict[int, Facts]:
    """For each message under one identity the facts of the copy recorded first."""
    found: dict[int, Facts] = {}
    for row in rows:
        if row.variant not in found:
            found[row.variant] = unpack(row.id_key, row.gate_at, row.facts)
    return found


def _is_blank(facts: Facts) -> bool:
    """Whether nothing was kept of a copy (`store.unmatched`): it tells no message from another."""
    return not (facts.author or facts.subject_key or facts.participants) and facts.date is None


def fingerprint(facts: Facts) -> int:
    """A name for a message among others of one Message-ID; positive, 63 bits."""
    words = (facts.author, facts.subject_key, (facts.date or 0) & (2**64 - 1))
    digest = blake2b(b"".join(w.to_bytes(8, "big") for w in words), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def _earliest_is_bare(
    db: Connection, id_key: bytes, groups: dict[int, list[CopyRow]]
) -> dict[int, int]:
    """Give variant 0 to the message of the earliest Date; return which variant became which."""
    facts = {
        variant: reduce(merge, (unpack(r.id_key, r.gate_at, r.facts) for r in rows))
        for variant, rows in groups.items()
    }

    def age(variant: int) -> tuple[bool, int, int]:
        date = facts[variant].date
        return date is None, date or 0, fingerprint(facts[variant])

    first = min(groups, key=age)
    if first == 0 or 0 not in groups:  # its mailbox was forgotten; its name is not given again
        return {}
    moved = {0: fingerprint(facts[0]), first: 0}
    for old, between in ((0, -1), (first, 0), (-1, moved[0])):
        message = messages.find(db, id_key, old)
        if message is not None:
            base = message.identity if old == 0 else message.identity.rpartition("~")[0]
            identity = base if between == 0 else f"{base}~{moved[0]:x}"
            messages.set_variant(db, message.id, between, identity)
    swapped = {new: groups[old] for old, new in moved.items()}
    for old in moved:
        del groups[old]
    groups.update(swapped)
    for variant, rows in swapped.items():
        copies.set_variant(db, [row.id for row in rows], variant)
    return moved


@dataclass(slots=True)
class _Group:
    """The copies of one message."""

    rules: Rules
    book: Book
    variant: int
    rows: list[CopyRow]
    crowded: bool
    """Another message bears the same Message-ID."""
    fetched: int
    """The copy whose text is at hand, or 0."""

    def settle(self, at_hand: Facts | None, content: Content | None, done: Settled) -> None:
        counted = expiry.counted(self.book.db, self.rows, at_hand)
        if not counted:
            return
        each = [unpack(r.id_key, r.gate_at, r.facts) for r in counted]
        merged = reduce(merge, each if at_hand is None else (*each, at_hand))
        sights = [Sight(r.mailbox_id, r.gate_at, r.box, r.live, r.ours) for r in counted]
        message = messages.find(self.book.db, self.rows[0].id_key, self.variant)
        told = threads.told_by_provider(counted)
        decide = partial(
            judge,
            self.rules,
            self.book,
            merged,
            sights,
            threads=told,
            message=message.id if message else 0,
        )
        verdict = decide()
        if at_hand is not None and create(self.rules, self.book, merged, verdict, done):
            verdict = decide()
        if message is not None and self._inherits and self._disowned(message, verdict, done):
            message = None
        refs = threads.refs_of(merged, told)
        is_new = message is None and content is not None and verdict.matched
        if is_new and content is not None:
            message = self._insert(content, refs)
        silent: Sequence[bool] = [False] * len(counted)
        if message is not None:
            before = len(done.activities)
            readable = self._describe(counted, verdict, message, merged, done)
            silent = [{p.exact for p in facts.participants} <= readable for facts in each]
            if at_hand is not None or is_new or len(done.activities) > before:
                self._join(message, refs, done, is_new=is_new, grown=len(done.activities) > before)
        self._outcomes(counted, silent, verdict, message, merged, done)

    @property
    def _inherits(self) -> bool:
        return self.rules.policy.thread_inherit != "off"

    def _disowned(self, message: MessageRow, verdict: Verdict, done: Settled) -> bool:
        return threads.disowned(self.book.db, message.id, verdict, done.due)

    def _insert(self, content: Content, refs: Refs) -> MessageRow:
        (thread,) = thread_store.threads_for(self.book.db, [refs])
        if self.variant:
            content = content._replace(identity=f"{content.identity}~{self.variant:x}")
        new = NewMessage(self.rows[0].id_key, self.variant, content, thread)
        return messages.insert(self.book.db, [new])[0]

    def _join(
        self, message: MessageRow, refs: Refs, done: Settled, *, is_new: bool, grown: bool
    ) -> None:
        """Put the message into its thread, and note who hangs on that (H2)."""
        changed = threads.place(self.book.db, self.rules.policy, message.id, refs)
        if self._inherits and (changed or grown):
            id_key = self.rows[0].id_key
            found = threads.dependents(self.book.db, message.id, id_key, is_new=is_new)
            done.due.update(dict.fromkeys(found))

    def _outcomes(
        self,
        rows: Sequence[CopyRow],
        silent: Sequence[bool],
        verdict: Verdict,
        message: MessageRow | None,
        merged: Facts,
        done: Settled,
    ) -> None:
        changes = []
        for row, says_nothing, decided in zip(rows, silent, verdict.outcomes, strict=True):
            new, why = becomes(
                row,
                decided,
                verdict,
                on_record=message is not None,
                says_nothing=says_nothing or row.id == self.fetched,
            )
            done.pending += new is Outcome.PENDING
            threads.wait(self.book.db, self.rules.policy, row.id_key, merged.parents, (new, why))
            message_id = message.id if message and new is Outcome.MATCHED else None
            if (new, why, message_id) != (row.outcome, row.reason, row.message_id):
                parent = merged.parents[0] if why is OutcomeReason.LIST and merged.parents else 0
                changes.append((new, why, message_id, self.variant, parent, row.id))
        copies.settle(self.book.db, changes)

    def _describe(
        self,
        rows: Sequence[CopyRow],
        verdict: Verdict,
        message: MessageRow,
        merged: Facts,
        done: Settled,
    ) -> frozenset[int]:
        """Bring a message on record up to the merged facts; return whom it names readably."""
        first = _first(rows)
        when = occurred_at(
            first.gate_at,
            date=_date(message, merged),
            received=message.received,
            sent=first.box is Box.SENT,
        )
        known = messages.people(self.book.db, message.id)
        named = [_readable(p, known.get(p.exact)) for p in merged.participants]
        messages.describe(self.book.db, message.id, stamp(when), first.gate_at, named)
        self._activities(rows, verdict, message, stamp(when), done)
        if merged.participants and merged.participants[-1].role is Role.REPLY_TO:
            self._yield_to_author(verdict, message, merged.author)
        reports.apply(self.book.db, merged.id_key)
        if first.box is Box.RECEIVED:
            reports.heard_from(self.book.db, [(merged.author, first.gate_at)])
        return frozenset(one.exact for one in named if one.address)

    def _yield_to_author(self, verdict: Verdict, message: MessageRow, author: KeyHash) -> None:
        for workspace, decision in verdict.decisions.items():
            if any(author in hit.participants for hit in decision.hits):
                kept = [hit.contact for hit in decision.hits]
                activities.yield_to_author(self.book.db, message.id, workspace, kept)

    def _activities(
        self,
        rows: Sequence[CopyRow],
        verdict: Verdict,
        message: MessageRow,
        when: str,
        done: Settled,
    ) -> None:
        first = _first(rows)
        visible = max(
            (self.rules.of(row.mailbox_id).visibility for row in rows), key=_VISIBILITY.index
        )
        done.activities += activities.put(
            self.book.db,
            [
                activity(
                    message,
                    workspace,
                    decision,
                    hit,
                    when=when,
                    received=stamp(first.gate_at),
                    visibility=visible,
                    source=source_of(rows),
                    crowded=self.crowded,
                )
                for workspace, decision in verdict.decisions.items()
                for hit in decision.hits
            ],
        )


def becomes(
    row: CopyRow,
    decided: tuple[Outcome, OutcomeReason],
    verdict: Verdict,
    *,
    on_record: bool,
    says_nothing: bool,
) -> tuple[Outcome, OutcomeReason]:
    """What becomes of one copy; ``says_nothing`` that is not on record of its message."""
    outcome, reason = decided
    waits = False
    if reason is OutcomeReason.BOUNCE:
        waits = True  # its report is still to be read (G1)
    elif on_record and (outcome is Outcome.MATCHED or not verdict.matched):
        # What is on record stays (S2). A copy that names somebody whom no other names, in Bcc
        # for one, is fetched for that name.
        waits = outcome is Outcome.MATCHED and not says_nothing
        waits = waits and row.outcome not in {Outcome.MATCHED, Outcome.ERROR}
        if not waits or row.removed:
            return Outcome.MATCHED, OutcomeReason.NONE
    elif outcome is Outcome.MATCHED:
        if row.outcome is Outcome.ERROR:
            return row.outcome, row.reason
        waits = True
    if waits and row.removed:
        return Outcome.SKIPPED, OutcomeReason.VANISHED
    return (Outcome.PENDING if waits else outcome), reason


def _first(rows: Sequence[CopyRow]) -> CopyRow:
    """The copy whose receive time counts (T1): the earliest, of two the one in Sent."""
    return min(rows, key=lambda row: (row.gate_at, row.box is not Box.SENT, row.id))


def _date(message: MessageRow, merged: Facts) -> int | None:
    """The earliest Date of all copies, whichever of them the text is from; in milliseconds."""
    merged_ms = None if merged.date is None else merged.date * 1000
    return min((at for at in (message.dated_at, merged_ms) if at is not None), default=None)


def _readable(participant: Participant, known: Participant | None) -> Participant:
    if participant.address or known is None:
        return participant
    return Participant(
        participant.role,
        participant.exact,
        participant.relaxed,
        participant.domain,
        participant.registrable,
        participant.marks,
        known.address,
        known.name,
    )
