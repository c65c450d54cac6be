"""Threads end to end, and messages that inherit a contact from theirs (H1, H2, M11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lab.world import World, ago, world
from unit.sync.test_orders import in_every_order

from eisd.api.explaining import explain
from eisd.matcher.policy import Policy

INHERIT = Policy(thread_inherit="single_contact")
CONTACTS = {"c1": ["ada@x.test"], "c2": ["bob@y.test"]}
Step = Callable[[World], None]


def letter(
    name: str,
    author: str,
    *,
    answers: str = "",
    hours: float = 9,
    to: str | Sequence[str] = (),
    sent: bool = False,
    subject: str = "",
    thread: str = "",
) -> Step:
    """Deliver a message whose Message-ID is ``<name@x>``."""
    when = ago(hours=hours)

    def step(here: World) -> None:
        here.boxes["anna"].deliver(
            "anna@lab.test" if sent else author,
            to or (author if sent else "anna@lab.test"),
            folder="Sent" if sent else "INBOX",
            message_id=f"<{name}@x>",
            in_reply_to=f"<{answers}@x>" if answers else "",
            subject=subject or name,
            thread=thread,
            at=when,
        )

    return step


def told(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, object]]:
    return [(row[0], row[2]) for row in rows]


async def inheriting(here: World) -> None:
    """One mailbox, two contacts, and the policy."""
    here.policy = INHERIT
    await here.mailbox("anna")
    await here.contacts(CONTACTS)


async def threads(here: World) -> list[set[str]]:
    """The subjects of each thread."""
    found: dict[int, set[str]] = {}
    for thread, subject in await here.rows("SELECT thread_id, subject FROM activity_feed"):
        found.setdefault(thread, set()).add(subject)
    return sorted(found.values(), key=min)


async def test_h1_headers_provider_and_subject_make_threads(tmp_path: Path):
    """Each way that H1 names joins messages of two contacts into threads."""
    async with world(tmp_path) as here:
        await here.mailbox("anna")
        await here.contacts(CONTACTS)
        for step in (
            letter("a1", "ada@x.test", hours=20),
            letter("a2", "ada@x.test", answers="a1"),
            letter("b1", "bob@y.test", thread="gm1"),
            letter("b2", "bob@y.test", thread="gm1"),
            letter("c1", "ada@x.test", subject="plans", hours=20),
            letter("c2", "ada@x.test", subject="Re: plans", sent=True),
        ):
            step(here)

        await here.sync()

        assert await threads(here) == [{"Re: plans", "plans"}, {"a1", "a2"}, {"b1", "b2"}]


async def test_h1_without_the_fallback_the_subject_joins_nothing(tmp_path: Path):
    """thread.subject_fallback = off."""
    async with world(tmp_path, policy=Policy(subject_fallback="off")) as here:
        await here.mailbox("anna")
        await here.contacts(CONTACTS)
        letter("c1", "ada@x.test", subject="plans", hours=20)(here)
        letter("c2", "ada@x.test", subject="Re: plans")(here)

        await here.sync()

        assert await threads(here) == [{"Re: plans"}, {"plans"}]


async def test_h2_a_copy_that_names_another_parent_joins_its_thread(tmp_path: Path):
    """References are facts like others: what a later copy says of them counts (I4)."""
    when = ago(hours=5)

    async def setup(here: World) -> None:
        await here.mailbox("anna")
        await here.mailbox("bert")
        await here.contacts(CONTACTS)

    def copy(name: str, answers: str) -> Step:
        def step(here: World) -> None:
            here.boxes[name].deliver(
                "ada@x.test",
                "anna@lab.test",
                message_id="<m@x>",
                subject="m",
                in_reply_to=answers,
                at=when,
            )

        return step

    for number, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 0, 2))):
        steps = (copy("anna", ""), copy("bert", "<p@x>"), letter("p", "ada@x.test"))
        async with world(tmp_path / str(number)) as here:
            await setup(here)
            for at in order:
                steps[at](here)
                await here.sync()
            assert await threads(here) == [{"m", "p"}]


async def test_m11_an_answer_inherits_the_one_contact_of_its_thread(tmp_path: Path):
    """In every order; and so does the answer to that answer. The address is stored nowhere."""
    steps = (
        letter("q", "ada@x.test", hours=9),
        letter("r", "eve@private.test", answers="q", hours=8),
        letter("s", "eve@private.test", answers="r", hours=7, sent=True),
    )

    rows, outcomes = await in_every_order(tmp_path, inheriting, steps)

    assert told(rows) == [("c1", "q"), ("c1", "r"), ("c1", "s")]
    assert outcomes == ["anna INBOX matched", "anna INBOX matched", "anna Sent matched"]


async def test_m11_is_told_as_via_thread(here: World):
    """The activity says how the contact was found, and whose address led there."""
    await inheriting(here)
    letter("q", "ada@x.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8)(here)
    await here.sync()

    rows = await here.rows("SELECT subject, via, roles FROM activity_feed ORDER BY 1")
    known = await here.rows("SELECT address FROM address ORDER BY 1")
    assert rows == [("q", "exact", '["from"]'), ("r", "thread", '["from"]')]
    assert known == [("ada@x.test",), ("bob@y.test",)]


async def test_m11_explain_names_the_address(here: World):
    """People are told whose address it may be, beside the rule and the contact."""
    await inheriting(here)
    letter("q", "ada@x.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8)(here)
    await here.sync()

    rules = here.rules()
    told = await here.store.read(lambda db: explain(db, rules, "<r@x>"))
    (message,) = told["messages"]
    (decision,) = message["decisions"]
    candidates = {one["address"]: one for one in decision["candidates"]}
    assert decision["outcome"] == "matched"
    assert candidates["eve@private.test"]["rule"] == "M11"
    assert [one["contact_id"] for one in candidates["eve@private.test"]["contacts"]] == ["c1"]


async def test_m11_off_is_the_default(here: World):
    """Nobody inherits unless it is asked for."""
    await here.mailbox("anna")
    await here.contacts(CONTACTS)
    letter("q", "ada@x.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8)(here)
    await here.sync()

    assert told([(r[0], 0, r[5]) for r in await here.activities()]) == [("c1", "q")]


async def test_m11_a_thread_of_two_contacts_gives_nobody(tmp_path: Path):
    """Whichever came first: what was inherited is taken back, its text with it."""
    steps = (
        letter("q", "ada@x.test", hours=9),
        letter("p", "bob@y.test", answers="q", hours=8.5),
        letter("r", "eve@private.test", answers="q", hours=8),
    )

    rows, outcomes = await in_every_order(tmp_path, inheriting, steps)

    assert told(rows) == [("c1", "q"), ("c2", "p")]
    assert "anna INBOX unmatched:no_contact" in outcomes


async def test_m11_what_comes_after_does_not_take_it_back(tmp_path: Path):
    """A contact who joins the thread later changes nothing of an earlier answer."""
    steps = (
        letter("q", "ada@x.test", hours=9),
        letter("r", "eve@private.test", answers="q", hours=8),
        letter("z", "bob@y.test", answers="q", hours=2),
    )

    rows, _ = await in_every_order(tmp_path, inheriting, steps)

    assert told(rows) == [("c1", "q"), ("c1", "r"), ("c2", "z")]


async def test_m11_a_lost_text_is_gone(here: World):
    """Of an answer that turned out to be nobody's no text stays."""
    await inheriting(here)
    letter("q", "ada@x.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8, subject="Secret")(here)
    await here.sync()
    letter("p", "bob@y.test", answers="q", hours=8.5)(here)
    await here.sync()

    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    assert "Secret" not in dump
    assert "eve@" not in dump


async def test_m11_an_answer_to_nothing_known_stays_nobodys(here: World):
    """A parent that concerns nobody has no thread to inherit from."""
    await inheriting(here)
    letter("q", "zoe@z.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8)(here)
    await here.sync()

    assert await here.activities() == []
    assert set((await here.outcomes()).values()) == {"unmatched:no_contact"}


async def test_m11_an_address_that_becomes_known_counts_for_itself(here: World):
    """Then the message is that contact's, and no longer inherited."""
    await inheriting(here)
    letter("q", "ada@x.test", hours=9)(here)
    letter("r", "eve@private.test", answers="q", hours=8)(here)
    await here.sync()
    await here.contacts({"c3": ["eve@private.test"]}, added_at=int(ago(days=9).timestamp() * 1000))
    await here.sync()

    rows = await here.rows("SELECT contact_id, via FROM activity_feed WHERE subject = 'r'")
    assert rows == [("c3", "exact")]


async def test_h2_what_is_taken_back_holds_no_thread_together(tmp_path: Path):
    """H2: a message that lost what it had inherited joins nobody, as if it had never had it."""
    ends = []
    for late in (False, True):
        async with world(tmp_path / str(late)) as here:
            await inheriting(here)
            earlier = letter("earlier", "bob@y.test", answers="first", hours=20)
            letter("first", "ada@x.test", hours=30)(here)
            if not late:
                earlier(here)
            letter("between", "stranger@z.test", answers="first", hours=10)(here)
            await here.sync()
            lent = [subject for (subject,) in await here.rows("SELECT subject FROM activity_feed")]
            assert ("between" in lent) is late
            letter("last", "bob@y.test", answers="between", hours=5)(here)
            await here.sync()
            if late:
                earlier(here)
                await here.sync()
            await here.check()
            ends.append(await threads(here))

    assert ends[0] == ends[1] == [{"earlier", "first"}, {"last"}]
