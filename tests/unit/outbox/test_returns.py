"""What comes back: reports are tied to the message, and to the recipient they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lab.office import MAIL, Office

from eisd.model.outgoing import Party
from eisd.store import outbox_views

TWO = replace(MAIL, to=(Party("ada@x.test"), Party("bob@y.test")))


def report(envelope: str, original: str, recipient: str, action: str, status: str) -> bytes:
    """A delivery report as servers write it."""
    returned = f"\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{original}>\n"
    text = f"""\
From: Mail Delivery System <mailer-daemon@lab.test>
To: anna@lab.test
Return-Path: <>
Subject: Undelivered
Message-ID: <{action}-{recipient}>
Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; lab.test
{f"Original-Envelope-Id: {envelope}" if envelope else "X-Nothing: here"}

Original-Recipient: rfc822;{recipient}
Final-Recipient: rfc822;elsewhere@z.test
Action: {action}
Status: {status}
{returned if original else ""}
--b--
"""
    return text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("by_envelope", [False, True])
async def test_a_bounce_is_that_recipients(office: Office, by_envelope: bool):
    """By the Message-ID or the envelope id; the other recipient's activity stays as it is."""
    await office.world.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})
    await office.world.sync()
    submission = await office.send(TWO)
    await office.desk.posts.drain()
    row = await office.row(submission)
    assert office.outlet.taken[0][0].envelope_id in {"", row.envelope_id}
    names = (row.envelope_id, "") if by_envelope else ("", row.message_id)

    office.box.put(report(*names, "bob@y.test", "failed", "5.1.1"), at=datetime.now(UTC))
    await office.world.sync()

    assert await office.statuses() == [("c1", "outbox", "sent"), ("c2", "outbox", "bounced")]
    shown = await office.world.store.read(lambda db: outbox_views.show(db, submission))
    assert shown is not None
    assert [(one["address"], one["state"]) for one in shown["recipients"]] == [  # type: ignore[attr-defined]
        ("ada@x.test", "sent"),
        ("bob@y.test", "bounced"),
    ]
    assert await office.world.rows("SELECT d.address FROM bounce JOIN address d USING (exact)") == [
        ("bob@y.test",)
    ]


async def test_a_delay_marks_nobody_and_mail_takes_a_mark_away(office: Office):
    """Delayed is no dead address; and who writes is alive."""
    await office.world.contact("c1", "ada@x.test")
    await office.world.sync()
    submission = await office.send()
    await office.desk.posts.drain()
    message_id = (await office.row(submission)).message_id
    office.box.put(report("", message_id, "ada@x.test", "delayed", "4.4.1"), at=datetime.now(UTC))
    await office.world.sync()
    assert await office.statuses() == [("c1", "outbox", "delayed")]
    assert await office.world.rows("SELECT * FROM bounce") == []

    office.box.put(report("", message_id, "ada@x.test", "failed", "5.1.1"), at=datetime.now(UTC))
    await office.world.sync()
    assert len(await office.world.rows("SELECT * FROM bounce")) == 1
    await office.world.store.write(lambda tx: tx.db.execute("UPDATE bounce SET bounced_at = 1"))
    office.box.deliver("ada@x.test", at=datetime.now(UTC))
    await office.world.sync()

    assert await office.world.rows("SELECT * FROM bounce") == []
