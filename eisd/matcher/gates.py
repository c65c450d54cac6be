"""What stops a whole message before any contact is looked up: M13, S5, section 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eisd.matcher.policy import Policy
from eisd.matcher.staff import is_staff
from eisd.model.activity import Direction, MessageClass, OutcomeReason
from eisd.model.facts import CopyFacts, Facts, Mark, Participant, Staff
from eisd.model.mail import Role

# Members are bound once: reading one off its class is a slow look-up before Python 3.12.
_NONE: Final = OutcomeReason.NONE
_OUTGOING: Final = Direction.OUTGOING
_LIST: Final = MessageClass.LIST
_GATED: Final = {
    MessageClass.BOUNCE: OutcomeReason.BOUNCE,
    MessageClass.CALENDAR_INVITE: OutcomeReason.CALENDAR_INVITE,
    MessageClass.LIST: None,
    MessageClass.BULK: None,
    MessageClass.AUTO_REPLY: None,
    MessageClass.AUTO_GENERATED: None,
}
"""The classes that may stop a message: always, for a reason, or as a policy says."""
_BLOCKED: Final = int(Mark.BLOCKED)
_BLOCKS_MESSAGE: Final = int(Mark.BLOCKS_MESSAGE)
_BLOCKING: Final = _BLOCKED | _BLOCKS_MESSAGE
_LIST_ADDRESS: Final = int(Mark.LIST_ADDRESS)
_RECIPIENT: Final = int(Mark.RECIPIENT)


def blocked(facts: Facts, staff: Staff, direction: Direction) -> bool:
    """Say whether the block list stops the message (M13); S is exempt.

    It does by an outsider whose entry says so; by a blocked author; and when every outsider of
    the message is blocked.
    """
    for one in facts.participants:
        if int(one.marks) & _BLOCKING:
            break
    else:
        return False
    outsiders = [one for one in facts.participants if not is_staff(one, staff)]
    if any(int(one.marks) & _BLOCKS_MESSAGE for one in outsiders):
        return True
    marked = {one.exact for one in outsiders if int(one.marks) & _BLOCKED}
    by_author = direction is Direction.INCOMING and facts.author in marked
    return by_author or (bool(marked) and len(marked) == len(outsiders))


def internal(
    facts: Facts,
    copies: Sequence[CopyFacts],
    staff: Staff,
    direction: Direction,
    policy: Policy,
) -> bool:
    """Say whether the message stays among staff (S5)."""
    if (
        direction is _OUTGOING
        and all(is_staff(one, staff) for one in facts.participants)
        and any(int(one.marks) & _RECIPIENT for one in facts.participants)
    ):
        return True
    return policy.internal_mode == "any_staff" and _other_staff(facts, copies, staff)


def _other_staff(facts: Facts, copies: Sequence[CopyFacts], staff: Staff) -> bool:
    """Say whether, seen from every copy, staff other than its own mailbox takes part."""
    involved = [
        one
        for one in facts.participants
        if (one.exact == facts.author or int(one.marks) & _RECIPIENT) and is_staff(one, staff)
    ]
    if not copies:
        return len(involved) > 1
    return all(any(not _is_own(one, copy) for one in involved) for copy in copies)


def _is_own(one: Participant, copy: CopyFacts) -> bool:
    """Say whether an address is that of the copy's own mailbox, an alias, or a variant of them."""
    if copy.mailbox_key in (one.exact, one.relaxed):
        return True
    return one.exact in copy.aliases or one.relaxed in copy.aliases


def direct(facts: Facts, staff: Staff, *, parent_by_staff: bool) -> bool:
    """Say whether mail of a list was meant for staff too (G4): addressed to it, or its answer."""
    return parent_by_staff or any(
        (one.role is Role.TO or one.role is Role.CC)
        and not int(one.marks) & _LIST_ADDRESS
        and is_staff(one, staff)
        for one in facts.participants
    )


def unwanted(kind: MessageClass, policy: Policy, *, is_direct: bool) -> OutcomeReason:
    """Give the reason why a class of mail is skipped (section 8); NONE if it is not."""
    if kind not in _GATED:
        return _NONE
    always = _GATED[kind]
    if always is not None:
        return always
    if kind is _LIST:
        meant = policy.group_list == "match" or (is_direct and policy.group_list != "skip")
        return _NONE if meant else OutcomeReason.LIST
    choice = policy.group_bulk if kind is MessageClass.BULK else policy.group_auto
    return OutcomeReason.BULK if choice == "skip" else _NONE
