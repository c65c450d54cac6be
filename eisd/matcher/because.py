"""Why a decision is what it is, in words and by rule, for `eisd explain`; it decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from eisd.model.activity import Direction, MessageClass, OutcomeReason, Via
from eisd.model.facts import Decision, Facts, Staff
from eisd.model.mail import Signal


class Why(NamedTuple):
    """A sentence's end, and the rule's number in docs/reference/matching.md."""

    text: str
    rule: str


_CLASS: Final[Mapping[MessageClass, Why]] = MappingProxyType(
    {
        MessageClass.AUTO_REPLY: Why("its header or subject is an automatic reply's", "G2"),
        MessageClass.CALENDAR_INVITE: Why("an invitation, and calendars are synced", "G3"),
        MessageClass.LIST: Why("it has List-Id or List-Post", "G4"),
        MessageClass.BULK: Why("Precedence or Feedback-ID says so", "G5"),
        MessageClass.WEAK_BULK: Why("it has List-Unsubscribe and no other mark", "G5"),
        MessageClass.AUTO_GENERATED: Why("Auto-Submitted says so", "G6"),
        MessageClass.NO_REPLY: Why("the author's address is such a one", "G7"),
        MessageClass.ROLE: Why("the author's address is a function's", "G8"),
    }
)

RULES: Final[Mapping[OutcomeReason, str]] = MappingProxyType(
    {
        OutcomeReason.NONE: "M2",
        OutcomeReason.NO_CONTACT: "M2",
        OutcomeReason.BEFORE_ADDRESS_ADDED: "M3",
        OutcomeReason.AFTER_ADDRESS_ENDED: "M3",
        OutcomeReason.TOMBSTONE: "M10",
        OutcomeReason.STAFF_ADDRESS: "S2",
        OutcomeReason.SHARED_ADDRESS: "M8",
        OutcomeReason.BLOCKLISTED: "M13",
        OutcomeReason.INTERNAL: "S5",
        OutcomeReason.DIRECTION: "M15",
        OutcomeReason.BOUNCE: "G1",
        OutcomeReason.CALENDAR_INVITE: "G3",
        OutcomeReason.LIST: "G4",
        OutcomeReason.BULK: "G5",
        OutcomeReason.DRAFT: "F2",
        OutcomeReason.EXCLUDED_FOLDER: "F1",
        OutcomeReason.OUTSIDE_WINDOW: "F5",
        OutcomeReason.EXPIRED: "F5",
        OutcomeReason.VANISHED: "O2",
        OutcomeReason.CAPTURE_UNAUTHENTICATED: "K1",
        OutcomeReason.CAPTURE_UNPARSED: "K2",
        OutcomeReason.FETCH: "O1",
        OutcomeReason.POISON: "O1",
        OutcomeReason.INTERNAL_ERROR: "O1",
    }
)
"""The rule that each reason follows from; M2 where there is none, for the contacts were found."""


def direction(facts: Facts, staff: Staff) -> Why:
    """Why a message is outgoing or incoming."""
    who = "the author"
    if facts.signals & Signal.LIST_REWRITE:
        who = "the author, whom a list has moved out of From,"
    if not facts.author:
        return Why("it has no usable From", "S3")
    if facts.author in staff.exact:
        return Why(f"{who} is staff", "S3")
    if facts.author_relaxed in staff.relaxed:
        return Why(f"{who} is staff, without the tag", "S3")
    if {facts.author_domain, facts.author_registrable} & staff.domains:
        return Why(f"{who} has a domain of staff", "S3")
    return Why(f"{who} is not staff", "S3")


def kind(facts: Facts, of: MessageClass, way: Direction) -> Why:
    """Why a message is of its class."""
    if of is MessageClass.BOUNCE:
        if facts.signals & Signal.DELIVERY_REPORT:
            return Why("it is a delivery report", "G1")
        if facts.signals & Signal.READ_RECEIPT:
            return Why("it is a read receipt", "G1")
        return Why("a mail system wrote it, and it has no return path", "G1")
    if of is MessageClass.PERSONAL:
        if way is Direction.OUTGOING:
            return Why("outgoing mail has no other", "G9")
        return Why("it bears no mark of a machine or a list", "G9")
    return _CLASS[of]


def reason(decision: Decision) -> str:
    """The rule that a decision's outcome follows from."""
    automatic = {MessageClass.AUTO_REPLY, MessageClass.AUTO_GENERATED}
    if decision.reason is OutcomeReason.BULK and decision.kind in automatic:
        return _CLASS[decision.kind].rule
    if any(hit.via is Via.THREAD for hit in decision.hits):
        return "M11"
    return RULES[decision.reason]
