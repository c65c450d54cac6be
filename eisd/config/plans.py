"""What an owner's plan means for each of his mailboxes (L1): pure, from the settings alone.

Which mailboxes are over a quota follows from the configuration's order, so it is the same after
every start and for every reader: an owner's first mailboxes fit, the rest are paused.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from eisd.config.mailbox import MailboxSettings
from eisd.config.schema import PlanSettings, Settings
from eisd.model.mailbox import SyncMode


class Terms(NamedTuple):
    """What a plan says of one mailbox."""

    push: bool = True
    """Whether it may be told of new mail; else it is polled."""
    over: str = ""
    """Why the plan does not cover it, as a sentence; it is paused then."""


def terms(settings: Settings) -> dict[str, Terms]:
    """What holds for each mailbox that is enabled, by name."""
    used = _lent(settings)
    found: dict[str, Terms] = {}
    for name, box in settings.mailboxes.items():
        if not box.enabled:
            continue
        plan = settings.plan_of(box.owner)
        if plan is None or box.owner is None:
            found[name] = Terms()
            continue
        found[name] = Terms(
            push=plan[1].push or plan[1].interval is None,
            over=_over(box, box.owner, *plan, used),
        )
    return found


def _lent(settings: Settings) -> Counter[str]:
    """How many mailboxes of others are shared with each owner, where that counts.

    These take their places first: they are not the owner's to be paused.
    """
    lent: Counter[str] = Counter()
    for box in settings.mailboxes.values():
        if not box.enabled or box.access != "shared":
            continue
        for person in set(box.shared_with) - {box.owner}:
            plan = settings.plan_of(person)
            lent[person] += plan is not None and plan[1].count_shared
    return lent


def _over(
    box: MailboxSettings, owner: str, name: str, plan: PlanSettings, used: Counter[str]
) -> str:
    """Why a mailbox is not covered; else it takes one of its owner's places."""
    if box.access == "shared" and "shared" not in plan.allow:
        return f"plan {name} of {owner} has no shared mailboxes"
    if box.sync is SyncMode.ONE_WAY and "one_way" not in plan.allow:
        return f'plan {name} of {owner} has no mailboxes with sync = "one_way"'
    if plan.mailboxes_per_owner is None or (box.access == "shared" and not plan.count_shared):
        return ""
    if used[owner] >= plan.mailboxes_per_owner:
        most = plan.mailboxes_per_owner
        return f"plan {name} of {owner} has room for {most} mailbox{'' if most == 1 else 'es'}"
    used[owner] += 1
    return ""
