"""Whichever comes first, copy, twin, parent or contact, the end is the same (I4, I5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from lab.mail import make
from lab.world import World, ago, world

from eisd.config.schema import BlockEntry
from eisd.matcher.policy import Policy
from eisd.model.mailbox import SyncMode
from eisd.sync.loop import Life

Told = tuple[list[tuple[Any, ...]], list[str]]


async def told(here: World) -> Told:
    """Activities and outcomes, without ids that count rows."""
    rows = await here.rows(
        "SELECT contact_id, workspace, subject, direction, roles, mailboxes, flags, message_id,"
        " occurred_at, received_at FROM activity_feed ORDER BY 1, 2, 3"
    )
    outcomes = [
        f"{mailbox} {folder} {outcome}"
        for (mailbox, folder, _), outcome in (await here.outcomes()).items()
    ]
    return rows, sorted(outcomes)


async def in_every_order(
    tmp_path: Path, setup: Callable[[World], Any], steps: Sequence[Callable[[World], None]]
) -> Told:
    """Take the steps in every order, with restarts between and without; one thing comes out."""
    seen: list[Told] = []
    for number, order in enumerate(permutations(steps)):
        for together in (False, True):
            async with world(tmp_path / f"{number}{together}") as here:
                await setup(here)
                for step in order:
                    step(here)
                    if not together:
                        await here.sync()
                await here.sync()
                await here.check()
                seen.append(await told(here))
    assert all(one == seen[0] for one in seen)
    return seen[0]


async def test_internal_mail_is_seen_again_when_an_outsider_shows(tmp_path: Path):
    """Mail among staff is internal until a copy names an outsider, whichever came first (S5)."""
    when = ago(hours=5)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contact("c1", "ada@x.test")

    def received(here: World) -> None:
        here.boxes["bert"].deliver(
            "anna@lab.test", "bert@lab.test", message_id="<i@x>", subject="i", at=when
        )

    def sent(here: World) -> None:
        here.boxes["anna"].deliver(
            "anna@lab.test",
            "bert@lab.test",
            folder="Sent",
            message_id="<i@x>",
            subject="i",
            at=when,
            headers={"Bcc": "ada@x.test"},
        )

    rows, outcomes = await in_every_order(tmp_path, setup, (received, sent))

    assert [row[:5] for row in rows] == [("c1", "default", "i", "outgoing", '["bcc"]')]
    assert outcomes == ["anna Sent matched", "bert INBOX matched"]


async def test_list_mail_is_seen_again_when_its_parent_shows(tmp_path: Path):
    """An answer over a list to what staff wrote is direct, whichever came first (G4)."""
    when = ago(hours=5)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.contact("c1", "ada@x.test")

    def answer(here: World) -> None:
        here.boxes["anna"].deliver(
            "ada@x.test",
            "list@groups.test",
            message_id="<answer@x>",
            in_reply_to="<parent@lab.test>",
            subject="Re: plans",
            at=when,
            headers={"List-Id": "<list.groups.test>", "List-Post": "<mailto:list@groups.test>"},
        )

    def parent(here: World) -> None:
        here.boxes["anna"].deliver(
            "anna@lab.test",
            "list@groups.test",
            folder="Sent",
            message_id="<parent@lab.test>",
            subject="plans",
            at=ago(hours=9),
        )

    rows, outcomes = await in_every_order(tmp_path, setup, (answer, parent))

    assert [(row[0], row[2], json.loads(row[6])) for row in rows] == [
        ("c1", "Re: plans", ["direct"])
    ]
    assert outcomes == ["anna INBOX matched", "anna Sent unmatched:no_contact"]


async def test_a_list_answer_without_its_parent_is_skipped(tmp_path: Path):
    """So the rule above does not match everything."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("c1", "ada@x.test")
        anna.deliver(
            "ada@x.test",
            "list@groups.test",
            in_reply_to="<unknown@lab.test>",
            headers={"List-Id": "<list.groups.test>"},
        )
        await here.sync()
        assert list((await here.outcomes()).values()) == ["skipped:list"]


async def test_the_earliest_message_has_the_bare_id(tmp_path: Path):
    """Three messages under one Message-ID are told apart the same way in every order (I2)."""
    times = [ago(days=days) for days in (2, 6, 11)]

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"], "c3": ["cyd@z.test"]})

    def letter(author: str, number: int) -> Callable[[World], None]:
        def step(here: World) -> None:
            here.boxes["anna"].deliver(
                author, message_id="<same@id>", subject=f"s{number}", at=times[number]
            )

        return step

    steps = [letter("ada@x.test", 0), letter("bob@y.test", 1), letter("cyd@z.test", 2)]
    rows, _ = await in_every_order(tmp_path, setup, steps)

    assert [(row[0], row[2]) for row in rows] == [("c1", "s0"), ("c2", "s1"), ("c3", "s2")]
    assert [row[7] for row in rows].count("<same@id>") == 1
    assert rows[2][7] == "<same@id>"
    assert all(json.loads(row[6]) == ["message_id_collision"] for row in rows)


async def test_a_strangers_message_under_a_contacts_id_is_not_shown(tmp_path: Path):
    """A collision with mail that concerns nobody leaves that mail nobody's."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("c1", "ada@x.test")
        mine = anna.deliver("ada@x.test", message_id="<m@x>", subject="mine", at=ago(days=2))
        other = anna.deliver("eve@far.test", message_id="<m@x>", subject="other", at=ago(days=9))
        await here.sync()

        assert await here.outcomes() == {
            ("anna", "INBOX", mine): "matched",
            ("anna", "INBOX", other): "unmatched:no_contact",
        }
        assert [row[5] for row in await here.activities()] == ["mine"]


async def test_two_workspaces_have_an_activity_each(tmp_path: Path):
    """A mailbox feeds both, another one of them; the best outcome is the copy's (Z1, O4)."""

    async def setup(here: World) -> None:
        await here.mailbox("anna", workspaces=("default", "sales"))
        await here.mailbox("bert", workspaces=("sales",))
        await here.contact("c1", "ada@x.test", workspace="default")
        await here.contact("k9", "ada@x.test", workspace="sales")
        await here.contact("k8", "bob@y.test", workspace="sales")

    def ada(here: World) -> None:
        here.boxes["anna"].deliver("ada@x.test", subject="ada", message_id="<a@x>", at=when)

    def bob(here: World) -> None:
        here.boxes["anna"].deliver("bob@y.test", subject="bob", message_id="<b@x>", at=when)

    def twin(here: World) -> None:
        here.boxes["bert"].deliver(
            "ada@x.test", "anna@lab.test", subject="ada", message_id="<a@x>", at=when
        )

    when = ago(hours=7)
    rows, outcomes = await in_every_order(tmp_path, setup, (ada, bob, twin))

    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("c1", "default", "ada"),
        ("k8", "sales", "bob"),
        ("k9", "sales", "ada"),
    ]
    assert outcomes == ["anna INBOX matched", "anna INBOX matched", "bert INBOX matched"]


@pytest.mark.parametrize(
    ("mode", "received", "sent"),
    [
        (SyncMode.TWO_WAY, "matched", "matched"),
        (SyncMode.INCOMING, "matched", "skipped:direction"),
        (SyncMode.OUTGOING, "skipped:direction", "matched"),
        (SyncMode.ONE_WAY, None, None),
    ],
)
async def test_a_mailbox_records_what_its_mode_says(
    tmp_path: Path, mode: SyncMode, received: str | None, sent: str | None
):
    """By the message's direction, whatever the folder (M15)."""
    async with world(tmp_path) as here:
        anna = await here.mailbox(mode=mode)
        await here.contact("c1", "ada@x.test")
        one = anna.deliver("ada@x.test")
        two = anna.deliver(anna.address, "ada@x.test", folder="INBOX")

        await here.sync()

        outcomes = await here.outcomes()
        assert outcomes.get(("anna", "INBOX", one)) == received
        assert outcomes.get(("anna", "INBOX", two)) == sent


async def test_a_block_for_one_mailbox_says_nothing_of_another(tmp_path: Path):
    """A copy in a mailbox that does not block makes the message count, in every order (M13)."""
    when = ago(hours=7)

    async def setup(here: World) -> None:
        here.blocklist = [BlockEntry(entry="@x.test", mailbox="anna")]
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contact("c1", "ada@x.test")

    def letter(name: str) -> Callable[[World], None]:
        def step(here: World) -> None:
            here.boxes[name].deliver(
                "ada@x.test", "bert@lab.test", subject="b", message_id="<b@x>", at=when
            )

        return step

    rows, outcomes = await in_every_order(tmp_path, setup, (letter("anna"), letter("bert")))

    assert [row[0] for row in rows] == ["c1"]
    assert outcomes == ["anna INBOX matched", "bert INBOX matched"]


async def test_a_blocked_author_is_skipped_where_he_is_blocked(tmp_path: Path):
    """So the rule above does not unblock everybody."""
    async with world(tmp_path) as here:
        here.blocklist = [BlockEntry(entry="@x.test", mailbox="anna")]
        anna = await here.mailbox("anna")
        await here.contact("c1", "ada@x.test")
        anna.deliver("ada@x.test")
        await here.sync()
        assert list((await here.outcomes()).values()) == ["skipped:blocklisted"]


async def test_a_draft_and_what_is_sent_of_it(tmp_path: Path):
    """A draft never counts; the message sent under its Message-ID does, in every order (F2)."""
    when = ago(hours=7)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.contact("c1", "ada@x.test")

    def draft(here: World) -> None:
        here.boxes["anna"].deliver(
            "anna@lab.test", "ada@x.test", flags=["\\Draft"], message_id="<d@x>", subject="d"
        )

    def sent(here: World) -> None:
        here.boxes["anna"].deliver(
            "anna@lab.test", "ada@x.test", folder="Sent", message_id="<d@x>", subject="d", at=when
        )

    rows, outcomes = await in_every_order(tmp_path, setup, (draft, sent))

    assert [(row[0], row[3], json.loads(row[6])) for row in rows] == [("c1", "outgoing", [])]
    assert outcomes == ["anna INBOX skipped:draft", "anna Sent matched"]


@pytest.mark.parametrize("message_id", ["<twice@x>", ""])
async def test_the_same_message_twice_in_one_folder(tmp_path: Path, message_id: str):
    """Two copies, one message, one activity, with or without a Message-ID (I1, I3)."""
    when = ago(hours=7)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.contact("c1", "ada@x.test")

    def copy(here: World) -> None:
        here.boxes["anna"].deliver("ada@x.test", message_id=message_id, subject="2", at=when)

    rows, outcomes = await in_every_order(tmp_path, setup, (copy, copy))

    assert len(rows) == 1
    assert outcomes == ["anna INBOX matched"] * 2


async def test_a_contact_added_while_a_batch_is_read_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What was listed before and recorded after the import is decided by the new book (I5)."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("other", "zoe@z.test")
        anna.deliver("ada@x.test")
        prepared = asyncio.Event()
        go = asyncio.Event()
        from eisd.sync import engine  # noqa: PLC0415  what is patched

        real = engine.prepare

        async def slow(*args: Any) -> Any:
            found = await real(*args)
            prepared.set()
            await go.wait()
            return found

        monkeypatch.setattr(engine, "prepare", slow)
        syncing = asyncio.create_task(Life(here.start()).once())
        await prepared.wait()
        await here.contact("c1", "ada@x.test")
        go.set()
        await syncing

        assert [row[0] for row in await here.activities()] == ["c1"]


@pytest.mark.parametrize("first", ["mail", "contact"])
async def test_an_address_that_is_dated_back_gets_its_past(tmp_path: Path, first: str):
    """An added_at of the file's own counts, whether mail or contact came first (M3)."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("other", "zoe@z.test")
        anna.deliver("ada@x.test", at=ago(days=3))
        if first == "mail":
            await here.sync()
        added = int(ago(days=400).timestamp() * 1000)
        await here.contacts({"c1": ["ada@x.test"]}, added_at=added)
        await here.sync()

        assert [row[0] for row in await here.activities()] == ["c1"]


async def test_mail_that_concerned_one_contact_is_found_for_another(tmp_path: Path):
    """A contact imported later has its activity of a message that is on record already."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        await here.contact("c1", "ada@x.test")
        gone = anna.deliver("ada@x.test", cc="bob@y.test", subject="both")
        await here.sync()
        anna.provider.expunge(gone)
        await here.sync()

        long_ago = int(ago(days=400).timestamp() * 1000)
        await here.contacts({"c2": ["bob@y.test"]}, added_at=long_ago)

        assert [row[0] for row in await here.activities()] == ["c1", "c2"]


async def test_a_thousand_contacts_find_their_past_as_one_does(tmp_path: Path):
    """A large first import is matched against what is on record, exact and relaxed."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        for number in range(30):
            anna.deliver(f"p{number}+tag@x{number}.test", subject=f"n{number}")
        await here.sync()
        assert await here.activities() == []

        people = {f"c{number}": [f"p{number}@x{number}.test"] for number in range(1000)}
        await here.contacts(people)
        await here.sync()

        assert len(await here.activities()) == 30


async def test_without_an_index_one_message_is_still_one(tmp_path: Path):
    """With store.unmatched = none a copy that was forgotten is no other message (I2)."""
    async with world(tmp_path) as here:
        rules = here.rules
        here.rules = lambda: replace(rules(), index=False)  # type: ignore[method-assign]
        anna = await here.mailbox("anna", workspaces=("empty",))
        bert = await here.mailbox("bert", workspaces=("default",))
        await here.contact("c1", "ada@x.test")
        when = ago(hours=3)
        for box in (anna, bert):
            box.deliver("ada@x.test", "bert@lab.test", message_id="<m@x>", subject="m", at=when)
            await here.sync(box.name)

        assert await here.rows("SELECT message_id, flags FROM activity_feed") == [("<m@x>", "[]")]


@pytest.mark.parametrize("policy", ["skip_unless_direct", "skip"])
async def test_g4_a_copy_that_came_without_the_list_counts(tmp_path: Path, policy: str):
    """A list's copy beside one that was sent to somebody himself, whichever came first (I4)."""
    when = ago(hours=5)

    async def setup(here: World) -> None:
        here.policy = Policy(group_list=policy)  # type: ignore[arg-type]
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contact("c1", "ada@x.test")

    def copy(box: str, headers: dict[str, str]) -> Callable[[World], None]:
        def step(here: World) -> None:
            here.boxes[box].deliver(
                "ada@x.test",
                "team@groups.test",
                message_id="<m@x>",
                subject="m",
                at=when,
                headers=headers,
            )

        return step

    listed = {"List-Id": "<team.groups.test>", "Precedence": "list"}
    steps = (copy("anna", {}), copy("bert", listed))
    rows, outcomes = await in_every_order(tmp_path, setup, steps)

    assert [(row[0], json.loads(row[6])) for row in rows] == [("c1", [])]
    assert outcomes == ["anna INBOX matched", "bert INBOX matched"]


async def test_t1_the_date_is_the_earliest_of_all_copies(tmp_path: Path):
    """When it happened does not hang on which copy the text was fetched from."""
    when = ago(hours=5)
    later = when + timedelta(minutes=90)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contact("c1", "ada@x.test")

    def copy(box: str, at: datetime, date: datetime) -> Callable[[World], None]:
        def step(here: World) -> None:
            rfc822 = make("ada@x.test", "anna@lab.test", "m", message_id="<m@x>", date=date)
            here.boxes[box].put(rfc822, at=at)

        return step

    steps = (copy("anna", later, when), copy("bert", when, later))
    rows, _ = await in_every_order(tmp_path, setup, steps)

    assert [row[8] for row in rows] == [f"{when:%Y-%m-%dT%H:%M:%S}.000Z"]


async def test_i4_a_copy_that_names_nobody_is_a_copy(tmp_path: Path):
    """Without a usable address its marks of a list count like those of any other copy (G5)."""
    when = ago(hours=5)
    head = f"From: Nobody\r\nSubject: m\r\nDate: {format_datetime(when)}\r\nMessage-ID: <m@x>\r\n"

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contact("c1", "ada@x.test")

    def copy(box: str, at: datetime, more: str) -> Callable[[World], None]:
        def step(here: World) -> None:
            here.boxes[box].put(f"{head}{more}\r\n\r\nHi.\r\n".encode(), at=at)

        return step

    steps = (copy("anna", when, "Precedence: bulk"), copy("bert", ago(hours=2), "Bcc: ada@x.test"))
    rows, outcomes = await in_every_order(tmp_path, setup, steps)

    assert [(row[0], row[9]) for row in rows] == [("c1", f"{when:%Y-%m-%dT%H:%M:%S}.000Z")]
    assert outcomes == ["anna INBOX matched", "bert INBOX matched"]


@pytest.mark.parametrize("first", ["author", "reply_to"])
async def test_m1_reply_to_counts_only_if_the_author_is_nobody(tmp_path: Path, first: str):
    """An author who becomes known later takes what his Reply-To had brought somebody else."""
    async with world(tmp_path) as here:
        anna = await here.mailbox()
        anna.deliver("ada@x.test", headers={"Reply-To": "bob@y.test"}, subject="m")
        await here.sync()
        past = int(ago(days=400).timestamp() * 1000)
        people = {"author": {"c1": ["ada@x.test"]}, "reply_to": {"c2": ["bob@y.test"]}}
        for name in sorted(people, key=lambda one: one != first):
            await here.contacts(people[name], added_at=past)
            await here.sync()

        assert [row[0] for row in await here.activities()] == ["c1"]
