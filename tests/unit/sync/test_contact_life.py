"""The life of contacts, end to end over the memory driver: M4 to M7, M9, M10, U2 and U3."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from lab.world import HASHER, World, ago

from eisd.errors import StoreError
from eisd.matcher.policy import Policy
from eisd.model.contact import ContactIn
from eisd.store import contact_created, contact_life, retro
from eisd.sync import people
from eisd.sync.retro import Retro

LONG_AGO = "UPDATE feed SET connected_at = 1"
"""The mailboxes were connected long ago: their mail came live."""
ADA, BOB, CYD = "ada@x.test", "bob@y.test", "cyd@z.test"


def ms(**units: float) -> int:
    """A moment in the past, in milliseconds."""
    return int(ago(**units).timestamp() * 1000)


async def row(here: World, contact_id: str) -> int:
    """A contact's row id; of one that was merged, that of the one it went into."""
    [found] = await here.store.read(lambda db: contact_life.find(db, contact_id))
    return found.row


async def do(here: World, action: Any, contact_id: str, *values: Any) -> Any:
    """Do something to a contact, and let it take effect."""
    contact = await row(here, contact_id)
    done = await here.store.write(lambda tx: action(tx, contact, *values))
    await here.look_back()
    await here.sync()
    return done


async def sql(here: World, statement: str, *values: int | str) -> None:
    """Let time have passed: move what is on record into the past."""
    await here.store.write(lambda tx: tx.db.execute(statement, values))


async def subjects(here: World) -> list[tuple[str, str]]:
    """(contact, subject) of every activity."""
    return sorted(await here.rows("SELECT contact_id, subject FROM activity_feed"))


async def late(here: World, *addresses: str) -> None:
    """Mail of the last weeks is on record; then a contact is added, not in the first import."""
    anna = await here.mailbox()
    await here.contact("c0", "first@import.test")
    for number, address in enumerate(addresses):
        anna.deliver(address, subject=f"n{number}", at=ago(days=20 - number))
    await here.sync()
    await sql(here, LONG_AGO)
    await here.sync()


# M4


@pytest.mark.parametrize(
    ("policy", "found"),
    [("from_added", []), ("window", [("c1", "n0")]), ("all", [("c1", "n0")])],
)
async def test_m4_what_a_new_address_brings(here: World, policy: Any, found: list[Any]):
    """from_added leaves the past as it is; window and all bring what was listed."""
    here.policy = Policy(new_address=policy)
    await late(here, ADA, BOB)

    await here.contact("c1", ADA)
    await here.sync()

    assert await subjects(here) == found


async def test_m4_an_address_dated_back_brings_its_past(here: World):
    """A file that says since when is believed."""
    await late(here, ADA, ADA)

    await here.contacts({"c1": [ADA]}, added_at=ms(days=19, hours=12))
    await here.sync()

    assert await subjects(here) == [("c1", "n1")]


async def test_m4_backfill_asks_for_the_past(here: World):
    """Once for a time, once for all; the beginning stays on record, and ended_at holds."""
    await late(here, ADA, ADA, ADA)
    await here.contact("c1", ADA)
    assert await subjects(here) == []

    await do(here, people.backfill, "c1", ms(days=18, hours=12))
    assert await subjects(here) == [("c1", "n2")]
    await do(here, people.backfill, "c1", 0)
    await do(here, people.backfill, "c1", ms(days=1))

    assert await subjects(here) == [("c1", "n0"), ("c1", "n1"), ("c1", "n2")]
    feed = await here.rows("SELECT occurred_at < created_at FROM activity_feed")
    assert feed == [(1,)] * 3


# M5


async def test_m5_the_primary_address_by_its_time(here: World):
    """With match.addresses = primary the old one counts until the change, the new one from it."""
    here.policy = Policy(match_addresses="primary")
    anna = await here.mailbox()
    await here.contact("c1", ADA, BOB)
    await here.contact("c1", BOB, ADA)
    change = await here.rows("SELECT until FROM primacy")
    await here.store.write(lambda tx: tx.db.execute("UPDATE primacy SET until = ?", (ms(days=10),)))
    await here.store.write(
        lambda tx: tx.db.execute(
            "UPDATE address SET primary_since = ? WHERE is_primary", (ms(days=10),)
        )
    )
    await here.store.write(lambda tx: tx.db.execute("UPDATE feed SET connected_at = 1"))
    for number, (address, days) in enumerate([(ADA, 12), (BOB, 12), (ADA, 8), (BOB, 8)]):
        anna.deliver(address, subject=f"n{number}", at=ago(days=days))
    await here.sync()

    assert len(change) == 1
    assert await subjects(here) == [("c1", "n0"), ("c1", "n3")]


async def test_m5_times_of_being_primary_are_kept_whatever_the_policy(here: World):
    """Two changes back and forth leave one closed time each."""
    await here.contact("c1", ADA, BOB)
    await here.contact("c1", BOB, ADA)
    await here.contact("c1", ADA, BOB)

    rows = await here.rows(
        "SELECT d.address, d.is_primary, d.primary_since IS NOT NULL,"
        " (SELECT count(*) FROM primacy WHERE address = d.id) FROM address d ORDER BY d.id"
    )
    assert rows == [(ADA, 1, 1, 1), (BOB, 0, 0, 1)]


async def test_m5_ending_the_primary_address_makes_another_primary(here: World):
    """A contact with addresses has one that is primary."""
    await here.contact("c1", ADA, BOB)
    given = people.address_in(HASHER, ADA, "fold")
    rules = here.rules()

    await here.store.write(lambda tx: people.end_address(tx, rules, 1, given.key, given))

    assert await here.rows("SELECT address, is_primary FROM address WHERE ended_at IS NULL") == [
        (BOB, 1)
    ]


# M6


async def test_m6_removed_and_added_again(here: World):
    """Activities stay; mail of the gap does not match, not even with the whole past open."""
    here.policy = Policy(new_address="all")
    anna = await here.mailbox()
    await here.contact("c1", ADA, BOB)
    for number, days in enumerate((9, 6, 3)):
        anna.deliver(ADA, subject=f"n{number}", at=ago(days=days))
    await here.contact("c1", BOB)
    await sql(here, "UPDATE address SET ended_at = ? WHERE ended_at > 0", ms(days=7))
    await here.contacts({"c1": [BOB, ADA]}, added_at=ms(days=5))

    await here.sync()

    assert await subjects(here) == [("c1", "n0"), ("c1", "n2")]


# M7


async def moved(here: World) -> None:
    """An address goes from one contact to another in one import, after mail came by it."""
    anna = await here.mailbox()
    await here.contacts({"c1": [ADA, CYD], "c2": [BOB]})
    anna.deliver(ADA, subject="only", at=ago(days=3))
    anna.deliver(ADA, subject="both", cc=CYD, at=ago(days=2))
    anna.deliver(ADA, [anna.address, BOB], subject="two", at=ago(days=1))
    await here.sync()
    await sql(here, LONG_AGO)
    await here.sync()
    assert ("c1", "only") in await subjects(here)

    await here.contacts({"c1": [CYD], "c2": [BOB, ADA]})
    await here.sync()


async def test_m7_keep_leaves_the_past_where_it_was(here: World):
    """The past is the former contact's."""
    await moved(here)

    assert await subjects(here) == [
        ("c1", "both"),
        ("c1", "only"),
        ("c1", "two"),
        ("c2", "two"),
    ]


async def test_m7_move_takes_the_past_along(here: World):
    """What came by the address goes; what the former contact has by another address stays."""
    here.policy = Policy(reassign="move")
    await moved(here)

    assert await subjects(here) == [
        ("c1", "both"),
        ("c2", "both"),
        ("c2", "only"),
        ("c2", "two"),
    ]
    [(roles,)] = await here.rows(
        "SELECT roles FROM activity_feed WHERE subject = 'two' AND contact_id = 'c2'"
    )
    assert json.loads(roles) == ["from", "to"]


@pytest.mark.parametrize("gained_first", [True, False])
async def test_m7_move_in_two_steps(here: World, gained_first: bool):
    """Taken from one and given to another by two calls, in either order."""
    here.policy = Policy(reassign="move")
    anna = await here.mailbox()
    await here.contacts({"c1": [ADA, CYD], "c2": [BOB]})
    anna.deliver(ADA, subject="only", at=ago(days=3))
    await here.sync()

    for contact in ("c2", "c1") if gained_first else ("c1", "c2"):
        await here.contacts({contact: {"c1": [CYD], "c2": [BOB, ADA]}[contact]})
    await here.sync()

    assert await subjects(here) == [("c2", "only")]


# M9


async def test_m9_merge(here: World):
    """Addresses and activities go over, doubles collapse, the old id answers, again is the same."""
    anna = await here.mailbox()
    await here.contacts({"a": [ADA], "b": [BOB, ADA]})
    anna.deliver(ADA, [anna.address, BOB], subject="both", at=ago(days=2))
    anna.deliver(BOB, subject="his", at=ago(days=1))
    await here.sync()
    await sql(here, "UPDATE activity SET created_at = '2020' WHERE contact_id = 'b'")

    target = await row(here, "a")
    await do(here, people.merge, "b", target)
    first = await here.rows(
        "SELECT contact_id, roles, created_at, flags FROM activity_feed ORDER BY subject"
    )
    anna.deliver(BOB, subject="later")
    await here.sync()

    assert [(one[0], one[2][:4]) for one in first] == [("a", "2020"), ("a", "2020")]
    assert json.loads(first[0][1]) == ["from", "to"]
    assert all(json.loads(one[3]) == [] for one in first)
    assert await subjects(here) == [("a", "both"), ("a", "his"), ("a", "later")]
    assert await row(here, "b") == target
    assert await here.rows("SELECT contact_id FROM contact_summary") == [("a",)]
    assert await here.rows(
        "SELECT address, is_primary FROM address WHERE ended_at IS NULL ORDER BY id"
    ) == [(ADA, 1), (BOB, 0)]


async def test_m9_the_source_of_a_merge_in_a_later_import(here: World):
    """A file that still has the merged contact gives its addresses and ends none."""
    await here.contacts({"a": [ADA], "b": [BOB]})
    target = await row(here, "a")
    await do(here, people.merge, "b", target)

    await here.contacts({"a": [ADA], "b": [BOB, CYD]})
    await here.contacts({"a": [ADA], "b": [BOB, CYD]})

    assert await here.rows(
        "SELECT c.contact_id, d.address FROM address d JOIN contact c ON c.id = d.contact"
        " WHERE ended_at IS NULL ORDER BY d.address"
    ) == [("a", ADA), ("a", BOB), ("a", CYD)]
    assert await here.rows("SELECT count(*) FROM address") == [(3,)]


# M10


async def test_m10_deleted_restored(here: World):
    """Activities stay over a deletion; restored, the addresses count from then on."""
    anna = await here.mailbox()
    await here.contacts({"c1": [ADA], "c2": [BOB]})
    anna.deliver(ADA, subject="before", at=ago(days=3))
    await here.sync()

    await do(here, people.remove, "c1")
    await sql(here, "UPDATE address SET ended_at = ? WHERE ended_at > 0", ms(days=2))
    await sql(here, "UPDATE contact SET deleted_at = ? WHERE deleted_at > 0", ms(days=2))
    between = anna.deliver(ADA, subject="between", at=ago(days=1))
    await here.sync()
    assert (await here.outcomes())["anna", "INBOX", between] == "unmatched:tombstone"

    assert await do(here, people.restore, "c1") == 1
    assert await subjects(here) == [("c1", "before")]
    anna.deliver(ADA, subject="after", at=ago(minutes=-1))
    await here.sync()

    assert await subjects(here) == [("c1", "after"), ("c1", "before")]
    assert await here.rows("SELECT count(*) FROM tombstone") == [(0,)]


async def test_m10_purged(here: World):
    """Nothing readable is left: no activity, no address, and none comes back with later mail."""
    anna = await here.mailbox()
    await here.contacts({"c1": [ADA], "c2": [BOB]})
    anna.deliver(f"Ada Lovelace <{ADA}>", subject="Engines", at=ago(days=3))
    anna.deliver(BOB, [anna.address, f"Ada Lovelace <{ADA}>"], subject="Tea", at=ago(days=2))
    await here.sync()

    done = await do(here, people.purge, "c1")
    anna.deliver(BOB, [anna.address, f"Ada Lovelace <{ADA}>"], subject="Cake")
    late_copy = await here.mailbox("bert")
    late_copy.deliver(f"Ada Lovelace <{ADA}>", subject="Again")
    await here.sync()

    assert (done.activities, done.messages, done.participants) == (2, 1, 1)
    assert await subjects(here) == [("c2", "Cake"), ("c2", "Tea")]
    assert await here.store.read(lambda db: contact_life.find(db, "c1")) == []
    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    for word in (ADA, "Lovelace", "Engines", "'C1'"):
        assert word not in dump
    hashed = f"purged:{HASHER.key(ADA):016x}"
    assert {
        one
        for (one,) in await here.rows(
            "SELECT address FROM activity_participants WHERE address LIKE 'purged:%'"
        )
    } == {hashed}
    assert set((await here.outcomes()).values()) == {"matched", "unmatched:tombstone"}


async def test_m10_a_purge_reaches_what_was_sent(here: World):
    """A recipient becomes a hash, and mail to nobody else loses its subject; no message is kept."""
    await here.mailbox()
    await here.contacts({"c1": [ADA], "c2": [BOB]})
    exact = {address: contact_life.signed(HASHER.key(address)) for address in (ADA, BOB)}
    for number, to in enumerate(([ADA], [ADA, BOB]), 1):
        await sql(
            here,
            "INSERT INTO submission (id, mailbox_id, state, message_id, id_key, envelope_id,"
            " sender, subject, size, created_at, due_at, next_at, ended_at)"
            " VALUES (?1, 1, 'sent', ?1, x'', ?1, 'anna@lab.test', 'Offer', 1, 0, 0, 0, 1)",
            number,
        )
        await sql(here, "INSERT INTO submission_message VALUES (?, x'41')", number)
        for address in to:
            await sql(
                here,
                "INSERT INTO recipient (submission_id, address, exact) VALUES (?, ?, ?)",
                number,
                address,
                exact[address],
            )

    await do(here, people.purge, "c1")

    hashed = f"purged:{HASHER.key(ADA):016x}"
    assert await here.rows("SELECT submission_id, address FROM recipient ORDER BY 1, 2") == [
        (1, hashed),
        (2, BOB),
        (2, hashed),
    ]
    assert await here.rows("SELECT subject FROM submission ORDER BY id") == [("",), ("Offer",)]
    assert await here.rows("SELECT submission_id FROM submission_message") == []


async def test_m10_whom_somebody_adds_again_is_no_longer_dead(here: World):
    """A tombstone goes when the address is added, in its workspace alone."""
    await here.contacts({"c1": [ADA], "c2": [BOB]})
    await do(here, people.remove, "c1")
    await here.contact("k1", ADA, workspace="sales")
    assert await here.rows("SELECT count(*) FROM tombstone") == [(1,)]

    await here.contact("c3", ADA)

    assert await here.rows("SELECT count(*) FROM tombstone") == [(0,)]


async def test_the_crm_takes_in_whom_eisd_made(here: World):
    """A contact made of an address goes into the one that the CRM says has it."""
    await here.contact("c0", BOB)
    given = people.address_in(HASHER, ADA, "fold", added_at=ms(days=2))
    made = await here.store.write(
        lambda tx: contact_created.create(tx.db, "default", given, name="Ada")
    )
    await here.store.write(lambda tx: tx.cache.clear())
    anna = await here.mailbox()
    anna.deliver(ADA, subject="hers", at=ago(days=1))
    await here.sync()
    assert await subjects(here) == [(made.contact_id, "hers")]

    await here.contact("42", ADA)

    assert await subjects(here) == [("42", "hers")]
    assert await row(here, made.contact_id) == await row(here, "42")


# I4, I5


@pytest.mark.parametrize("order", list(permutations(("anna", "bert", "add", "merge")))[::3])
async def test_i4_whatever_comes_first(here: World, order: tuple[str, ...]):
    """Copies in two mailboxes, a contact added and two merged: the same in every order."""
    here.policy = Policy(new_address="all")
    await here.contacts({"b": [BOB], "x": ["first@import.test"]})
    boxes = {name: await here.mailbox(name) for name in ("anna", "bert")}
    await here.contact("a", "other@a.test")
    for name, box in boxes.items():
        box.deliver(ADA, [boxes["anna"].address, BOB], cc="other@a.test", message_id="<one@x>")
        box.deliver(ADA, subject=f"to {name}", message_id=f"<{name}@x>")

    for step in order:
        if step == "add":
            await here.contact("c", ADA)
        elif step == "merge":
            target = await row(here, "a")
            source = await row(here, "b")
            await here.store.write(lambda tx, s=source, t=target: people.merge(tx, s, t))
            await here.look_back()
        else:
            await here.sync(step)
    await here.sync()

    feed = await here.rows("SELECT contact_id, subject, roles, flags FROM activity_feed")
    assert sorted((one[0], one[1], tuple(json.loads(one[2]))) for one in feed) == [
        ("a", "Hello", ("to", "cc")),
        ("c", "Hello", ("from",)),
        ("c", "to anna", ("from",)),
        ("c", "to bert", ("from",)),
    ]
    assert all(json.loads(one[3]) == [] for one in feed)


# U3


async def test_u3_a_kill_loses_no_job(here: World, monkeypatch: pytest.MonkeyPatch):
    """The job is on record with the change; cut off anywhere, it is worked off by the next one."""
    here.policy = Policy(new_address="window")
    monkeypatch.setattr("eisd.sync.retro.BUDGET", 0.0)  # one message a write
    monkeypatch.setattr(retro, "STEP", 3)
    await late(here, *(ADA if number % 2 else CYD for number in range(10)))
    contact = people.address_in(HASHER, ADA, "fold")
    person = ContactIn("default", "c1", "", "", "", (contact,))
    rules = here.rules()
    await here.store.write(lambda tx: people.add(tx, rules, person))

    real, writes = here.store.write, 0
    for cut in range(1, 12):
        writes = 0

        async def write(run: Any, limit: int = cut) -> Any:
            nonlocal writes
            writes += 1
            if writes > limit:
                raise StoreError("killed")
            return await real(run)

        monkeypatch.setattr(here.store, "write", write)
        try:
            await Retro(here.store, here.rules).drain()
        except StoreError:
            assert await here.store.read(retro.waiting) == 1
        else:
            break
        finally:
            monkeypatch.setattr(here.store, "write", real)
    await here.sync()

    assert await here.store.read(retro.waiting) == 0
    assert [one[1] for one in await subjects(here)] == ["n1", "n3", "n5", "n7", "n9"]


async def test_u3_one_look_serves_many_jobs(here: World):
    """However many contacts come at once, the index is read once."""
    here.policy = Policy(new_address="window")
    await late(here, ADA, BOB, CYD)
    looks = []

    def count(db: Any, *args: Any) -> Any:
        looks.append(args)
        return real(db, *args)

    real = retro.look
    rules = here.rules()
    for address in (ADA, BOB, CYD):
        given = people.address_in(HASHER, address, "fold")
        person = ContactIn("default", address[:3], "", "", "", (given,))
        await here.store.write(lambda tx, person=person: people.add(tx, rules, person))
    retro.look = count
    try:
        await here.look_back()
    finally:
        retro.look = real
    await here.sync()

    assert len(looks) == 1
    assert [one[0] for one in await subjects(here)] == ["ada", "bob", "cyd"]
