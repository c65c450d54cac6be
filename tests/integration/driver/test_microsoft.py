"""The Microsoft driver on a real Dovecot behind a front that speaks Exchange's IMAP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from integration.driver.fronted import SMALL, Fronted, fronted
from lab import dialect
from lab.certs import Certs
from lab.dovecot import Dovecot, Options
from lab.world import World, world
from unit.sync.living import Hasty, living

from eisd.driver.interface import Step
from eisd.errors import AuthRejected, Transient
from eisd.model.folder import FolderRole, Window
from eisd.model.mailbox import MailboxState
from eisd_microsoft import MicrosoftDriver

SENT = "Gesendete Elemente"
NAMES = (
    SENT, "Entwürfe", "Gelöschte Elemente", "Junk-E-Mail", "Postausgang", "Archiv",
    "Kalender", "Kontakte", "Aufgaben", "Notizen", "Journal", "Synchronisierungsprobleme",
    "Kunden",
)  # fmt: skip


@pytest.fixture(scope="module")
def exchange_server(certs: Certs) -> Iterator[Dovecot]:
    """A Dovecot whose folders are those of a German Exchange, and nothing says what they are."""
    folders = {f'"{name}"': None for name in NAMES}
    with Dovecot(certs, Options(folders=folders, special_use=False)) as server:
        yield server


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A world with an empty database, whole at the end."""
    async with world(tmp_path) as made:
        yield made
        await made.check()


@pytest.fixture
async def exchange(here: World, exchange_server: Dovecot) -> AsyncIterator[Fronted]:
    """A mailbox at Exchange Online."""
    driver = MicrosoftDriver(SMALL)
    async with fronted(here, exchange_server, driver, dialect.EXCHANGE) as found:
        yield found


async def test_folders_are_known_by_their_names(exchange: Fronted):
    """Without special use, in the owner's language: mail is read, all the rest is left alone."""
    for name in ("INBOX", "Kunden", "Kalender", "Junk-E-Mail", "Entwürfe"):
        await exchange.put(name, subject=name)
    await exchange.put(SENT, outgoing=True)
    await exchange.sync()
    assert set(await exchange.outcomes()) == {
        ("INBOX", "matched"),
        ("Kunden", "matched"),
        (SENT, "matched"),
    }
    rows = await exchange.here.rows("SELECT box FROM activity_copies ORDER BY box")
    assert rows == [("received",), ("received",), ("sent",)]
    assert not {"CONDSTORE", "SPECIAL-USE"} & set(exchange.front.tongue.after.decode().split())


async def test_a_shared_mailbox_is_opened_with_anothers_token(exchange: Fronted):
    """The user name is the mailbox's own address, whoever the token belongs to."""
    shared = exchange.user
    exchange.front.tokens = {exchange.token: shared}
    async with exchange.session() as session:
        assert {f.role for f in await session.folders()} >= {FolderRole.INBOX, FolderRole.SENT}
    assert exchange.front.logins == [f"token {shared}"]


async def test_a_token_that_opens_nothing_is_laid_before_a_person(exchange: Fronted):
    """Accepted and not connected: tried again twice, then told as a permission that lacks."""
    exchange.front.tokens = {exchange.token: ""}
    mailbox = exchange.start()
    life = Hasty(mailbox, 2)
    async with living(life), asyncio.timeout(20):
        await life.halted.wait()
        assert mailbox.state is MailboxState.BACKING_OFF
    mailbox = exchange.start()
    life = Hasty(mailbox, 3)
    async with living(life), asyncio.timeout(20):
        await life.halted.wait()
    assert (mailbox.state, mailbox.reason) == (MailboxState.PROBLEMATIC, "permission")
    assert "IMAP is enabled" in mailbox.detail
    assert life.pauses[-1] >= 400, "it is probed now and then, not hammered"
    exchange.front.tokens = {exchange.token: exchange.user}
    await exchange.put("INBOX")
    await exchange.sync()
    assert len(await exchange.here.activities()) == 1


async def test_the_suggested_pause_is_kept(exchange: Fronted):
    """Exchange says for how long it wants to be left alone, in milliseconds."""
    throttled = b"{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n"
    exchange.front.answer("EXAMINE", throttled + b"* BYE Connection closed. 14\r\n", close=True)
    await exchange.put("INBOX")
    with pytest.raises(Transient) as raised:
        await exchange.sync()
    assert (raised.value.code, raised.value.retry_after) == ("throttled", 299.961)
    await exchange.sync()
    assert len(await exchange.here.activities()) == 1


async def test_a_token_ends_in_the_middle_of_idle(exchange: Fronted):
    """The session is cut when its token ends; the next one lists what came meanwhile, once."""
    await exchange.put("INBOX")
    async with exchange.session() as session:
        (inbox,) = [f for f in await session.folders() if f.role is FolderRole.INBOX]
        cursor = [b async for b in session.scan(inbox, Window())][-1].cursor
        waiting = asyncio.ensure_future(session.wait(inbox, 20))
        while b"IDLE" not in exchange.front.commands:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)
        exchange.front.expire(exchange.token)
        with pytest.raises(Transient) as raised:
            await waiting
    assert "AccessTokenExpired" in str(raised.value)
    await exchange.put("INBOX", subject="Meanwhile")
    exchange.token = "token-2"
    exchange.front.tokens["token-2"] = exchange.user
    async with exchange.session() as session:
        fresh = [c async for b in session.scan(inbox, cursor) for c in b.copies]
    assert len(fresh) == 1


async def test_a_refused_token_names_the_way_out(exchange: Fronted):
    """Whoever signed in may be the wrong one: the sentence says what to look at."""
    exchange.front.tokens = {}
    with pytest.raises(AuthRejected) as raised:
        await exchange.sync()
    assert "eisd auth login" in raised.value.hint


async def test_probing_tells_what_a_mailbox_cannot_do(exchange: Fronted):
    """`mailbox test` ends at the login, with what to check, when the token opens nothing."""
    exchange.front.tokens = {exchange.token: ""}
    steps: list[Step] = [
        step async for step in exchange.driver.probe(exchange.options, exchange.start().plan.login)
    ]
    assert (steps[-1].name, steps[-1].ok) == ("auth", False)
    assert "FullAccess" in steps[-1].detail
