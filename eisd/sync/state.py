"""A mailbox's life as one table: states, events, and where each event leads.

Everything that changes a mailbox's state stands here. A pair that is not in the table is a bug,
and `step` says so. The diagram in docs/reference/states.md is made from it.

    starting ──connect──▶ connecting ──behind──▶ backfill ──caught_up──▶ idle or polling
                            │  ▲ │                  │                       │  ▲
                            │  │ └──────────────────┼────caught_up──────────┼──┘
                     refused│  └─connect─ backing_off ◀────────lost─────────┘
                            ▼
                       problematic ──connect──▶ connecting
"""

from __future__ import annotations

from enum import StrEnum

from eisd.model.mailbox import MailboxState as S


class Event(StrEnum):
    """What happens to a mailbox."""

    CONNECT = "connect"  # a connection is tried
    CAUGHT_UP_PUSH = "caught_up_push"  # nothing left to list; the server tells what comes
    CAUGHT_UP_POLL = "caught_up_poll"  # nothing left to list; asked now and then
    BEHIND = "behind"  # there is something of the past to list (again)
    LOST = "lost"  # trouble that passes by itself
    THROTTLED = "throttled"  # the provider asks for rest
    REFUSED = "refused"  # a person is needed
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"  # no longer in the configuration


_E = Event
_ALWAYS = {
    _E.LOST: S.BACKING_OFF,
    _E.THROTTLED: S.THROTTLED,
    _E.REFUSED: S.PROBLEMATIC,
    _E.PAUSE: S.PAUSED,
    _E.REMOVE: S.DISCONNECTED,
}
_CONNECTED = {
    **_ALWAYS,
    _E.CONNECT: S.CONNECTING,
    _E.BEHIND: S.BACKFILL,
    _E.CAUGHT_UP_PUSH: S.IDLE,
    _E.CAUGHT_UP_POLL: S.POLLING,
}

TRANSITIONS: dict[S, dict[Event, S]] = {
    S.STARTING: {**_ALWAYS, _E.CONNECT: S.CONNECTING},
    S.CONNECTING: _CONNECTED,
    S.BACKFILL: _CONNECTED,
    S.IDLE: _CONNECTED,
    S.POLLING: _CONNECTED,
    S.BACKING_OFF: {**_ALWAYS, _E.CONNECT: S.CONNECTING},
    S.THROTTLED: {**_ALWAYS, _E.CONNECT: S.CONNECTING},
    S.PROBLEMATIC: {**_ALWAYS, _E.CONNECT: S.CONNECTING},
    S.PAUSED: {_E.PAUSE: S.PAUSED, _E.RESUME: S.STARTING, _E.REMOVE: S.DISCONNECTED},
    S.DISCONNECTED: {_E.CONNECT: S.CONNECTING},
}


def step(state: S, event: Event) -> S:
    """The state that ``event`` leads to.

    Raises:
        LookupError: the table has no such pair; it is our mistake.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise LookupError(f"a mailbox that is {state} cannot take {event}") from None
