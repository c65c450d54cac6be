"""What may happen to a submission, each as one transaction of the writer.

Each of them reads the state where it stands, goes by the table, and lays what follows from it
upon the activities: a row and what people see of it never say different things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eisd.errors import EisdError, ExitCode, UserError
from eisd.model.mail import Parsed
from eisd.model.submission import Filing, RecipientState, SubmissionState
from eisd.outbox.state import TRANSITIONS, Event, step
from eisd.outbox.station import Recorder
from eisd.store import outbox, reports
from eisd.store.activities import Fresh
from eisd.store.contact_unsend import HASHED
from eisd.store.database import Tx
from eisd.store.outbox import NewSubmission, Submission
from eisd.store.sql import now_ms

SKEW_MS = 60_000
"""A message that goes out so much later than it was accepted gets its real time."""
FIRST_LOOK_MS = 5_000


class Withdrawn(EisdError):
    """The message is not to be sent any more: it was held or cancelled a moment ago."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission as it was accepted, now or under the same key before."""

    submission: int
    fresh: Sequence[Fresh] = ()
    again: bool = False


def accept(tx: Tx, recorder: Recorder, new: NewSubmission, parsed: Parsed) -> Accepted:
    """Take a message over; its activity is there at once, unless it waits for its time.

    Raises:
        UserError: (65) the idempotency key stands for another message.
    """
    if new.idempotency_key is not None:
        known = outbox.by_key(tx.db, new.idempotency_key)
        if known is not None:
            return repeated(known, new.fingerprint)
    submission = outbox.add(tx.db, new)
    fresh: Sequence[Fresh] = ()
    if new.state is SubmissionState.QUEUED and new.due_at <= now_ms():
        fresh = recorder.record(tx, new.mailbox, submission, new.due_at, new.rfc822, parsed)
    return Accepted(submission, fresh)


def repeated(known: Submission, fingerprint: bytes) -> Accepted:
    """The submission that was accepted under the same key. Raises UserError (65)."""
    if known.fingerprint != fingerprint:
        raise UserError(
            f"this idempotency key was used for another message (submission {known.id})",
            hint="a new message needs a new key",
            code=ExitCode.DATA,
        )
    return Accepted(known.id, again=True)


# The loop's


def commit(tx: Tx, submission: int) -> None:
    """The last step is about to be taken. Raises `Withdrawn`."""
    row = find(tx, submission)
    if row.state is not SubmissionState.QUEUED:
        raise Withdrawn(f"submission {submission} is {row.state}")
    outbox.tried(tx.db, submission)
    outbox.set_state(tx.db, submission, step(row.state, Event.COMMIT))


def accepted(
    tx: Tx,
    recorder: Recorder,
    submission: int,
    fates: Mapping[str, tuple[RecipientState, str]],
    *,
    at: int,
    reply: str,
    retry_at: int | None,
    files: bool,
) -> SubmissionState:
    """The remote took it for some recipients at least; ``fates`` says what became of each.

    ``retry_at`` is when the others are tried again; ``files``: the copy in Sent is ours to make.
    """
    row = find(tx, submission)
    outbox.set_recipients(tx.db, submission, fates)
    outbox.sent(tx.db, submission, at)
    state = step(row.state, Event.ACCEPTED if retry_at is None else Event.LATER)
    outbox.set_state(tx.db, submission, state, next_at=retry_at, reply=reply)
    if files and row.filing is Filing.NONE:
        outbox.set_filing(tx.db, submission, Filing.DUE, at=at)
    _conclude(tx, recorder, submission)
    return state


def later(
    tx: Tx,
    recorder: Recorder,
    submission: int,
    fates: Mapping[str, tuple[RecipientState, str]],
    *,
    retry_at: int,
    reply: str,
    counts: bool,
) -> None:
    """Not taken; tried again then. Recipients that were refused for good are so in ``fates``.

    ``counts``: the try was about this message, and is counted unless the commit has counted it.
    """
    row = find(tx, submission)
    if row.state is SubmissionState.QUEUED:
        if counts:
            outbox.tried(tx.db, submission)
    elif row.state is not SubmissionState.SENDING:
        return  # held or cancelled meanwhile
    outbox.set_recipients(tx.db, submission, fates)
    state = step(row.state, Event.LATER)
    outbox.set_state(tx.db, submission, state, next_at=retry_at, reply=reply)
    _conclude(tx, recorder, submission)


def failed(
    tx: Tx,
    recorder: Recorder,
    submission: int,
    fates: Mapping[str, tuple[RecipientState, str]],
    *,
    reply: str,
) -> SubmissionState:
    """Given up: nobody takes it, or not in time. What somebody has taken before is sent."""
    row = find(tx, submission)
    if Event.REFUSED not in TRANSITIONS[row.state]:
        return row.state
    left = {
        one.address: fates.get(one.address, (RecipientState.FAILED, reply))
        for one in outbox.recipients(tx.db, submission)
        if one.state is RecipientState.QUEUED
    }
    outbox.set_recipients(tx.db, submission, left)
    state = step(row.state, Event.REFUSED)
    if row.sent_at is not None:
        state = SubmissionState.SENT
    outbox.set_state(tx.db, submission, state, reply=reply)
    _conclude(tx, recorder, submission)
    return state


def lost(tx: Tx, submission: int, reply: str) -> bool:
    """No answer to the whole message: nobody knows. It is looked for, and never sent blindly.

    False: the remote did not have the whole of it, so it certainly was not sent.
    """
    row = find(tx, submission)
    if row.state is not SubmissionState.SENDING:
        return False
    state = step(row.state, Event.LOST)
    outbox.set_state(tx.db, submission, state, next_at=now_ms() + FIRST_LOOK_MS, reply=reply)
    return True


def found(tx: Tx, recorder: Recorder, submission: int, *, in_sent: bool, files: bool) -> bool:
    """It was sent after all: some mailbox holds it. False: it is in doubt no longer."""
    row = find(tx, submission)
    if row.state is not SubmissionState.DOUBT:
        return False
    _was_sent(tx, recorder, row, Event.FOUND, files=files and not in_sent)
    return True


def _was_sent(tx: Tx, recorder: Recorder, row: Submission, event: Event, *, files: bool) -> None:
    fates = {
        one.address: (RecipientState.SENT, one.reply)
        for one in outbox.recipients(tx.db, row.id)
        if one.state is RecipientState.QUEUED
    }
    outbox.set_recipients(tx.db, row.id, fates)
    outbox.sent(tx.db, row.id, now_ms())
    outbox.set_state(tx.db, row.id, step(row.state, event))
    if files and row.filing is Filing.NONE:
        outbox.set_filing(tx.db, row.id, Filing.DUE, at=now_ms())
    _conclude(tx, recorder, row.id)


def filed(tx: Tx, recorder: Recorder, submission: int, filing: Filing) -> None:
    """The copy lies in Sent, or was given up."""
    outbox.set_filing(tx.db, submission, filing)
    _conclude(tx, recorder, submission)


def recover(tx: Tx, mailbox: int) -> list[int]:
    """A new process begins: what the one before was sending is in doubt. Returns which."""
    rows = outbox.interrupted(tx.db, mailbox)
    for row in rows:
        lost(tx, row.id, "eisd ended before the server's answer was on record")
    return [row.id for row in rows]


# A person's


def ask(tx: Tx, recorder: Recorder, submission: int, event: Event, *, files: bool) -> None:
    """Hold, release, retry, cancel or settle. Raises UserError: unknown (67), or too late (1)."""
    row = find(tx, submission)
    state = step(row.state, event)
    if event is Event.SETTLE:
        _was_sent(tx, recorder, row, event, files=files)
        return
    if event is Event.CANCEL:
        _cancel(tx, recorder, row)
        return
    if event is Event.RETRY:
        _again(tx, row)
    now = now_ms()
    at = None if event is Event.HOLD else now if event is Event.RETRY else max(now, row.due_at)
    outbox.set_state(tx.db, submission, state, next_at=at)
    _conclude(tx, recorder, submission)


def _again(tx: Tx, row: Submission) -> None:
    """Recipients that were refused are tried again; those who have it, or were purged, are not."""
    if outbox.message(tx.db, row.id) is None:
        raise UserError("its message is no longer kept", hint="send it anew", code=ExitCode.NO)
    fates = {
        one.address: (RecipientState.QUEUED, one.reply)
        for one in outbox.recipients(tx.db, row.id)
        if one.state is RecipientState.FAILED and not one.address.startswith(HASHED)
    }
    outbox.set_recipients(tx.db, row.id, fates)


def _cancel(tx: Tx, recorder: Recorder, row: Submission) -> None:
    """What nobody has goes without a trace; what somebody has is sent, and the rest is not."""
    if row.sent_at is not None:
        failed(tx, recorder, row.id, {}, reply="cancelled")
        return
    outbox.set_state(tx.db, row.id, step(row.state, Event.CANCEL), reply="cancelled")
    outbox.drop_message(tx.db, row.id)
    recorder.forget(tx, row.mailbox, row.id)


def find(tx: Tx, submission: int) -> Submission:
    """One submission. Raises UserError (67) when there is none."""
    row = outbox.by_id(tx.db, submission)
    if row is None:
        raise UserError(f"there is no submission {submission}", code=ExitCode.UNKNOWN)
    return row


def _conclude(tx: Tx, recorder: Recorder, submission: int) -> None:
    """Let go of a message that nothing needs any more, and show in activities how it stands."""
    row = find(tx, submission)
    if row.state is SubmissionState.SENT and row.filing is not Filing.DUE:
        outbox.drop_message(tx.db, submission)
        recorder.let_go(tx, row.mailbox, submission)
    late = row.sent_at is not None and abs(row.sent_at - row.due_at) > SKEW_MS
    at = row.sent_at if late and row.sent_at is not None else row.due_at
    recorder.sent(tx, row.mailbox, submission, row.id_key, at)


def mark_dead(tx: Tx, row: Submission, dead: Sequence[str], at: int) -> None:
    """The server itself says that nobody is reached by these addresses."""
    if dead:
        for one in outbox.recipients(tx.db, row.id):
            if one.address in dead:
                reports.bounced(tx.db, one.exact, at, "5.1.1")
