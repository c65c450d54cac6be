"""The events of sending."""

from __future__ import annotations

from eisd import metrics
from eisd.event_spec import Level
from eisd.event_spec import declare as _event

_D, _I, _W, _E, _ = Level

OUTBOX_MESSAGE_ACCEPTED = _event(
    "outbox.message_accepted", _I, "accepted for {recipients} recipients ({state})",
    "submission", "recipients", "size", "state",
    help="A message to be sent is durable; `submission` is its id.",
)  # fmt: skip
OUTBOX_MESSAGE_SENT = _event(
    "outbox.message_sent", _I, "sent to {recipients} recipients after {lag_ms} ms",
    "submission", "recipients", "refused", "attempt", "size", "lag_ms",
    help="The mailbox's server took a message over; `refused` recipients it did not take.",
    counts=(metrics.OUTBOX_DELIVERIES, ("mailbox", "=sent")),
)  # fmt: skip
OUTBOX_MESSAGE_DEFERRED = _event(
    "outbox.message_deferred", _W, "not taken now ({code}); again in {retry_in_s} s",
    "submission", "attempt", "retry_in_s", "code",
    help="The server refused one message for now; it is tried again by itself.",
    counts=(metrics.OUTBOX_DELIVERIES, ("mailbox", "=deferred")),
)  # fmt: skip
OUTBOX_MESSAGE_FAILED = _event(
    "outbox.message_failed", _E, "not sent, given up after {attempt} attempts ({code})",
    "submission", "attempt", "code",
    help="A message was refused for good, or for longer than `outbound.retry_for`; the outbox "
    "keeps the server's words.",
    counts=(metrics.OUTBOX_DELIVERIES, ("mailbox", "=failed")),
)  # fmt: skip
OUTBOX_MESSAGE_DOUBTED = _event(
    "outbox.message_doubted", _E, "may have been sent; it is looked for in Sent",
    "submission",
    help="The connection, or eisd, ended between the message and the server's answer. It is not "
    "sent again by itself; if it cannot be found, `eisd issues` asks a person.",
    error=True,
    counts=(metrics.OUTBOX_DELIVERIES, ("mailbox", "=doubt")),
)  # fmt: skip
OUTBOX_DOUBT_SETTLED = _event(
    "outbox.doubt_settled", _I, "was sent after all",
    "submission", "how",
    help="A message in doubt was found in a mailbox.",
)  # fmt: skip
OUTBOX_MESSAGE_CHANGED = _event(
    "outbox.message_changed", _I, "asked to {how}",
    "submission", "how",
    help="A person or a program held, released, retried, cancelled or settled a message.",
)  # fmt: skip
OUTBOX_COPY_FILED = _event(
    "outbox.copy_filed", _D, "copy filed in Sent",
    "submission", "attempt",
    help="The copy of a sent message lies in the mailbox's Sent folder.",
)  # fmt: skip
OUTBOX_COPY_UNFILED = _event(
    "outbox.copy_unfiled", _W, "copy not filed in Sent; again in {retry_in_s} s",
    "submission", "retry_in_s",
    help="The copy of a sent message could not be filed; the message itself was sent. At level "
    "error when it is given up.",
    folded=True,
    error=True,
)  # fmt: skip
OUTBOX_PACED = _event(
    "outbox.paced", _D, "the limit of messages is reached; the next one goes in {wait_s} s",
    "wait_s",
    help="The mailbox, or its provider, takes no more messages for now.",
    folded=True,
)  # fmt: skip
OUTBOX_STALLED = _event(
    "outbox.stalled", _W, "cannot send; again in {retry_in_s} s",
    "retry_in_s", "fix",
    help="The way out of a mailbox does not work; its messages keep. At level error when a "
    "person is needed.",
    folded=True,
    error=True,
)  # fmt: skip
