"""A mailbox's life: what each kind of trouble leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from lab.world import InlineParser, World, ago
from unit.sync.living import Hasty, Records, halted, living, state_is, until

from eisd.errors import Misconfigured, Transient
from eisd.model.mail import Parsed, RawMessage
from eisd.model.mailbox import MailboxState
from eisd.sync import engine, fetch, lane
from eisd.sync.loop import Life
from eisd.sync.mailbox import Mailbox


def changes(events: Records, to: str) -> Records:
    """The log's lines about entering a state."""
    return [e for e in events if e["event"] == "mailbox.state_changed" and e["to"] == to]


async def test_refused_credentials_are_told_once_and_not_hammered(here: World, events: Records):
    """Two minutes, then hours: no provider is made to lock a mailbox out (RF14)."""
    anna = await here.mailbox()
    anna.provider.password = "changed"

    mailbox, pauses = await halted(here, 6)

    assert mailbox.state is MailboxState.PROBLEMATIC
    assert pauses[0] == 120
    assert all(pause >= 150 for pause in pauses[1:])
    assert max(pauses) <= 6 * 3600
    told = changes(events, "problematic")
    assert [(one["level"], one["reason"]) for one in told] == [("error", "auth")]
    assert told[0]["detail"].startswith("the password is wrong; ")
    ((state, reason, detail),) = await here.rows("SELECT state, reason, detail FROM mailbox_status")
    assert (state, reason) == ("problematic", "auth")
    assert "eisd mailbox reconnect anna" in detail
    assert len([one for one in events if one["event"] == "auth.refused"]) == 1


async def test_a_probe_does_not_move_the_moment_a_problem_began(here: World):
    """`since` says when a person was first needed, however often it was tried again."""
    anna = await here.mailbox()
    anna.provider.password = "changed"
    mailbox = here.start()
    life = Hasty(mailbox, 30)
    async with living(life), asyncio.timeout(10):

        async def refused() -> object:
            return await here.rows("SELECT 1 FROM mailbox_status WHERE state = 'problematic'")

        await until(refused)
        first = await here.rows("SELECT since FROM mailbox_status")
        await life.halted.wait()

    assert await here.rows("SELECT since FROM mailbox_status") == first


async def test_an_outage_does_not_hide_that_a_person_is_needed(here: World):
    """Only a login that works ends the problem; trouble on the way to it does not."""
    anna = await here.mailbox()
    anna.provider.password = "changed"
    mailbox = here.start()
    life = Hasty(mailbox, 6)
    async with living(life), asyncio.timeout(10):
        await until(state_is(mailbox, MailboxState.PROBLEMATIC))
        anna.provider.fail("connect", times=1_000)
        await life.halted.wait()

    assert (mailbox.state, mailbox.reason) == (MailboxState.PROBLEMATIC, "auth")


async def test_mended_credentials_end_the_problem(here: World):
    """Once a probe succeeds, nothing of the problem is left."""
    anna = await here.mailbox()
    anna.provider.password = "changed"
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.PROBLEMATIC))
        anna.provider.password = "secret"

        async def mended() -> bool:
            rows = await here.rows("SELECT state, reason, detail FROM mailbox_status")
            return rows == [("idle", "", "")]

        await until(mended)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("tls", "tls"),
        ("permission", "permission"),
        ("server", "server"),
        ("config", "config"),
        ("anything", "config"),
    ],
)
async def test_what_only_a_person_can_mend_has_its_reason(here: World, code: str, reason: str):
    """The reasons are a closed list, and the way out is the driver's own."""
    anna = await here.mailbox()
    anna.provider.fail("connect", Misconfigured("no way", code=code, hint="do this"), times=99)

    mailbox, pauses = await halted(here, 2)

    assert (mailbox.state, mailbox.reason) == (MailboxState.PROBLEMATIC, reason)
    assert mailbox.detail == "no way; do this"
    assert all(450 <= pause <= 3600 for pause in pauses)


async def test_trouble_that_passes_is_tried_again_at_growing_intervals(
    here: World, events: Records
):
    """Each step doubles what jitter may take from, and each try is counted."""
    anna = await here.mailbox()
    anna.provider.fail("connect", times=8)

    _, pauses = await halted(here, 8)

    for number, pause in enumerate(pauses):
        assert 0.5 <= pause <= 2**number
    lost = [one for one in events if one["event"] == "imap.disconnected"]
    assert [one["attempt"] for one in lost] == list(range(1, 9))


async def test_a_provider_that_asks_for_rest_gets_it(here: World, events: Records):
    """Throttled for as long as it says (RF16)."""
    anna = await here.mailbox()
    slow = Transient("slowly", code="throttled", retry_after=77.0)
    anna.provider.fail("changed", slow, times=2)

    mailbox, pauses = await halted(here, 2)

    assert mailbox.state is MailboxState.THROTTLED
    assert pauses == [77.0, 77.0]
    asked = [one for one in events if one["event"] == "provider.throttled"]
    assert [one["retry_after_s"] for one in asked] == [77.0, 77.0]


async def test_a_login_that_does_not_last_is_not_repeated_at_once(here: World):
    """A connection forgives only those before it that it outlived."""
    anna = await here.mailbox()
    anna.provider.fail("folders", times=12)

    _, pauses = await halted(here, 12)

    assert max(pauses) > 5
    assert all(pause >= 1 for pause in pauses)


async def test_a_fault_of_ours_restarts_the_mailbox_alone(here: World, events: Records):
    """An exception nobody foresaw is logged, and the mailbox starts anew (RF55)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test")
    rules, broken = here.rules, [True]

    def fickle() -> Any:
        if broken:
            broken.clear()
            raise ZeroDivisionError
        return rules()

    here.rules = fickle  # type: ignore[method-assign]
    mailbox = here.start()
    life = Hasty(mailbox)
    async with living(life):
        await until(here.activities)

    assert life.pauses[0] >= 5
    assert [one["task"] for one in events if one["event"] == "task.crashed"] == ["anna"]


async def test_a_fault_of_ours_in_the_lane_is_no_silence(here: World, events: Records):
    """The lane goes on after an error nobody foresaw, and the log says so."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(30):
        anna.deliver("ada@x.test", subject=f"n{number}")
    parse, broken = here.parser.parse, [True]

    async def fickle(messages: Any) -> Any:
        if broken:
            broken.clear()
            raise ZeroDivisionError
        return await parse(messages)

    here.parser.parse = fickle  # type: ignore[method-assign]
    mailbox = here.start()
    async with living(Hasty(mailbox)):
        await until(state_is(mailbox, MailboxState.IDLE))
        async with asyncio.timeout(10):
            assert await mailbox.caught_up(None)

    assert len(await here.activities()) == 30
    assert [one["task"] for one in events if one["event"] == "task.crashed"] == ["anna"]


async def test_a_server_that_takes_one_connection_is_enough(here: World):
    """The first session fetches what the lane may not (RF16)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(40):
        anna.deliver("ada@x.test", subject=f"n{number}")
    anna.provider.fail("connect", after=1, times=1_000)
    mailbox = here.start()

    async with living(Hasty(mailbox)):
        async with asyncio.timeout(10):
            await mailbox.caught_up(None)
        assert len(await here.activities()) == 40
        anna.deliver("ada@x.test", subject="later")

        async def came() -> bool:
            return len(await here.activities()) == 41

        await until(came)


class Slow(InlineParser):
    """A parser that has not finished by the end of the first pass."""

    mailbox: Mailbox
    begun = 0
    """Messages it was given."""

    async def parse(self, messages: Any) -> Any:
        """Parse when everything is listed."""
        self.begun += len(messages)
        while not self.mailbox.passes:  # noqa: ASYNC110  it rings no bell for that
            await asyncio.sleep(0.01)
        return await super().parse(messages)


async def test_what_is_being_fetched_at_the_end_is_not_begun_anew(here: World):
    """A single pass waits for its lane: nothing is fetched and parsed a second time."""
    anna = await here.mailbox()
    await here.contact("carla", "carla@customer.test")
    for _ in range(20):
        anna.deliver("carla@customer.test")
    here.parser = parser = Slow()
    mailbox = parser.mailbox = here.start()

    async with asyncio.timeout(30):
        await Life(mailbox).once()

    assert parser.begun == 20
    assert len(await here.activities()) == 20


class Counting(InlineParser):
    """It notes how many messages it is given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    async def parse(self, messages: Sequence[RawMessage], *, html: bool = False) -> list[Parsed]:
        self.groups.append(len(messages))
        return await super().parse(messages, html=html)


async def test_while_the_past_is_listed_whole_groups_are_fetched(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    """A few matches a batch are not a request, a turn of the parser and a transaction each."""
    monkeypatch.setattr(engine, "MUCH", 0)
    monkeypatch.setattr(lane, "PATIENCE", 30.0)
    anna = await here.mailbox()
    await here.contact("carla", "carla@customer.test")
    for n in range(2 * fetch.GROUP + 5):
        anna.deliver("carla@customer.test", at=ago(minutes=n + 1))
    here.parser = parser = Counting()

    async with asyncio.timeout(60):
        await Life(here.start()).once()

    assert parser.groups[0] == fetch.GROUP  # of seven in each batch that is listed
    assert len(await here.activities()) == 2 * fetch.GROUP + 5
