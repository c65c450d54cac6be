"""What the copies of one message amount to, workspace by workspace (O4, M15): pure, no I/O.

Who is staff and which mailbox feeds what comes as plain data; what only the store knows (a
contact's address, whether staff wrote the parent of list mail) is asked by two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from eisd.matcher.gates import direct
from eisd.matcher.inherit import inherit, may_inherit
from eisd.matcher.keys import keys_of
from eisd.matcher.lookup import Entries
from eisd.matcher.match import decide
from eisd.matcher.policy import Policy
from eisd.matcher.staff import direction_of
from eisd.model.activity import OUTCOME_RANK, Direction, Outcome, OutcomeReason
from eisd.model.facts import CopyFacts, Decision, Facts, KeyHash, Staff
from eisd.model.mail import Signal
from eisd.model.mailbox import Box, SyncMode

NOBODY: Final = Staff(frozenset(), frozenset())

_LIST: Final = int(Signal.LIST)
_TWO_WAY: Final = SyncMode.TWO_WAY
_ONE_WAY: Final = SyncMode.ONE_WAY
_MATCHED: Final = Outcome.MATCHED
_DIRECTION: Final = (Outcome.SKIPPED, OutcomeReason.DIRECTION)
_FED_NOTHING: Final[Mapping[str, int]] = {}
_NO_KEYS: Final[frozenset[KeyHash]] = frozenset()

Lookup = Callable[[str, Collection[KeyHash]], Entries]
"""The intervals that a workspace's contact book holds under any of these keys."""
Tombstones = Callable[[str, Collection[KeyHash]], frozenset[KeyHash]]
"""Which of these keys are a deleted contact's in a workspace (M10)."""
AnswersStaff = Callable[[Facts, Staff], bool]
"""Whether a message answers one on record that staff wrote."""
Heir = Callable[[str, Facts], int | None]
"""The one contact that the thread has which a message answers (M11)."""


class Sight(NamedTuple):
    """One copy as a verdict sees it."""

    mailbox: int
    gate_at: int
    box: Box
    live: bool
    ours: bool = False
    """What eisd itself sent."""


class Own(Protocol):
    """What is particular to one mailbox."""

    @property
    def key(self) -> KeyHash:
        """Exact key of its own address."""
        ...

    @property
    def aliases(self) -> frozenset[KeyHash]:
        """Exact and relaxed keys of its other addresses."""
        ...

    @property
    def mode(self) -> SyncMode:
        """What it records (M15)."""
        ...


class People(NamedTuple):
    """Who is staff, and which mailbox feeds which workspace since when (milliseconds)."""

    staff: Mapping[str, Staff]
    feeds: Mapping[int, Mapping[str, int]]

    def only(self, mailbox: int) -> People:
        """What of it a verdict about copies of one mailbox can depend on."""
        feeds = self.feeds.get(mailbox, _FED_NOTHING)
        staff = {name: self.staff[name] for name in feeds if name in self.staff}
        return People(staff, {mailbox: feeds})


class Verdict(NamedTuple):
    """Decisions by workspace, and what they make of each copy, in the order given."""

    decisions: Mapping[str, Decision]
    outcomes: Sequence[tuple[Outcome, OutcomeReason]]
    matched: bool = False


def judge(
    policy: Policy,
    own: Callable[[int], Own],
    people: People,
    facts: Facts,
    sights: Sequence[Sight],
    *,
    lookup: Lookup | None = None,
    tombstones: Tombstones | None = None,
    answers_staff: AnswersStaff | None = None,
    heir: Heir | None = None,
    explain: bool = False,
) -> Verdict:
    """Decide one message for every workspace its copies feed.

    Without ``lookup`` no address is a contact's, without ``tombstones`` none was; without
    ``answers_staff`` nothing answers staff, without ``heir`` nothing answers anybody.
    """
    best: list[tuple[Outcome, OutcomeReason] | None] = [None] * len(sights)
    decisions: dict[str, Decision] = {}
    matched = False
    for workspace in _workspaces(people.feeds, sights):
        staff = people.staff.get(workspace, NOBODY)
        eligible = _eligible(own, people, workspace, sights, direction_of(facts, staff))
        if not eligible:
            continue
        keys = keys_of(facts) if lookup or tombstones else ()
        decision = decide(
            facts,
            list(eligible.values()),
            staff,
            {} if lookup is None else lookup(workspace, keys),
            policy,
            tombstones=_NO_KEYS if tombstones is None else tombstones(workspace, keys),
            parent_by_staff=answers_staff is not None and _answers(answers_staff, facts, staff),
            explain=explain,
        )
        if heir is not None and may_inherit(decision, facts, policy):
            contact = heir(workspace, facts)
            if contact is not None:
                decision = inherit(decision, facts, staff, contact)
        decisions[workspace] = decision
        matched = matched or decision.outcome is _MATCHED
        for at in eligible:
            best[at] = _better(best[at], (decision.outcome, decision.reason))
    return Verdict(decisions, [outcome or _DIRECTION for outcome in best], matched)


def _workspaces(feeds: Mapping[int, Mapping[str, int]], sights: Sequence[Sight]) -> Sequence[str]:
    if len(sights) == 1:
        fed = feeds.get(sights[0].mailbox, _FED_NOTHING)
        return tuple(fed) if len(fed) < 2 else sorted(fed)  # noqa: PLR2004
    return sorted({name for sight in sights for name in feeds.get(sight.mailbox, ())})


def _eligible(
    own: Callable[[int], Own],
    people: People,
    workspace: str,
    sights: Sequence[Sight],
    direction: Direction,
) -> dict[int, CopyFacts]:
    """The copies, by their place, whose mailbox feeds the workspace and records such mail."""
    found = {}
    for at, sight in enumerate(sights):
        connected_at = people.feeds.get(sight.mailbox, _FED_NOTHING).get(workspace)
        mailbox = own(sight.mailbox)
        if connected_at is not None and _takes(mailbox.mode, direction, ours=sight.ours):
            found[at] = CopyFacts(
                sight.mailbox,
                mailbox.key,
                sight.gate_at,
                connected_at,
                sight.box,
                sight.live,
                mailbox.aliases,
            )
    return found


def _takes(mode: SyncMode, direction: Direction, *, ours: bool) -> bool:
    """Whether a mailbox records mail of that direction, or what eisd itself sent (M15)."""
    if mode is _ONE_WAY:
        return ours
    return mode is _TWO_WAY or mode.value == direction.value


def _better(
    one: tuple[Outcome, OutcomeReason] | None, other: tuple[Outcome, OutcomeReason]
) -> tuple[Outcome, OutcomeReason]:
    if one is None or OUTCOME_RANK[other[0]] < OUTCOME_RANK[one[0]]:
        return other
    return one


def _answers(answers_staff: AnswersStaff, facts: Facts, staff: Staff) -> bool:
    """Whether a list message answers what staff wrote (G4); asked for list mail alone."""
    return (
        bool(int(facts.signals) & _LIST and facts.parents)
        and not direct(facts, staff, parent_by_staff=False)
        and answers_staff(facts, staff)
    )
