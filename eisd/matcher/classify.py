"""The class of a message (section 8): the first rule that fits, read from signal bits alone."""

from __future__ import annotations

from typing import Final

from eisd.matcher.policy import Policy
from eisd.model.activity import Direction, MessageClass
from eisd.model.facts import Facts
from eisd.model.mail import Signal

# Plain ints: `&` on two IntFlag members costs ten times as much, and this runs for all mail.
_PERSONAL: Final = MessageClass.PERSONAL
_INCOMING: Final = Direction.INCOMING
_REPORT: Final = int(Signal.DELIVERY_REPORT | Signal.READ_RECEIPT)
_DAEMON: Final = int(Signal.AUTHOR_DAEMON | Signal.NULL_RETURN_PATH)
_AUTO_REPLY: Final = int(Signal.AUTO_REPLY)
_CALENDAR: Final = int(Signal.CALENDAR)
_BY_SENDER: Final = (
    (int(Signal.LIST), MessageClass.LIST),
    (int(Signal.BULK), MessageClass.BULK),
    (int(Signal.AUTO_GENERATED), MessageClass.AUTO_GENERATED),
    (int(Signal.AUTHOR_NO_REPLY), MessageClass.NO_REPLY),
    (int(Signal.AUTHOR_ROLE), MessageClass.ROLE),
    (int(Signal.UNSUBSCRIBE), MessageClass.WEAK_BULK),
)
_ANY: Final = _REPORT | _DAEMON | _AUTO_REPLY | _CALENDAR | sum(bit for bit, _ in _BY_SENDER)


def classify(facts: Facts, direction: Direction, policy: Policy) -> MessageClass:
    """Give the class of a message; G2 and G4 to G8 are asked of incoming mail only."""
    bits = int(facts.signals)
    if not bits & _ANY:
        return _PERSONAL
    if bits & _REPORT or bits & _DAEMON == _DAEMON:
        return MessageClass.BOUNCE
    incoming = direction is _INCOMING
    if incoming and bits & _AUTO_REPLY:
        return MessageClass.AUTO_REPLY
    if policy.calendar_sync and bits & _CALENDAR:
        return MessageClass.CALENDAR_INVITE
    if incoming:
        for bit, kind in _BY_SENDER:
            if bits & bit:
                return kind
    return _PERSONAL
