"""A mailbox over its owner's quota is paused, its data untouched, until a reload (L1)."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.mail import make

PLAN = """
[plans.free]
mailboxes_per_owner = 1
interval = "1h"
[owners.alice]
plan = "free"
"""


async def test_l1_over_quota_is_paused_and_keeps_its_data(desk):
    """L1: paused with reason quota, told by status and issues; another plan wakes it."""
    await desk.post("/contacts", {"contacts": [{"id": "1", "emails": ["ada@customer.test"]}]})
    desk.provider.deliver(make("ada@customer.test", "sales@us.test"), gate_at=datetime.now(UTC))
    await desk.core.once()
    good = desk.config.read_text()
    await desk.core.start()

    desk.config.write_text(good + PLAN.replace("= 1\n", "= 0\n"))
    changes = (await desk.post("/reload"))["changes"]

    assert changes == ["sales changed"]
    [mailbox] = (await desk.get("/mailboxes"))["mailboxes"]
    assert (mailbox["state"], mailbox["reason"]) == ("paused", "quota")
    assert mailbox["detail"] == "plan free of alice has room for 0 mailboxes"
    [issue] = (await desk.get("/status"))["issues"]
    assert (issue["code"], issue["mailbox"]) == ("mailbox_quota", "sales")
    assert len((await desk.get("/activities"))["activities"]) == 1
    [told] = (await desk.post("/sync", {"wait": True, "timeout_s": 20}))["mailboxes"]
    assert "room for 0" in told["error"]
    await desk.post("/mailboxes/sales/resume")
    assert await desk.core.once() == {}

    desk.config.write_text(good + PLAN)
    await desk.post("/reload")
    [told] = (await desk.post("/sync", {"wait": True, "timeout_s": 60}))["mailboxes"]

    assert told["caught_up"]
    [mailbox] = (await desk.get("/mailboxes"))["mailboxes"]
    assert (mailbox["state"], mailbox["reason"]) == ("polling", "")
    assert (await desk.get("/status"))["issues"] == []
