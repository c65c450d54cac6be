"""Filed drafts are recognised when their owner sends them from another program."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lab.mail import make
from lab.office import Office
from lab.world import HASHER

from eisd.store import drafts
from eisd.store.drafts import Marks


@pytest.mark.parametrize(
    ("subject", "to", "same_id", "state"),
    [
        ("Something else", "bob@y.test", True, "sent"),  # programs that keep the Message-ID
        ("Offer", "ada@x.test", False, "sent"),  # and those that do not
        ("Offer", "bob@y.test", False, "draft"),
        ("Other", "ada@x.test", False, "draft"),
    ],
)
async def test_a_draft_sent_from_elsewhere_is_sent(
    office: Office, subject: str, to: str, same_id: bool, state: str
):
    """By its Message-ID, else by its subject and one of its recipients."""
    await office.world.sync()
    people = [("ada@x.test", HASHER.key("ada@x.test"))]
    marks = Marks("d1@lab.test", HASHER.identity("d1@lab.test"), HASHER.raw(b"Offer"))

    def keep(tx):
        draft = drafts.add(tx.db, office.box.id, b"{}", "Offer", people)
        drafts.file(tx.db, draft, marks)
        return draft

    draft = await office.world.store.write(keep)
    now = datetime.now(UTC)
    message_id = "<d1@lab.test>" if same_id else None
    letter = make("anna@lab.test", to, subject, date=now, message_id=message_id)
    office.box.put(letter, folder="Sent", at=now)

    await office.world.sync()

    row = await office.world.store.read(lambda db: drafts.get(db, draft))
    assert row is not None
    assert row.state == state
