"""What becomes of copies by what was read of their headers, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.world import World, ago, world

from eisd.matcher.scan import Context, Item, Read, scan, unreadable
from eisd.store import mailboxes
from eisd.sync.loop import Life


class Shaky:
    """Reads headers; some it cannot, and something may happen while it reads."""

    def __init__(self, poison: bytes = b"") -> None:
        self.poison = poison
        self.contexts: list[Context] = []

    async def read(self, context: Context, items: Sequence[Item]) -> list[Read]:
        self.contexts.append(context)
        await self.meanwhile()
        return [
            unreadable(context, item)
            if self.poison and self.poison in item.header
            else scan(context, [item])[0]
            for item in items
        ]

    async def meanwhile(self) -> None:
        """Nothing."""


async def test_a_header_that_cannot_be_read_is_listed_as_poison(here: World):
    """It is an error that people see, it holds up nothing, and a resync gives it another try."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for subject in ("one", "awkward", "three"):
        anna.deliver("ada@x.test", subject=subject)
    here.reader = Shaky(b"awkward")
    await here.sync()
    await here.sync()

    assert sorted((await here.outcomes()).values()) == ["error:poison", "matched", "matched"]

    here.reader = None
    await here.store.write(lambda tx: tx.db.execute("UPDATE folder SET cursor = ''"))
    await here.sync()

    assert sorted((await here.outcomes()).values()) == ["matched"] * 3
    assert len(await here.activities()) == 3


async def test_listed_again_poison_stays_what_it_is(here: World):
    """A second listing that cannot read it either neither hides nor doubles it."""
    anna = await here.mailbox()
    here.reader = Shaky(b"awkward")
    anna.deliver("ada@x.test", subject="awkward")
    await here.sync()
    await here.store.write(lambda tx: tx.db.execute("UPDATE folder SET cursor = ''"))
    await here.sync()

    assert list((await here.outcomes()).values()) == ["error:poison"]


async def test_colleagues_that_come_while_a_batch_is_read_are_colleagues(tmp_path: Path):
    """A batch read by other people than the writer's is judged again (I5, S5)."""
    async with world(tmp_path) as here:
        anna = await here.mailbox("anna")
        anna.deliver("anna@lab.test", "bert@lab.test", at=ago(hours=2))
        reader = here.reader = Shaky()

        async def hired() -> None:
            if "bert" not in here.boxes:
                await here.mailbox("bert")

        reader.meanwhile = hired  # type: ignore[method-assign]
        await here.sync("anna")
        outcomes = await here.outcomes()

        assert list(outcomes.values()) == ["skipped:internal"]
        assert len(reader.contexts[0].people.staff["default"].exact) == 1


async def test_the_next_batch_is_read_by_the_new_people(tmp_path: Path):
    """Once the writer has said so, headers are read by the people that are."""
    async with world(tmp_path) as here:
        anna = await here.mailbox("anna")
        for _ in range(50):
            anna.deliver("ada@x.test")
        reader = here.reader = Shaky()

        async def hired() -> None:
            if "bert" not in here.boxes:
                await here.mailbox("bert")

        reader.meanwhile = hired  # type: ignore[method-assign]
        await here.sync("anna")
        known = [len(context.people.staff["default"].exact) for context in reader.contexts]

        assert known == sorted(known)
        assert (known[0], known[-1]) == (1, 2)


async def test_a_message_whose_copies_were_forgotten_is_known_again(here: World):
    """Its text outlives a mailbox that is forgotten; another's copy needs no second fetch."""
    anna, bert = await here.mailbox("anna"), await here.mailbox("bert")
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test", message_id="<one@x.test>")
    await here.sync("anna")
    await here.store.write(lambda tx: mailboxes.forget(tx.db, anna.id))
    bert.deliver("ada@x.test", message_id="<one@x.test>", to="anna@lab.test")
    await Life(here.start("bert")).once()

    assert list((await here.outcomes()).values()) == ["matched"]
    assert await here.rows("SELECT count(*) FROM message") == [(1,)]
    assert len(await here.activities()) == 1
