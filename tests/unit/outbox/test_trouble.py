"""Trouble on the way out: what is tried again, what is given up, and what nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.office import MAIL, Office

from eisd.errors import AuthRejected, Transient, UserError
from eisd.model.outgoing import Party
from eisd.outbox.pace import Limit
from eisd.outbox.state import Event
from eisd.store.sql import now_ms

TWO = replace(MAIL, to=(Party("ada@x.test"), Party("bob@y.test")))


async def test_a_refusal_for_now_puts_off_that_message_alone(office: Office):
    """A 4xx for one recipient: its message is tried later, the next one goes at once."""
    await office.world.contact("c1", "ada@x.test")
    office.outlet.refuse("ada@x.test", 451, "try later", enhanced="4.3.0")
    await office.desk.posts.start()

    submission = await office.send()
    other = await office.send(replace(MAIL, to=(Party("bob@y.test"),), subject="Other"))
    await office.until(other, "sent")

    row = await office.row(submission)
    assert (row.state, row.attempts) == ("queued", 1)
    assert row.next_at - now_ms() > 40_000
    assert await office.statuses() == [("c1", "outbox", "queued")]
    office.outlet.refused.clear()
    await office.desk.ask(submission, Event.RETRY)
    await office.until(submission, "sent")
    assert office.subjects() == ["Other", "Offer"]


async def test_a_refusal_for_good_fails_and_marks_a_dead_address(office: Office):
    """550 5.1.1: failed, said on the activity, and the contact's address is marked."""
    await office.world.contact("c1", "ada@x.test")
    office.outlet.refuse("ada@x.test", 550, "no such user", enhanced="5.1.1")
    await office.desk.posts.start()

    submission = await office.send()
    await office.until(submission, "failed")

    assert "no such user" in (await office.row(submission)).reply
    assert await office.statuses() == [("c1", "outbox", "failed")]
    assert await office.world.rows("SELECT d.address FROM bounce JOIN address d USING (exact)") == [
        ("ada@x.test",)
    ]
    assert office.sent() == []


async def test_a_refusal_of_one_recipient_is_that_recipients(office: Office):
    """Who was accepted has it once; who was refused for now alone is tried again."""
    await office.world.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})
    office.outlet.refuse("bob@y.test", 451, "greylisted", enhanced="4.7.1")
    await office.desk.posts.start()
    submission = await office.send(TWO)
    await office.when(lambda: office.row(submission), lambda row: row.filing == "done")
    assert await office.state(submission) == "queued"
    assert await office.statuses() == [("c1", "outbox", "sent"), ("c2", "outbox", "queued")]

    office.outlet.refuse("bob@y.test", 550, "no such user", enhanced="5.1.1")
    await office.desk.ask(submission, Event.RETRY)
    await office.until(submission, "sent")

    assert [envelope.recipients for envelope, _ in office.outlet.taken] == [("ada@x.test",)]
    assert await office.statuses() == [("c1", "outbox", "sent"), ("c2", "outbox", "failed")]
    assert len(office.sent()) == 1


@pytest.mark.parametrize("stage", ["send_connect", "mail", "rcpt", "data"])
async def test_a_line_that_drops_before_the_end_loses_and_doubles_nothing(
    office: Office, stage: str
):
    """Before the commit, trying again is safe, and the order stays."""
    office.box.provider.fail(stage, Transient("dropped", code="lost"))
    first = await office.send()
    second = await office.send(replace(MAIL, subject="Other"))
    with pytest.raises(Transient):
        raise (await office.desk.posts.drain())["anna"]
    assert [await office.state(one) for one in (first, second)] == ["queued", "queued"]

    assert await office.desk.posts.drain() == {"anna": None}

    assert office.subjects() == ["Offer", "Other"]


@pytest.mark.parametrize("stage", ["end", "reply"])
async def test_no_answer_to_the_whole_message_is_a_doubt(office: Office, stage: str):
    """Taken or not, it is not sent again by itself, and the rest of the queue goes on."""
    office.box.provider.fail(stage, Transient("dropped", code="lost"))
    submission = await office.send()
    other = await office.send(replace(MAIL, subject="Other"))
    await office.desk.posts.drain()
    await office.desk.posts.drain()

    assert await office.state(submission) == "doubt"
    assert await office.state(other) == "sent"
    assert office.subjects().count("Offer") == (stage == "reply")


async def test_a_doubt_is_settled_by_the_copy_in_sent(office: Office):
    """A provider that files by itself proves that it has taken the message."""
    office.outlet.facts = replace(office.outlet.facts, files_sent=True)
    await office.world.contact("c1", "ada@x.test")
    await office.open()
    office.box.provider.fail("reply", Transient("dropped", code="lost"))
    submission = await office.send()
    await office.desk.posts.drain()
    assert await office.state(submission) == "doubt"
    assert await office.statuses() == [("c1", "outbox", "queued")]

    await office.world.store.write(
        lambda tx: tx.db.execute("UPDATE submission SET next_at = 0 WHERE state = 'doubt'")
    )
    await office.desk.posts.drain()

    assert await office.state(submission) == "sent"
    assert await office.statuses() == [("c1", "outbox", "sent")]
    assert office.subjects() == ["Offer"]
    assert len(office.sent()) == 1


async def test_a_person_settles_a_doubt(office: Office):
    """Sent, says the person; or not, and it is sent again, once."""
    office.box.provider.fail("end", Transient("dropped", code="lost"))
    lost = await office.send()
    await office.desk.posts.drain()
    office.box.provider.fail("reply", Transient("dropped", code="lost"))
    taken = await office.send(replace(MAIL, subject="Other"))
    await office.desk.posts.drain()
    with pytest.raises(UserError, match="in doubt"):
        await office.desk.ask(lost, Event.CANCEL)

    await office.desk.ask(lost, Event.RETRY)
    await office.desk.ask(taken, Event.SETTLE)
    await office.desk.posts.drain()

    assert [await office.state(one) for one in (lost, taken)] == ["sent", "sent"]
    assert sorted(office.subjects()) == ["Offer", "Other"]
    assert len(office.sent()) == 2


async def test_a_process_that_died_in_the_last_step_leaves_a_doubt(office: Office):
    """Whoever finds a row at its last step knows that the message may be out."""
    submission = await office.send()
    await office.world.store.write(
        lambda tx: tx.db.execute("UPDATE submission SET state = 'sending'")
    )

    await (await office.open()).posts.start()

    await office.until(submission, "doubt")
    assert office.subjects() == []


async def test_refused_credentials_keep_the_messages(office: Office):
    """The mailbox waits for a person, whatever the time; its messages do not fail."""
    office.retry_for = 0.0
    await office.open()
    office.box.provider.fail("send_connect", AuthRejected("535 no", code="auth"), times=2)
    await office.desk.posts.start()
    submission = await office.send()
    await office.when(lambda: _soon(office.desk.posts.troubles()), bool)
    assert await office.state(submission) == "queued"

    office.desk.posts.wake("anna")
    office.desk.posts.wake("anna")
    await office.when(lambda: _soon(_wake(office)), lambda _: office.subjects() == ["Offer"])


async def _soon(value: object) -> object:
    return value


def _wake(office: Office) -> None:
    office.desk.posts.wake("anna")


async def test_what_was_tried_for_too_long_has_failed(office: Office):
    """After `outbound.retry_for` it is given up, with the server's last words."""
    office.retry_for = 0.0
    await office.open()
    office.outlet.refuse("ada@x.test", 451, "try later", enhanced="4.3.0")
    submission = await office.send()
    await office.desk.posts.drain()
    await office.world.store.write(lambda tx: tx.db.execute("UPDATE submission SET next_at = 0"))

    await office.desk.posts.drain()

    row = await office.row(submission)
    assert row.state == "failed"
    assert "try later" in row.reply


async def test_a_copy_that_cannot_be_filed_makes_no_message_fail(office: Office):
    """Sent is sent; the copy is tried again until it lies there."""
    office.box.provider.fail("append_sent", Transient("over quota", code="quota"))
    submission = await office.send()
    await office.desk.posts.drain()
    row = await office.row(submission)
    assert (row.state, row.filing, office.sent()) == ("sent", "due", [])

    await office.world.store.write(lambda tx: tx.db.execute("UPDATE submission SET filing_at = 0"))
    await office.desk.posts.drain()

    assert (await office.row(submission)).filing == "done"
    assert len(office.sent()) == 1


async def test_a_limit_is_kept_over_restarts(office: Office):
    """What an earlier process sent counts; the rest waits."""
    office.limits = (Limit(2, 86_400.0),)
    await office.open()
    for number in range(3):
        await office.send(replace(MAIL, subject=f"n{number}"))
    await office.desk.posts.drain()

    await (await office.open()).posts.drain()

    assert office.subjects() == ["n0", "n1"]
    assert await office.world.rows("SELECT count(*) FROM submission WHERE state = 'queued'") == [
        (1,)
    ]
