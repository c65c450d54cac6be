"""What plans mean for mailboxes (L1)."""

from __future__ import annotations

from typing import Any

import pytest

from eisd.config.plans import terms
from eisd.config.schema import Settings, effective

OWN: dict[str, Any] = {"owner": "alice"}
TEAM = {"owner": "alice", "access": "shared", "shared_with": ["bob"]}
LENT = {"owner": "bob", "access": "shared", "shared_with": ["alice"]}
OFF = {"owner": "alice", "enabled": False}
SENDS = {"owner": "alice", "sync": "one_way"}


def settings(plan: dict[str, Any], *boxes: dict[str, Any]) -> Settings:
    """Mailboxes m0, m1... of alice, who is on this plan, and of bob, who is on none."""
    return Settings.model_validate(
        {
            "version": 1,
            "plans": {"free": plan},
            "owners": {"alice": {"plan": "free"}, "bob": {}},
            "mailboxes": {
                f"m{number}": {"address": f"m{number}@x.test", **box}
                for number, box in enumerate(boxes)
            },
        }
    )


@pytest.mark.parametrize(
    ("plan", "boxes", "over"),
    [
        ({"mailboxes_per_owner": 1}, [OWN, OWN, OWN], ["m1", "m2"]),
        ({"mailboxes_per_owner": 0}, [OWN, LENT], ["m0"]),
        ({"mailboxes_per_owner": 2}, [OFF, OWN, OWN], []),
        ({"mailboxes_per_owner": 1}, [OWN, TEAM], ["m1"]),
        ({"mailboxes_per_owner": 1, "count_shared": False}, [TEAM, OWN, TEAM], []),
        ({"mailboxes_per_owner": 1}, [OWN, LENT], ["m0"]),
        ({"mailboxes_per_owner": 2}, [OWN, LENT, OWN], ["m2"]),
        ({"mailboxes_per_owner": 1, "count_shared": False}, [OWN, LENT], []),
        ({"allow": ["one_way"]}, [TEAM, OWN, SENDS, LENT], ["m0"]),
        ({"allow": ["shared"]}, [TEAM, SENDS], ["m1"]),
        ({"allow": [], "mailboxes_per_owner": 1}, [SENDS, OWN], ["m0"]),
        ({}, [OWN] * 5, []),
    ],
)
def test_l1_what_a_plan_does_not_cover(plan, boxes, over):
    """L1: an owner's first mailboxes fit; shared ones count if so said; kinds are allowed."""
    held = terms(settings(plan, *boxes))

    assert [name for name, one in held.items() if one.over] == over
    assert all("plan free of alice" in held[name].over for name in over)


@pytest.mark.parametrize(
    ("plan", "own", "interval", "push"),
    [
        ({}, None, 300.0, True),
        ({"push": False}, None, 300.0, True),
        ({"interval": "1h"}, None, 3600.0, False),
        ({"interval": "1h", "push": True}, None, 3600.0, True),
        ({"interval": "1m"}, None, 60.0, False),
        ({"interval": "1h"}, "10m", 3600.0, False),
        ({"interval": "1h"}, "2h", 7200.0, False),
    ],
)
def test_l1_how_often_a_plan_looks(plan, own, interval, push):
    """L1: with an interval and without push a mailbox is polled, no more often than the plan."""
    box = OWN if own is None else OWN | {"interval": own}
    made = settings(plan, box, {"owner": "bob"})

    assert effective(made, "m0").interval == interval
    assert effective(made, "m1").interval == 300.0
    assert (terms(made)["m0"].push, terms(made)["m1"].push) == (push, True)
