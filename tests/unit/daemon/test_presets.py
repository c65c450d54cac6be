"""Each preset behaves as the product it is named after, with that one setting and no other.

Every scene is played twice, under the preset and under the default, and differs where it should.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.mail import make
from lab.world import InlineParser, ago

from eisd.config.load import load
from eisd.daemon.core import Core
from eisd.driver.memory import MemoryDriver
from eisd.driver.memory_mailbox import MemoryMailbox
from eisd.driver.registry import registry_of
from eisd.mime.addresses import address_key, relaxed_key
from eisd.model.contact import AddressIn, ContactIn
from eisd.store.database import Tx
from eisd.sync.importing import Given
from eisd.sync.record import forget_people

MAILBOXES = {"anna": "default", "bert": "default", "cara": "sales"}
OURS = "us.test"
ADA, EVE = "ada@x.test", "eve@y.test"


class Driver(MemoryDriver):
    """The memory driver, with a password of the configuration."""

    def options(self, table: Mapping[str, object], *, address: str) -> str:
        del table
        return address


class Office:
    """Three mailboxes of one company; the third one's people have contacts of their own."""

    def __init__(self, core: Core, boxes: dict[str, MemoryMailbox]) -> None:
        self.core = core
        self.boxes = boxes
        self.ids: dict[str, str] = {}

    def deliver(
        self,
        author: str,
        to: str | Sequence[str],
        subject: str,
        *,
        box: str = "anna",
        at: datetime | None = None,
        folder: str = "",
        **parts: Any,
    ) -> None:
        """Put a message into a mailbox; into Sent if its own address wrote it."""
        own = author == f"{box}@{OURS}"
        when = at or ago(hours=2)
        rfc822 = make(author, to, subject, date=when, **parts)
        self.boxes[box].deliver(rfc822, folder or ("Sent" if own else "INBOX"), gate_at=when)

    async def sync(self) -> None:
        """Bring everything up to date, as `eisd run --once` does."""
        assert not any((await self.core.once()).values())
        if (await self.core.retro.drain()).pending:
            assert not any((await self.core.once()).values())

    async def connected_long_ago(self) -> None:
        """Let the mailboxes have been connected for a hundred days."""

        def shift(tx: Tx) -> None:
            tx.db.execute("UPDATE feed SET connected_at = connected_at - 8640000000")
            forget_people(tx)

        await self.sync()
        await self.core.store.write(shift)

    async def contact(self, contact_id: str, *addresses: str, workspace: str = "default") -> None:
        """Import a contact; the first address is primary."""
        hasher = self.core.hasher
        given = []
        for number, address in enumerate(addresses):
            keys = hasher.address(address_key(address), relaxed_key(address_key(address)))
            given.append(
                AddressIn(address, address_key(address), keys.exact, keys.relaxed, number == 0)
            )
        person = ContactIn(workspace, contact_id, contact_id.title(), "", "", tuple(given))
        await self.core.import_contacts(Given.of([person]), replace=False)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.core.store.read(lambda db: db.execute(sql).fetchall())

    async def subjects(self) -> list[str]:
        """What became an activity."""
        rows = await self.rows("SELECT DISTINCT subject FROM activity_feed ORDER BY 1")
        return [row[0] for row in rows]

    async def contacts(self) -> list[str]:
        """The addresses of all contacts."""
        return [row[0] for row in await self.rows("SELECT address FROM address ORDER BY 1")]


def write(folder: Path, config: str) -> None:
    """Put a configuration and the one secret into a new folder."""
    folder.mkdir()
    (folder / "config.toml").write_text(config)
    secret = folder / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)


@asynccontextmanager
async def office(folder: Path, preset: str) -> AsyncIterator[Office]:
    """A core whose configuration holds its mailboxes and, but for the preset, nothing else."""
    tables = [f'preset = "{preset}"', '[daemon]\nstate_dir = "state"']
    tables += [
        f'[mailboxes.{name}]\naddress = "{name}@{OURS}"\nowner = "{name}"\ndriver = "memory"\n'
        f'workspaces = ["{workspace}"]\nmemory = {{ password = {{ file = "secret" }} }}'
        for name, workspace in MAILBOXES.items()
    ]
    await asyncio.to_thread(write, folder, "\n".join(tables))
    boxes = {name: MemoryMailbox() for name in MAILBOXES}
    registry = registry_of(Driver({f"{name}@{OURS}": box for name, box in boxes.items()}))
    loaded = await asyncio.to_thread(load, folder / "config.toml", check_driver=registry.check)
    core = await Core.open(loaded, registry)
    core.services.parser = InlineParser()
    try:
        yield Office(core, boxes)
    finally:
        await core.close()


@pytest.fixture(params=["preset", "default"])
async def played(request: pytest.FixtureRequest) -> bool:
    """Whether the scene is played under the preset."""
    return request.param == "preset"  # type: ignore[no-any-return]


async def test_relate_a_new_address_has_its_past_within_the_window(tmp_path: Path, played: bool):
    """Relate matches anew what came before, down to where the window begins."""
    async with office(tmp_path / "o", "relate" if played else "default") as here:
        await here.connected_long_ago()
        await here.contact("c1", ADA)
        here.deliver(EVE, f"anna@{OURS}", "recent", at=ago(days=3))
        here.deliver(EVE, f"anna@{OURS}", "ancient", at=ago(days=90))
        await here.sync()
        await here.contact("c1", ADA, EVE)
        await here.sync()

        assert await here.subjects() == (["recent"] if played else [])


async def test_realpad_primary_addresses_and_any_staff(tmp_path: Path, played: bool):
    """Realpad looks at primary addresses, and not at mail that another colleague is part of."""
    async with office(tmp_path / "o", "realpad" if played else "default") as here:
        await here.contact("c1", ADA, EVE)
        here.deliver(ADA, f"anna@{OURS}", "primary")
        here.deliver(EVE, f"anna@{OURS}", "second")
        here.deliver(ADA, [f"anna@{OURS}", f"bert@{OURS}"], "both", message_id="<b@x>")
        here.deliver(ADA, [f"anna@{OURS}", f"bert@{OURS}"], "both", message_id="<b@x>", box="bert")
        await here.sync()

        assert here.core.settings.sync.window.days == 30
        assert await here.subjects() == (["primary"] if played else ["both", "primary", "second"])


async def test_freshsales_makes_contacts_of_both_sides(tmp_path: Path, played: bool):
    """Freshsales makes contacts of whom staff writes to and of who writes."""
    async with office(tmp_path / "o", "freshsales" if played else "default") as here:
        here.deliver(f"Eve <{EVE}>", f"anna@{OURS}", "in")
        here.deliver(f"anna@{OURS}", f"Ada <{ADA}>", "out")
        here.deliver("no-reply@shop.test", f"anna@{OURS}", "order")
        await here.sync()

        assert await here.contacts() == ([ADA, EVE] if played else [])
        assert await here.subjects() == (["in", "out"] if played else [])


async def test_affinitylive_staff_of_all_is_staff_for_each(tmp_path: Path, played: bool):
    """AffinityLive holds mail between its users internal, whichever contacts they have."""
    async with office(tmp_path / "o", "affinitylive" if played else "default") as here:
        await here.contact("s1", f"anna@{OURS}", workspace="sales")
        here.deliver(f"anna@{OURS}", f"cara@{OURS}", "hello", box="cara")
        await here.sync()

        assert here.core.settings.sync.interval == (1800 if played else 300)
        assert await here.subjects() == ([] if played else ["hello"])


async def test_uspacy_reads_chosen_folders_of_a_month(tmp_path: Path, played: bool):
    """Uspacy syncs the folders one selects; where none is named, the inbox and Sent."""
    async with office(tmp_path / "o", "uspacy" if played else "default") as here:
        await here.contact("c1", ADA)
        here.boxes["anna"].create_folder("Deals")
        here.deliver(ADA, f"anna@{OURS}", "inbox")
        here.deliver(f"anna@{OURS}", ADA, "sent")
        here.deliver(ADA, f"anna@{OURS}", "filed", folder="Deals")
        here.deliver(ADA, f"anna@{OURS}", "old", at=ago(days=40))
        await here.sync()

        expected = ["inbox", "sent"] if played else ["filed", "inbox", "sent"]
        assert await here.subjects() == expected


async def test_once_ends_with_nothing_left_to_fetch(tmp_path: Path, monkeypatch):
    """What one mailbox's mail makes wanted in another is fetched in the same run."""
    async with office(tmp_path / "o", "close") as here:
        await here.contact("c1", ADA)
        parse = here.core.services.parser.parse
        answered = asyncio.Event()

        async def late(messages: Any) -> Any:
            """Anna's text comes only when Bert's mailbox has been looked through."""
            await answered.wait()
            return await parse(messages)

        monkeypatch.setattr(here.core.services.parser, "parse", late)
        here.deliver(ADA, f"anna@{OURS}", "question", message_id="<q@x>", at=ago(hours=3))
        here.deliver(EVE, f"bert@{OURS}", "answer", in_reply_to="<q@x>", box="bert")
        running = asyncio.create_task(here.core.once())
        listed = "SELECT 1 FROM message_outcomes WHERE mailbox = 'bert'"
        while not await here.rows(listed):  # noqa: ASYNC110 - the row is the only sign
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        answered.set()
        assert not any((await running).values())

        assert await here.subjects() == ["answer", "question"]


async def test_close_inherits_looks_back_and_knows_its_domain(tmp_path: Path, played: bool):
    """Close gives an answer to the thread's contact, and a new address all of its past."""
    async with office(tmp_path / "o", "close" if played else "default") as here:
        await here.connected_long_ago()
        await here.contact("c1", ADA)
        await here.contact("c2", f"dave@{OURS}")
        here.deliver(ADA, f"anna@{OURS}", "question", message_id="<q@x>", at=ago(days=5))
        here.deliver("ada@home.test", f"anna@{OURS}", "answer", in_reply_to="<q@x>")
        here.deliver(f"dave@{OURS}", f"anna@{OURS}", "colleague", at=ago(minutes=1))
        here.deliver(EVE, f"anna@{OURS}", "past", at=ago(days=20))
        await here.sync()
        await here.contact("c1", ADA, EVE)
        await here.sync()

        expected = ["answer", "past", "question"] if played else ["colleague", "question"]
        assert await here.subjects() == expected


async def test_twenty_makes_contacts_of_whom_one_writes_to(tmp_path: Path, played: bool):
    """Twenty: of sent mail, no free mail, no lists, no colleagues, and everybody sees all."""
    async with office(tmp_path / "o", "twenty" if played else "default") as here:
        await here.contact("c1", ADA)
        listed = {"List-Id": "<team.x.test>"}
        here.deliver(f"anna@{OURS}", [EVE, "bob@gmail.com", f"dave@{OURS}"], "out")
        here.deliver("zoe@z.test", f"anna@{OURS}", "in")
        here.deliver(ADA, f"anna@{OURS}", "list", headers=listed)
        here.deliver(ADA, f"anna@{OURS}", "plain")
        await here.sync()

        assert await here.contacts() == ([ADA, EVE] if played else [ADA])
        assert await here.subjects() == (["out", "plain"] if played else ["list", "plain"])
        levels = await here.rows("SELECT DISTINCT visibility FROM activity_feed")
        assert levels == [("full" if played else "subject",)]


async def test_s1_a_providers_aliases_are_staff(tmp_path: Path):
    """What the provider tells at login is in S from then on, and over a restart."""
    async with office(tmp_path / "o", "default") as here:
        await here.contact("c1", ADA)
        here.boxes["anna"].aliases = ("sales@us-too.test",)
        here.deliver("sales@us-too.test", f"bert@{OURS}", "internal", box="bert")
        here.deliver("sales@us-too.test", ADA, "offer", box="anna", folder="Sent")
        await here.sync()

        assert await here.rows("SELECT subject, direction FROM activity_feed") == [
            ("offer", "outgoing")
        ]
        reasons = await here.rows(
            "SELECT reason FROM message_outcomes WHERE mailbox = 'bert' AND folder = 'INBOX'"
        )
        assert reasons == [("internal",)]
        await here.core._configure(here.core.loaded)
        here.deliver("sales@us-too.test", f"bert@{OURS}", "again", box="bert")
        await here.sync()
        assert await here.subjects() == ["offer"]
