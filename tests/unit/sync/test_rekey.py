"""What is kept readable is found again when hashes change (U1, N4); a workspace fed late (Z1)."""

from __future__ import annotations

from lab.world import HASHER, World, ago

from eisd.matcher.keys import Hasher
from eisd.store import contact_life, mailboxes
from eisd.store.database import Tx
from eisd.store.mailboxes import MailboxSpec
from eisd.store.sql import signed
from eisd.sync import people
from eisd.sync.record import forget_people

ADA, BOB = "Ada@x.test", "bob@y.test"
OTHER = Hasher(b"o" * 32)


async def test_u1_contacts_are_found_after_the_index_key_was_lost(here: World, monkeypatch):
    """New mail finds them, the deleted stay deleted, and a message on record gets no double."""
    anna = await here.mailbox()
    await here.store.write(lambda tx: people.rekey(tx, HASHER, "fold"))
    await here.contacts({"c1": [ADA], "c2": [BOB]})
    anna.deliver(ADA, cc=BOB, message_id="<m@x>", subject="known", at=ago(days=2))
    await here.sync()
    (gone,) = await here.store.read(lambda db: contact_life.find(db, "c2"))
    await here.store.write(lambda tx: people.remove(tx, gone.row))

    monkeypatch.setattr("lab.world.HASHER", OTHER)
    await here.store.write(lambda tx: people.rekey(tx, OTHER, "fold"))
    bea = await here.mailbox("bea")  # S is made anew, too
    bea.deliver(ADA, anna.address, cc=BOB, message_id="<m@x>", subject="known", at=ago(days=2))
    anna.deliver(ADA, subject="new")
    bob = anna.deliver(BOB, subject="his")
    await here.sync()

    found = await here.rows("SELECT contact_id, subject FROM activity_feed ORDER BY 1, 2")
    assert found == [("c1", "known"), ("c1", "new"), ("c2", "known")]
    assert (await here.outcomes())["anna", "INBOX", bob] == "unmatched:tombstone"
    assert await here.rows("SELECT count(*) FROM participant WHERE address = ?", BOB) == [(1,)]


async def test_n4_contacts_follow_another_local_case(here: World):
    """Their keys are made anew from the addresses as they were given."""
    await here.store.write(lambda tx: people.rekey(tx, HASHER, "fold"))
    await here.contact("c1", ADA)

    await here.store.write(lambda tx: people.rekey(tx, HASHER, "exact"))

    assert await here.rows("SELECT key, exact FROM address") == [(ADA, signed(HASHER.key(ADA)))]


async def feed(here: World, *workspaces: str) -> None:
    """Another configuration names these workspaces."""
    spec = MailboxSpec(
        "anna", "anna@lab.test|memory", "anna@lab.test", (), "memory", "", "personal", workspaces
    )

    def write(tx: Tx) -> None:
        mailboxes.configure(tx.db, [spec])
        forget_people(tx)

    await here.store.write(write)


async def test_z1_a_workspace_that_is_fed_later(here: World):
    """It gets what was listed before, and what came while it was not fed."""
    anna = await here.mailbox()
    await here.contact("k9", BOB, workspace="sales")
    anna.deliver(BOB, subject="before", at=ago(days=2))
    await here.sync()
    assert await here.activities() == []

    await feed(here, "default", "sales")
    await here.sync()
    await feed(here, "default")
    anna.deliver(BOB, subject="between", at=ago(hours=-1))
    await here.sync()
    assert [row[5] for row in await here.activities()] == ["before"]

    await feed(here, "default", "sales")
    await here.sync()
    assert [row[5] for row in await here.activities()] == ["before", "between"]
