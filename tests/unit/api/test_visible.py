"""Visibility from the configuration to every reader (V1, M12): lists, single ones, the views."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lab.mail import make
from unit.api.conftest import Desk, Driver

from eisd.driver.memory_mailbox import MemoryMailbox
from eisd.driver.registry import registry_of
from eisd.model.folder import FolderRole

CONFIG = """
[daemon]
state_dir = "state"
[mailboxes.alice]
address = "alice@us.test"
owner = "alice"
[mailboxes.bob]
address = "bob@us.test"
owner = "bob"
[mailboxes.team]
address = "team@us.test"
owner = "carol"
access = "shared"
shared_with = ["dave"]
[mailboxes.desk]
address = "desk@us.test"
access = "shared"
shared_with = ["erin"]
"""
NAMES = ("alice", "bob", "team", "desk")
ADA = {"id": "1", "name": "Ada", "emails": ["ada@customer.test"]}
EVE = {"id": "2", "name": "Eve", "emails": ["eve@customer.test"]}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[tuple[Desk, dict[str, MemoryMailbox]]]:
    """An open core with four mailboxes, and what their provider holds."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secret").chmod(0o600)
    config = tmp_path / "config.toml"
    login = 'driver = "memory"\nmemory = { password = { file = "secret" } }\naddress'
    config.write_text(CONFIG.replace("address", login))
    boxes = {name: MemoryMailbox() for name in NAMES}
    for box in boxes.values():
        box.create_folder("Sent", FolderRole.SENT)
    driver = Driver({f"{name}@us.test": box for name, box in boxes.items()})
    desk = Desk(config, boxes["alice"], registry_of(driver))
    async with desk.open():
        await desk.post("/contacts", {"contacts": [ADA, EVE]})
        yield desk, boxes


def letter(subject: str, *to: str, author: str = "ada@customer.test", bcc: str = "") -> bytes:
    """A message; without ``bcc`` as its recipients have it."""
    headers = {"Bcc": bcc} if bcc else {}
    return make(author, to, subject, "Secret.\n", message_id=f"<{subject}@x>", headers=headers)


async def seen(desk: Desk, owner: str | None = None) -> list[tuple[Any, ...]]:
    """(contact, subject, text is shown) as somebody sees them, in the list and one by one."""
    asked = {} if owner is None else {"as": owner}
    listed = (await desk.get("/activities", **asked))["activities"]
    for one in listed:
        alone = await desk.get(f"/activities/{one['activity_id']}", **asked)
        assert {key: alone[key] for key in one} == one
    return sorted(
        (one["contact_id"], one["subject"] or "", one["text"] is not None) for one in listed
    )


async def test_v1_what_mailboxes_show_of_their_mail(office):
    """V1: a personal mailbox shows the subject, a shared one all; owners and sharers see all."""
    desk, boxes = office
    now = datetime.now(UTC)
    boxes["alice"].deliver(letter("mine", "alice@us.test"), gate_at=now)
    boxes["team"].deliver(letter("ours", "team@us.test"), gate_at=now)
    await desk.core.once()

    assert (
        await seen(desk) == await seen(desk, "alice") == [("1", "mine", True), ("1", "ours", True)]
    )
    assert await seen(desk, "bob") == [("1", "mine", False), ("1", "ours", True)]

    desk.config.write_text(desk.config.read_text() + '[visibility]\nlevel = "metadata"\n')
    await desk.post("/reload")

    assert await seen(desk, "bob") == [("1", "", False), ("1", "", False)]
    assert await seen(desk, "dave") == [("1", "", False), ("1", "ours", True)]
    assert await seen(desk, "carol") == await seen(desk, "dave")
    feed = "SELECT DISTINCT visibility, text FROM activity_feed"
    assert await desk.core.store.read(lambda db: db.execute(feed).fetchall()) == [
        ("metadata", "Secret.")
    ]


async def test_v1_of_several_mailboxes_the_most_permissive_counts(office):
    """V1: a copy in a shared mailbox shows everybody what the personal one would not."""
    desk, boxes = office
    for name in ("alice", "team"):
        boxes[name].deliver(
            letter("both", "alice@us.test", "team@us.test"), gate_at=datetime.now(UTC)
        )
    await desk.core.once()

    assert await seen(desk, "bob") == [("1", "both", True)]


async def test_v1_an_owner_says_who_sees_one_message(office):
    """V1: an owner sets a message private or shared, and back; nobody else may."""
    desk, boxes = office
    for name in ("alice", "desk"):
        boxes[name].deliver(letter(name, f"{name}@us.test"), gate_at=datetime.now(UTC))
    await desk.core.once()
    ids = {
        one["subject"]: one["activity_id"] for one in (await desk.get("/activities"))["activities"]
    }

    async def say(name: str, owner: str, setting: str, status: int = 200) -> Any:
        body = {"as": owner, "setting": setting}
        return await desk.post(f"/activities/{ids[name]}/visibility", body, status=status)

    assert (await say("alice", "alice", "shared"))["visibility"] == "full"
    assert (await say("desk", "erin", "private"))["visibility"] == "metadata"
    assert await seen(desk, "bob") == [("1", "", False), ("1", "alice", True)]
    assert await seen(desk, "erin") == [("1", "alice", True), ("1", "desk", True)]
    await say("alice", "alice", "default")
    await say("desk", "erin", "default")
    assert await seen(desk, "bob") == [("1", "alice", False), ("1", "desk", True)]
    assert (await say("alice", "bob", "shared", status=409))["exit_code"] == 1
    await say("alice", "alice", "public", status=400)
    await desk.post("/activities/99/visibility", {"as": "alice", "setting": "shared"}, status=404)


async def test_v1_what_an_owner_said_outlives_his_mailbox(office):
    """V1: others see no more of a private message when its mailbox is forgotten."""
    desk, boxes = office
    boxes["team"].deliver(letter("ours", "team@us.test"), gate_at=datetime.now(UTC))
    await desk.core.once()
    await desk.post("/activities/1/visibility", {"as": "carol", "setting": "private"})

    text = desk.config.read_text()
    begin, end = text.index("[mailboxes.team]"), text.index("[mailboxes.desk]")
    desk.config.write_text(text[:begin] + text[end:])
    await desk.post("/reload")
    assert await seen(desk, "bob") == [("1", "", False)]
    await desk.core.forget("team")

    assert await seen(desk, "bob") == [("1", "", False)]


async def test_m12_bcc_is_shown_to_whom_it_belongs(office):
    """M12: others see neither who was in Bcc, nor the activity of a contact who was; pages fill."""
    desk, boxes = office
    sent = datetime.now(UTC) - timedelta(minutes=5)
    to = ("ada@customer.test", "bob@us.test")
    blind = letter("offer", *to, author="alice@us.test", bcc="eve@customer.test")
    boxes["alice"].deliver(blind, "Sent", gate_at=sent)
    boxes["bob"].deliver(letter("offer", *to, author="alice@us.test"), gate_at=sent)
    await desk.core.once()

    assert (
        await seen(desk, "alice")
        == await seen(desk)
        == [("1", "offer", True), ("2", "offer", True)]
    )
    assert await seen(desk, "bob") == [("1", "offer", True)]
    assert await seen(desk, "carol") == [("1", "offer", False)]
    page = await desk.get("/activities", **{"as": "bob", "limit": 1})
    assert [one["contact_id"] for one in page["activities"]] == ["1"]
    hidden = [
        one for one in (await desk.get("/activities"))["activities"] if one["contact_id"] == "2"
    ]
    reply = await desk.http.get(f"/v1/activities/{hidden[0]['activity_id']}", params={"as": "bob"})
    assert reply.status_code == 404
    for viewer, count in (("bob", 0), ("alice", 1)):
        shown = await desk.get("/activities/1", **{"as": viewer})
        assert [one["role"] for one in shown["participants"]].count("bcc") == count
