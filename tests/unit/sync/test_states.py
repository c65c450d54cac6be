"""The table of a mailbox's states is whole: every pair is defined, or is our mistake."""

from __future__ import annotations

import pytest

from eisd.model.mailbox import MailboxState
from eisd.sync.state import TRANSITIONS, Event, step

PAIRS = [(state, event) for state in MailboxState for event in Event]


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: value.value)
def test_every_pair_leads_somewhere_or_is_a_mistake(state: MailboxState, event: Event):
    """`step` answers by the table, and says which pair is not in it."""
    if event in TRANSITIONS[state]:
        assert step(state, event) is TRANSITIONS[state][event]
        return
    with pytest.raises(LookupError, match=f"{state}.*{event}"):
        step(state, event)


def test_every_state_can_be_reached_and_left():
    """No state is forgotten: from starting a path leads to each, and out of it again."""
    reached = {MailboxState.STARTING}
    while more := {to for at in reached for to in TRANSITIONS[at].values()} - reached:
        reached |= more

    assert reached == set(MailboxState)
    assert all(set(TRANSITIONS[state].values()) - {state} for state in MailboxState)


@pytest.mark.parametrize("state", set(MailboxState) - {MailboxState.DISCONNECTED})
def test_a_mailbox_can_always_be_removed(state: MailboxState):
    """Whatever it does, a reload may take it out of the configuration."""
    assert step(state, Event.REMOVE) is MailboxState.DISCONNECTED


@pytest.mark.parametrize("event", [Event.LOST, Event.THROTTLED, Event.REFUSED, Event.PAUSE])
@pytest.mark.parametrize(
    "state", set(MailboxState) - {MailboxState.DISCONNECTED, MailboxState.PAUSED}
)
def test_trouble_may_come_at_any_time(state: MailboxState, event: Event):
    """Every state in which a mailbox does something can take every kind of trouble."""
    assert step(state, event) in {
        MailboxState.BACKING_OFF,
        MailboxState.THROTTLED,
        MailboxState.PROBLEMATIC,
        MailboxState.PAUSED,
    }
