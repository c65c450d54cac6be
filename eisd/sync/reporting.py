"""What comes back: delivery reports and read receipts, tied to what they are about (G1)."""

from __future__ import annotations

from eisd.matcher.keys import Hasher
from eisd.mime.report import is_dead
from eisd.model.activity import OutcomeReason
from eisd.model.mail import DeliveryReport, Fate, Headers
from eisd.model.submission import RecipientState
from eisd.store import copies, outbox, reports
from eisd.store.copies import CopyRow
from eisd.store.database import Tx
from eisd.sync.rules import Rules

_STATES = {"failed": RecipientState.BOUNCED, "delayed": RecipientState.DELAYED}


def take_report(
    tx: Tx, rules: Rules, row: CopyRow, headers: Headers, report: DeliveryReport | None
) -> None:
    """Take what a delivery report or a receipt says, and nothing else of it (G1).

    It is about the message it gives back; else about what has its envelope id (RFC 3461), which
    only whoever sent the message and whoever carried it know; else about what it answers.
    """
    about = None if report is None else _about(tx, rules.hasher, headers, report)
    if report is not None and about is not None:
        if report.kind == "disposition-notification":
            if report.action == "displayed":
                reports.read(tx.db, about, row.gate_at)
        else:
            _delivery(tx, rules, about, report, row.gate_at)
        reports.apply(tx.db, about)
    copies.hold(tx.db, row.id, OutcomeReason.BOUNCE)


def _about(tx: Tx, hasher: Hasher, headers: Headers, report: DeliveryReport) -> bytes | None:
    """The identity of the message that a report is about."""
    if report.original_message_id is not None:
        return hasher.identity(report.original_message_id)
    if report.envelope_id:
        known = outbox.by_envelope(tx.db, report.envelope_id)
        if known is not None:
            return known.id_key
    return hasher.identity(headers.in_reply_to) if headers.in_reply_to else None


def _delivery(tx: Tx, rules: Rules, about: bytes, report: DeliveryReport, at: int) -> None:
    """Keep it of the recipients it names; of the whole message, if it names none."""
    submission = outbox.by_identity(tx.db, about)
    placed = False
    others: list[tuple[int, RecipientState]] = []
    for fate in report.fates:
        keys = [rules.hasher.key(one) for one in fate.recipients]
        named: list[int] = []
        state = _STATES.get(fate.action)
        if state is not None and keys:
            if submission is not None:
                reply = f"{fate.action} {fate.status}".strip()
                named = reports.recipient(tx.db, submission.id, keys, state, reply)
            placed = placed or bool(named)
            ours = (key for key in keys if reports.names(tx.db, about, key))
            others.append((next(ours, keys[0] if rules.index else 0), state))
        _mark(tx, about, fate, named or keys, at)
    status = _STATES.get(report.action)
    if placed:
        return
    for key, state in others:
        reports.delivery_to(tx.db, about, key, state)
    if not others and status is not None:
        reports.delivery(tx.db, about, status)


def _mark(tx: Tx, about: bytes, fate: Fate, keys: list[int], at: int) -> None:
    """Mark addresses of the message that nobody is reached by."""
    if fate.action != "failed" or not is_dead(fate.status):
        return
    for key in keys:
        if reports.names(tx.db, about, key):
            reports.bounced(tx.db, key, at, fate.status)
