"""A submission's life as one table: states, events, and where each event leads.

Everything that changes the state of a submission stands here. A pair that is not in the table is
refused: to a person with a sentence, and else as our mistake.

    held ◀──hold── queued ──commit──▶ sending ──accepted──▶ sent
      └──release──▶  ▲ │                │  │  └──lost──▶ doubt ──found, settle──▶ sent
                     │ └──refused──▶ failed ◀──refused─┘           └──retry──▶ queued
                     └──────later─────────┘

``sending`` is durable before the remote can have the whole message. So whoever finds it after a
crash knows that the message may be out, and whoever finds ``queued`` knows that it is not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from eisd.errors import ExitCode, UserError
from eisd.model.submission import SubmissionState as S


class Event(StrEnum):
    """What happens to a submission."""

    COMMIT = "commit"  # the last step is about to be taken
    ACCEPTED = "accepted"  # the remote has it, for every recipient that is left
    LATER = "later"  # not taken now; tried again
    REFUSED = "refused"  # not taken, for good
    LOST = "lost"  # nobody knows whether it was taken
    FOUND = "found"  # it was taken: some mailbox holds it
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # a person wants it tried again, at once
    CANCEL = "cancel"
    SETTLE = "settle"  # a person says that it was taken


_E = Event

TRANSITIONS: Final[dict[S, dict[Event, S]]] = {
    S.QUEUED: {
        _E.COMMIT: S.SENDING,
        _E.LATER: S.QUEUED,
        _E.REFUSED: S.FAILED,
        _E.HOLD: S.HELD,
        _E.RETRY: S.QUEUED,
        _E.CANCEL: S.CANCELLED,
    },
    S.HELD: {
        _E.REFUSED: S.FAILED,
        _E.HOLD: S.HELD,
        _E.RELEASE: S.QUEUED,
        _E.CANCEL: S.CANCELLED,
    },
    S.SENDING: {
        _E.ACCEPTED: S.SENT,
        _E.LATER: S.QUEUED,
        _E.REFUSED: S.FAILED,
        _E.LOST: S.DOUBT,
    },
    S.DOUBT: {_E.FOUND: S.SENT, _E.SETTLE: S.SENT, _E.RETRY: S.QUEUED},
    S.FAILED: {_E.RETRY: S.QUEUED},
    S.SENT: {},
    S.CANCELLED: {},
}

_BY_PEOPLE: Final = {_E.HOLD, _E.RELEASE, _E.RETRY, _E.CANCEL, _E.SETTLE}


def step(state: S, event: Event) -> S:
    """The state that ``event`` leads to.

    Raises:
        UserError: (1) a person asks for what cannot be had any more.
        LookupError: the table has no such pair; it is our mistake.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        if event not in _BY_PEOPLE:
            raise LookupError(f"a submission that is {state} cannot take {event}") from None
    can = [each.value for each in TRANSITIONS[state] if each in _BY_PEOPLE]
    hint = f"possible: {', '.join(can)}" if can else "nothing can be changed any more"
    if state is S.DOUBT:
        hint = "look whether it arrived; then: eisd outbox settle ID, or eisd outbox retry ID"
    raise UserError(f"cannot {event}: it is {_SAID[state]}", hint=hint, code=ExitCode.NO)


_SAID: Final = {
    S.QUEUED: "queued",
    S.HELD: "held",
    S.SENDING: "on its way this very moment",
    S.DOUBT: "in doubt: it may have been sent",
    S.FAILED: "failed",
    S.SENT: "sent already",
    S.CANCELLED: "cancelled",
}
