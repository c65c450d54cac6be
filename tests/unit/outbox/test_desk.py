"""What is handed in is durable, is an activity at once, and goes out once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.office import MAIL, Office

from eisd.errors import UserError
from eisd.metrics import OUTBOX_DELIVERY_DURATION
from eisd.model.outgoing import Party
from eisd.outbox.state import Event
from eisd.store.sql import now_ms


async def test_accepted_mail_is_an_activity_at_once(office: Office):
    """Nothing has been sent yet, and the contact's timeline shows the message as queued."""
    await office.world.contact("c1", "ada@x.test")

    submission = await office.send()

    assert await office.state(submission) == "queued"
    assert await office.statuses() == [("c1", "outbox", "queued")]
    assert await office.world.activities() == [
        ("c1", "outgoing", '["to"]', '["anna"]', "[]", "Offer")
    ]
    assert len(office.world.fresh) == 1


async def test_a_sent_message_is_filed_and_its_copy_joins_the_activity(office: Office):
    """Sent, filed once, and what the mailbox's sync sees of it is the same activity."""
    await office.world.contact("c1", "ada@x.test")
    tries = sum(OUTBOX_DELIVERY_DURATION.values()[()][0])
    await office.desk.posts.start()

    submission = await office.send()
    await office.until(submission, "sent")
    row = await office.when(lambda: office.row(submission), lambda row: row.filing == "done")
    await office.world.sync()

    assert row.attempts == 1
    assert sum(OUTBOX_DELIVERY_DURATION.values()[()][0]) == tries + 1
    assert office.subjects() == ["Offer"]
    assert len(office.sent()) == 1
    assert await office.statuses() == [("c1", "outbox", "sent")]
    assert [
        (folder, box)
        for folder, box in await office.world.rows("SELECT folder, box FROM activity_copies")
    ] == [("Sent", "sent")]
    assert await office.world.rows("SELECT * FROM submission_message") == []


async def test_a_provider_that_files_by_itself_is_left_to_it(office: Office):
    """In Gmail's manner: nothing is appended, and there is one copy and one activity."""
    office.outlet.facts = replace(office.outlet.facts, files_sent=True)
    await office.open()
    await office.world.contact("c1", "ada@x.test")
    await office.desk.posts.start()

    submission = await office.send()
    await office.until(submission, "sent")
    await office.world.sync()

    assert (await office.row(submission)).filing == ""
    assert len(office.sent()) == 1
    assert await office.statuses() == [("c1", "outbox", "sent")]


async def test_mail_to_nobody_known_leaves_no_activity(office: Office):
    """It is sent all the same."""
    await office.desk.posts.start()

    submission = await office.send()

    await office.until(submission, "sent")
    assert await office.statuses() == []


async def test_the_blind_copy_reaches_its_recipient_and_nobody_else(office: Office):
    """Bcc is in the envelope and in the filed copy, not on the wire."""
    await office.world.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})
    await office.desk.posts.start()

    submission = await office.send(replace(MAIL, bcc=(Party("bob@y.test"),)))
    await office.until(submission, "sent")
    await office.when(lambda: office.row(submission), lambda row: row.filing == "done")

    envelope, on_the_wire = office.outlet.taken[0]
    assert set(envelope.recipients) == {"ada@x.test", "bob@y.test"}
    assert b"bob@y.test" not in on_the_wire
    assert b"bob@y.test" in office.sent()[0]
    assert await office.statuses() == [("c1", "outbox", "sent"), ("c2", "outbox", "sent")]


async def test_the_order_of_a_mailbox_is_kept(office: Office):
    """Messages go out as they were handed in, over one connection."""
    for number in range(20):
        await office.send(replace(MAIL, subject=f"n{number:02}"))
    await office.desk.posts.start()

    last = await office.send(replace(MAIL, subject="n20"))
    await office.until(last, "sent")

    assert office.subjects() == [f"n{number:02}" for number in range(21)]
    assert office.outlet.connections == 1


async def test_an_idempotency_key_is_one_message(office: Office):
    """The same order under the same key is the same submission; another order is refused."""
    first = await office.desk.accept(_order(office, b"one"))
    again = await office.desk.accept(_order(office, b"one"))

    assert (again.submission, again.again) == (first.submission, True)
    with pytest.raises(UserError, match="another message"):
        await office.desk.accept(_order(office, b"two"))
    assert await office.world.rows("SELECT count(*) FROM submission") == [(1,)]


def _order(office: Office, fingerprint: bytes):
    from eisd.outbox.desk import Order  # noqa: PLC0415

    return Order(office.box.name, MAIL, key="k1", fingerprint=fingerprint)


async def test_scheduled_mail_waits_for_its_time(office: Office):
    """Before its time there is neither mail nor activity; then there are both."""
    await office.world.contact("c1", "ada@x.test")
    await office.desk.posts.start()

    submission = await office.send(at=now_ms() + 700)
    before = (await office.state(submission), await office.statuses(), office.subjects())
    await office.until(submission, "sent")

    assert before == ("queued", [], [])
    assert await office.statuses() == [("c1", "outbox", "sent")]


async def test_held_mail_waits_for_a_person(office: Office):
    """Held, released, sent."""
    await office.world.contact("c1", "ada@x.test")
    await office.desk.posts.start()
    submission = await office.send(hold=True)
    other = await office.send(replace(MAIL, subject="Other"))
    await office.until(other, "sent")
    assert await office.state(submission) == "held"

    await office.desk.ask(submission, Event.RELEASE)
    await office.until(submission, "sent")

    assert office.subjects() == ["Other", "Offer"]


async def test_cancelled_mail_leaves_nothing(office: Office):
    """It is not sent, and no activity says that it was."""
    await office.world.contact("c1", "ada@x.test")
    submission = await office.send()

    await office.desk.ask(submission, Event.CANCEL)
    await office.desk.posts.start()
    other = await office.send(replace(MAIL, subject="Other"))
    await office.until(other, "sent")

    assert await office.state(submission) == "cancelled"
    assert office.subjects() == ["Other"]
    assert [row[5] for row in await office.world.activities()] == ["Other"]
    with pytest.raises(UserError, match="cancelled"):
        await office.desk.ask(submission, Event.RELEASE)


async def test_a_mailbox_that_only_sends_records_what_it_sends(office: Office):
    """one_way: nothing is read, and what eisd sends is an activity (M15)."""
    from eisd.model.mailbox import SyncMode  # noqa: PLC0415

    office.world.modes["anna"] = SyncMode.ONE_WAY
    await office.world.contact("c1", "ada@x.test")
    await office.desk.posts.start()

    submission = await office.send()
    await office.until(submission, "sent")

    assert await office.statuses() == [("c1", "outbox", "sent")]


async def test_a_paused_mailbox_sends_nothing(office: Office):
    """Until it is resumed."""
    await office.desk.posts.start()
    await office.desk.posts.pause("anna", paused=True)
    submission = await office.send()
    assert await office.desk.posts.drain() == {}

    await office.desk.posts.pause("anna", paused=False)

    await office.until(submission, "sent")
