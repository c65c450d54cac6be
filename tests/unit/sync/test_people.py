"""Contacts that eisd makes itself: once each, with their past, and not of the deleted (C3, M10)."""

from __future__ import annotations

from lab.world import HASHER, World, ago

from eisd.store import contact_created, contact_life, retro
from eisd.store.contact_created import Created
from eisd.store.database import Tx
from eisd.sync import people
from eisd.sync.retro import changed


async def create(here: World, address: str, added_at: int) -> Created:
    """Make a contact as the sync layer does when a message asks for it."""
    given = people.address_in(HASHER, address, "fold", added_at=added_at)

    def write(tx: Tx) -> Created:
        made = contact_created.create(tx.db, "default", given, name="Ada")
        if made.earlier:
            rows = (made.address, made.address)
            changed(tx, "create", addresses=rows, fresh=(given.exact, given.relaxed))
        return made

    return await here.store.write(write)


async def test_c3_made_once_and_known_from_the_earliest(here: World):
    """Whoever comes second has the first one's contact; an older message moves its beginning."""
    first = await create(here, "Ada@x.test", 9_000)
    later = await create(here, "ada@x.test", 12_000)
    older = await create(here, "ada@x.test", 5_500)

    assert (first.new, later.new, older.new) == (True, False, False)
    assert (later.earlier, older.earlier) == (False, True)
    assert first.contact == later.contact == older.contact
    assert await here.rows("SELECT contact_id, name, created_by FROM contact") == [
        (f"auto-{HASHER.key('ada@x.test'):016x}", "Ada", "auto")
    ]
    assert await here.rows("SELECT added_at, created FROM address") == [(5_000, 1)]


async def test_c3_its_id_may_be_taken(here: World):
    """A contact of the CRM that bears the same id keeps it."""
    wanted = f"auto-{HASHER.key('ada@x.test'):016x}"
    await here.contact(wanted, "other@x.test")

    assert (await create(here, "ada@x.test", 9_000)).contact_id == f"{wanted}#2"


async def test_c3_what_was_seen_before_is_its_own(here: World):
    """A durable job finds mail since the contact's beginning, and none before it."""
    anna = await here.mailbox()
    anna.deliver("ada@x.test", subject="Old", at=ago(days=3))
    anna.deliver("ada@x.test", subject="New", at=ago(days=1))
    await here.sync()

    await create(here, "ada@x.test", int(ago(days=2).timestamp() * 1000))
    assert await here.store.read(retro.waiting) == 1
    await here.look_back()
    await here.sync()

    assert [row[5] for row in await here.activities()] == ["New"]
    assert await here.store.read(retro.waiting) == 0


async def test_m10_a_deleted_contact_is_told_as_the_reason(here: World):
    """Mail of a deleted contact is unmatched:tombstone, what came before it too."""
    anna = await here.mailbox()
    await here.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})
    await here.contact("c2", "bob@y.test", replace=True)
    live = anna.deliver("ada@x.test")
    await here.sync()

    assert (await here.outcomes())["anna", "INBOX", live] == "unmatched:tombstone"


async def test_m10_no_tombstone_for_what_another_has(here: World):
    """An address that somebody else has now is not a dead one."""
    await here.contacts({"c1": ["ada@x.test", "both@x.test"], "c2": ["both@x.test"]})

    def remove(tx):
        contact_life.remove(tx.db, 1)
        return tx.db.execute("SELECT count(*) FROM tombstone").fetchone()

    assert await here.store.write(remove) == (1,)
