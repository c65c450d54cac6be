"""A person with a canary's name goes through everything that keeps anything, and is then purged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from lab.canary import READABLE, naming
from lab.mail import make

from eisd.store.contact_everything import everything

CANARY, OTHER = "canary@customer.test", "canary.second@customer.test"
BOB, SALES = "bob@y.test", "sales@us.test"
CONTACTS = [
    {"id": "canary-id", "name": "Canary Lovelace", "company": "Canary Ltd", "emails": [CANARY]},
    {"id": "canary-two", "name": "Canary Two", "emails": [OTHER]},
    {"id": "bob", "name": "Bob", "emails": [BOB]},
]


async def settled(desk):
    """Everything is sent, filed and synced."""
    assert await desk.core.once() == {"sales": None}


async def order(desk, body, *, status=200):
    """Hand a message in."""
    reply = await desk.http.post("/v1/outbox", json={"mailbox": "sales"} | body)
    assert reply.status_code == status, reply.text
    return reply.json()["id"]


async def lives(desk) -> None:
    """The canary writes, is written to, is named beside others, and is drafted to."""
    desk.config.write_text(desk.config.read_text() + '[store]\nattachments = "matched"\n')
    await desk.configure()
    await desk.post("/contacts", {"contacts": CONTACTS})
    await desk.post("/contacts/canary-two/merge", {"into": "canary-id"})
    name = f"Canary Lovelace <{CANARY}>"
    for letter in (
        make(
            name, SALES, "Canary engines", "I am the canary", attachments={"canary.bin": b"Canary"}
        ),
        make(OTHER, SALES, "Canary again"),
        make(BOB, [SALES, name], "Tea", "With milk"),
    ):
        desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    desk.provider.outlet.refuse(CANARY, 451, f"<{CANARY}> is away", enhanced="4.2.0")
    words = {"subject": "Canary offer", "text": "Dear Canary"}
    await order(desk, {"to": [OTHER], **words})
    await order(desk, {"to": [BOB, CANARY], "subject": "Lunch", "text": "At noon"})
    failing = await order(desk, {"to": [BOB, name], "subject": "Dinner", "text": "At eight"})
    desk.provider.outlet.refuse("", 550, f"no {CANARY}, no", enhanced="5.7.1", at="data")
    await settled(desk)
    desk.provider.outlet.refused.clear()
    await desk.post("/drafts", {"mailbox": "sales", "to": [name], **words})
    await desk.post(
        "/drafts", {"mailbox": "sales", "contact": "canary-id", "text": "to the canary"}
    )
    both = {"to": [BOB, name], "cc": [OTHER], "subject": "Plan", "text": "For two"}
    await desk.post("/drafts", {"mailbox": "sales", **both})
    assert (await desk.get(f"/outbox/{failing}"))["state"] == "failed"


async def purge(desk):
    """Purge the canary; what was said of it."""
    return (await desk.http.delete("/v1/contacts/canary-id", params={"purge": "true"})).json()


async def test_m10_a_purge_reaches_every_table(desk):
    """Each table that can name a person does before, and none does afterwards; Bob's mail stays."""
    await lives(desk)
    before = await desk.core.store.read(naming)

    done = await purge(desk)
    await settled(desk)

    assert before.keys() == READABLE
    assert await desk.core.store.read(naming) == {}
    assert (done["drafts"], done["sent"]) == (3, 3)
    activities = (await desk.get("/activities"))["activities"]
    assert {one["subject"] for one in activities} == {"Tea", "Lunch", "Dinner"}
    [draft] = (await desk.get("/drafts"))["drafts"]
    content = (await desk.get(f"/drafts/{draft['id']}"))["content"]
    assert (content["to"], content["cc"], content["text"]) == ([BOB], [], "For two")


async def test_m10_what_is_still_to_be_sent_arrives_and_is_forgotten_then(desk):
    """A purge takes no mail back; once it is out, its recipient is a hash as well."""
    await desk.post("/contacts", {"contacts": CONTACTS[:1]})
    await order(desk, {"to": [CANARY], "subject": "Canary offer", "text": "Dear Canary"})
    await purge(desk)
    assert (await desk.core.store.read(naming)).keys() == {
        "recipient",
        "submission",
        "submission_message",
    }

    await settled(desk)

    assert [one.recipients for one, _ in desk.provider.outlet.taken] == [(CANARY,)]
    assert await desk.core.store.read(naming) == {}


async def test_m10_nobody_is_written_to_under_a_hash(desk):
    """Mail that failed is not tried again for whom was purged; its message is gone."""
    await lives(desk)
    [failed] = (await desk.get("/outbox", state="failed", limit=1))["submissions"]
    await purge(desk)

    refused = await desk.http.post(f"/v1/outbox/{failed['id']}/retry")
    await settled(desk)

    assert refused.status_code == 409, refused.text
    taken = {one for each, _ in desk.provider.outlet.taken for one in each.recipients}
    assert not [one for one in taken if one.startswith("purged:")]


async def test_m10_nothing_is_left_in_the_file(desk):
    """Neither in the database nor in its write-ahead log, once nobody reads it."""
    await lives(desk)
    path = desk.core.settings.paths.database
    files = (path, path.with_name(f"{path.name}-wal"))

    def octets() -> bytes:
        return b"".join(one.read_bytes() for one in files if one.exists()).lower()

    assert b"canary" in await asyncio.to_thread(octets)
    await purge(desk)

    assert b"canary" not in await asyncio.to_thread(octets)


async def test_m10_a_contact_of_another_workspace_stays_readable(desk):
    """Who is purged in one workspace and is a contact in another is named there as before."""
    await desk.post("/contacts", {"contacts": [CONTACTS[0], CONTACTS[0] | {"workspace": "eu"}]})
    desk.config.write_text(desk.config.read_text() + 'workspaces = ["default", "eu"]\n')
    await desk.configure()
    letter = make(f"Canary Lovelace <{CANARY}>", SALES, "Hello")
    desk.provider.deliver(letter, gate_at=datetime.now(UTC))
    await settled(desk)

    await desk.http.delete(
        "/v1/contacts/canary-id", params={"purge": "true", "workspace": "default"}
    )
    desk.provider.deliver(make(CANARY, SALES, "Again"), gate_at=datetime.now(UTC))
    await settled(desk)

    shown = (await desk.get("/activities"))["activities"]
    assert {(one["workspace"], one["subject"]) for one in shown} == {
        ("eu", "Hello"),
        ("eu", "Again"),
    }
    for one in shown:
        people = (await desk.get(f"/activities/{one['activity_id']}"))["participants"]
        assert CANARY in {each["address"] for each in people}


async def test_everything_about_a_person_is_exported(desk):
    """Contact, activities, mail sent and drafts; of others' recipients and words nothing."""
    await lives(desk)

    told = await desk.core.store.read(lambda db: list(everything(db, "canary-id")))

    by_kind: dict[str, list] = {}
    for one in told:
        by_kind.setdefault(one.pop("what"), []).append(one)
    assert by_kind.keys() == {"contact", "activity", "submission", "draft"}
    assert {one["subject"] for one in by_kind["activity"]} >= {"Canary engines", "Tea", "Lunch"}
    assert {one["address"] for one in by_kind["submission"]} == {CANARY, OTHER}
    assert BOB not in str(by_kind["submission"]) + str(by_kind["draft"])


async def test_who_is_named_in_the_mail_of_others_is_told_so(desk):
    """A message that is another contact's alone: how it names the person, not what it says."""
    contact = CONTACTS[0] | {"addresses": [{"address": CANARY, "added_at": "2999-01-01T00:00:00Z"}]}
    contact.pop("emails")
    await desk.post("/contacts", {"contacts": [CONTACTS[2], contact]})
    desk.provider.deliver(make(BOB, [SALES, CANARY], "Tea"), gate_at=datetime.now(UTC))
    await settled(desk)

    told = await desk.core.store.read(lambda db: list(everything(db, "canary-id")))

    [mention] = [one for one in told if one["what"] == "mention"]
    assert (mention["address"], mention["role"]) == (CANARY, "to")
    assert "Tea" not in str(mention)
