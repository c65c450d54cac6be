"""Contacts made of mail, end to end, in every order of arrival (C1 to C4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.world import HASHER, World, ago, world
from unit.sync.test_orders import in_every_order

from eisd.logs import capture
from eisd.matcher.policy import Policy
from eisd.sync.loop import Life

SENT = Policy(create_policy="sent", create_company=True)
BOTH = Policy(create_policy="sent_and_received")
EVE = "eve@eves.example"
EVE_ID = f"auto-{HASHER.key(EVE):016x}"
Step = Callable[[World], None]


def letter(
    subject: str,
    author: str = "anna@lab.test",
    to: str = "anna@lab.test",
    *,
    box: str = "anna",
    hours: float = 9,
    **parts: Any,
) -> Step:
    """Deliver a message, into Sent where the mailbox's own address wrote it."""
    when = ago(hours=hours)

    def step(here: World) -> None:
        here.boxes[box].deliver(
            author,
            to,
            folder="Sent" if author == f"{box}@lab.test" else "INBOX",
            message_id=f"<{subject}@x>",
            subject=subject,
            at=when,
            **parts,
        )

    return step


def creating(policy: Policy, *names: str) -> Callable[[World], Any]:
    """A world with the policy and these mailboxes."""

    async def setup(here: World) -> None:
        here.policy = policy
        for name in names or ("anna",):
            await here.mailbox(name)

    return setup


async def made(here: World) -> list[tuple[Any, ...]]:
    return await here.rows(
        "SELECT a.address, c.name, c.company, c.created_by FROM contact c"
        " JOIN address a ON a.contact = c.id ORDER BY 1"
    )


async def test_c1_a_contact_is_made_of_whom_staff_writes_to(here: World):
    """With its name, its company, and the message that made it as its first activity."""
    await creating(SENT)(here)
    letter("offer", to="Eve Adams <eve@eves.example>")(here)

    with capture() as lines:
        await here.sync()

    assert await made(here) == [(EVE, "Eve Adams", "eves.example", "auto")]
    assert [row[:3] + row[5:] for row in await here.activities()] == [
        (EVE_ID, "outgoing", '["to"]', "offer")
    ]
    told = [line for line in lines if line["event"] == "match.contact_created"]
    assert len(told) == 1
    assert EVE not in str(told)


async def test_c3_mail_from_before_and_after_is_its_own(tmp_path: Path):
    """What is older than the message that asked is not; and the order does not matter."""
    steps = (
        letter("before", EVE, hours=12),
        letter("asks", to=EVE, hours=9),
        letter("answer", EVE, hours=6),
    )

    rows, outcomes = await in_every_order(tmp_path, creating(SENT), steps)

    assert [row[2] for row in rows] == ["answer", "asks"]
    assert "anna INBOX unmatched:before_address_added" in outcomes


async def test_c3_the_earliest_that_asks_counts(tmp_path: Path):
    """An older message that asks makes the contact known from then on, in every order."""
    steps = (
        letter("first", to=f"Eve <{EVE}>", hours=12),
        letter("between", EVE, hours=9),
        letter("last", to=f"Eve Adams <{EVE}>", hours=6),
    )

    rows, _ = await in_every_order(tmp_path, creating(SENT), steps)

    assert [row[2] for row in rows] == ["between", "first", "last"]


async def test_c2_the_best_name_stays_in_every_order(tmp_path: Path):
    """One of several words, whichever message came first; a name that was imported stays."""
    steps = (
        letter("a", to=EVE, hours=12),
        letter("b", to=f"Eve Adams <{EVE}>", hours=9),
        letter("c", to=f"Eve <{EVE}>", hours=6),
    )
    for number, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 0, 2))):
        async with world(tmp_path / str(number)) as here:
            await creating(SENT)(here)
            for at in order:
                steps[at](here)
                await here.sync()
            assert [row[1] for row in await made(here)] == ["Eve Adams"]
            await here.contact(EVE_ID, EVE)  # whose name is made of its id
            letter("d", to=f"Eve Adams-Eden <{EVE}>")(here)
            await here.sync()
            assert [row[1] for row in await made(here)] == [EVE_ID.title()]


async def test_c3_two_mailboxes_make_one_contact(here: World):
    """Both see the first message of a stranger at the same time."""
    await creating(BOTH, "anna", "bert")(here)
    for name in ("anna", "bert"):
        for number in range(5):
            letter(f"{name}{number}", EVE, f"{name}@lab.test", box=name, hours=number + 1)(here)

    await asyncio.gather(*(Life(here.start(name)).once() for name in here.boxes))
    await here.sync()

    assert [row[0] for row in await made(here)] == [EVE]
    assert len(await here.activities()) == 10


async def test_c1_received_mail_makes_its_author_a_contact(here: World):
    """With sent_and_received; whom a stranger copies in stays a stranger."""
    await creating(BOTH)(here)
    letter("hello", f'"Adams, Eve" <{EVE}>', cc="zoe@z.example")(here)
    await here.sync()

    assert await made(here) == [(EVE, "Eve Adams", "", "auto")]
    assert [row[0] for row in await here.activities()] == [EVE_ID]


async def test_c1_reply_to_only_if_the_author_leads_to_nobody(here: World):
    """A form that writes as no-reply for somebody else is free to name him."""
    await creating(Policy(create_policy="sent_and_received", create_role_addresses=True))(here)
    letter("form", "info@forms.example", headers={"Reply-To": EVE})(here)
    await here.sync()
    assert [row[0] for row in await made(here)] == ["info@forms.example"]

    async with world(here.path.parent / "other") as other:
        await creating(BOTH)(other)
        letter("form", "info@forms.example", headers={"Reply-To": EVE})(other)
        await other.sync()
        assert await made(other) == []  # the author's address decides the class (G8)


async def test_c1_not_of_a_contacts_own_variants(tmp_path: Path):
    """Whoever has the address, or it without its tag, is a contact already (N6)."""
    steps = (
        letter("plain", to="eve@eves.example", hours=9),
        letter("tagged", to="eve+shop@eves.example", hours=6),
    )

    rows, _ = await in_every_order(tmp_path, one_contact, steps)

    assert sorted(row[2] for row in rows) == ["plain", "tagged"]
    assert {row[0] for row in rows} == {"c1"}


async def one_contact(here: World) -> None:
    await creating(SENT)(here)
    await here.contact("c1", EVE)


async def test_m10_nobody_is_made_of_the_deleted(here: World):
    """A tombstone holds until somebody adds the address."""
    await creating(SENT)(here)
    await here.contacts({"c1": [EVE], "c2": ["bob@b.example"]})
    await here.contact("c2", "bob@b.example", replace=True)
    letter("offer", to=EVE)(here)
    await here.sync()

    assert [row[3] for row in await made(here)] == ["import", "import"]
    assert list((await here.outcomes()).values()) == ["unmatched:tombstone"]


async def test_c1_a_copy_in_sent_verifies_what_came_before(tmp_path: Path):
    """Unverified outgoing mail makes nobody, until its copy in Sent is seen (S4, I4)."""
    when = ago(hours=5)

    def copy(folder: str, box: str) -> Step:
        def step(here: World) -> None:
            here.boxes[box].deliver(
                "anna@lab.test",
                [EVE, "bert@lab.test"],
                folder=folder,
                message_id="<m@x>",
                subject="m",
                at=when,
            )

        return step

    async with world(tmp_path) as here:
        await creating(SENT, "anna", "bert")(here)
        copy("INBOX", "bert")(here)
        await here.sync()
        assert await made(here) == []

    setup = creating(SENT, "anna", "bert")
    rows, outcomes = await in_every_order(
        tmp_path / "orders", setup, (copy("INBOX", "bert"), copy("Sent", "anna"))
    )
    assert [(row[0], row[2]) for row in rows] == [(EVE_ID, "m")]
    assert outcomes == ["anna Sent matched", "bert INBOX matched"]


async def test_z1_each_workspace_makes_its_own(here: World):
    """A mailbox that feeds two makes a contact in each that lacks one."""
    here.policy = SENT
    await here.mailbox("anna", workspaces=("default", "sales"))
    await here.contact("s1", EVE, workspace="sales")
    letter("offer", to=EVE)(here)
    await here.sync()

    assert await here.rows("SELECT workspace, contact_id FROM contact ORDER BY 1") == [
        ("default", EVE_ID),
        ("sales", "s1"),
    ]
    assert len(await here.activities()) == 2


async def test_c3_many_strangers_in_one_first_sync(here: World):
    """A busy mailbox's first sync makes everybody once and misses nothing of theirs."""
    await creating(BOTH)(here)
    for number in range(120):
        person = f"p{number % 40}@s{number % 40}.example"
        letter(f"n{number}", person, hours=number + 1)(here)
    await here.sync()

    assert len(await made(here)) == 40
    assert set((await here.outcomes()).values()) == {"matched"}
