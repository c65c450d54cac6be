"""A mailbox that signs in by OAuth, in a whole daemon, against Dovecot with token logins."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest
from lab.idp import Fault
from lab.keeping import until
from lab.signed import daemon
from lab.tokens import TokenServer

from eisd.auth import keeper as keeping
from eisd.sync import loop

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    """What is a minute in the field is a moment here."""
    monkeypatch.setenv("LAB_SECRET", "s3cret")
    monkeypatch.setattr(keeping, "RECHECK", 0.0)
    monkeypatch.setattr(loop, "FRESH_LOGIN", 0.2)


def named(events: list[dict[str, object]], name: str) -> list[dict[str, object]]:
    """The events of a name."""
    return [one for one in events if one["event"] == name]


async def test_sign_in_sync_and_a_new_session_before_the_token_ends(
    tmp_path: Path, server: TokenServer, events
):
    """It waits for a person, goes on by itself, and outlives its tokens unseen, in mid-IDLE."""
    async with (
        server.idp(lifetime=4.0, rotate=True) as idp,
        daemon(tmp_path, server, idp, vendor="microsoft") as anna,
    ):
        await anna.deliver("before")
        await anna.until("problematic:auth")
        assert "eisd auth login anna" in anna.core.mailboxes["anna"].detail
        assert (await anna.sign_in(idp))["stored"]
        await anna.until("idle")
        await anna.arrived("before")
        states = len(named(events, "mailbox.state_changed"))
        logins = len(named(events, "imap.connected"))
        await until(lambda: idp.count("refresh_token") >= 2, 40)
        await until(lambda: len(named(events, "imap.connected")) >= logins + 2, 40)
        await anna.deliver("after")
        await anna.arrived("after", "before")
        assert len(named(events, "mailbox.state_changed")) == states
        assert named(events, "imap.disconnected") == []


async def test_an_ended_sign_in_is_said_once_and_continues_after_the_next(
    tmp_path: Path, server: TokenServer, events
):
    """Consent withdrawn: problematic once, data kept; then no gap and no double."""
    async with server.idp() as idp, daemon(tmp_path, server, idp, start=False) as anna:
        await anna.sign_in(idp)
        await anna.core.start()
        await anna.deliver("one")
        await anna.until("idle")
        await anna.arrived("one")
        idp.revoke(anna.address)
        await anna.cut()
        await anna.until("problematic:auth")
        await anna.deliver("two")
        anna.core.reconnect("anna")
        asked = idp.count("refresh_token")
        await until(lambda: len(named(events, "auth.refused")) >= 1)
        assert idp.count("refresh_token") <= asked + 1
        await anna.sign_in(idp)
        await anna.until("idle")
        await anna.arrived("one", "two")
        assert len(named(events, "auth.refused")) == 1
        changes = [one["to"] for one in named(events, "mailbox.state_changed")]
        assert changes.count("problematic") == 1


async def test_a_revoked_token_is_replaced_without_a_person(
    tmp_path: Path, server: TokenServer, events
):
    """The server takes the token no more, the provider gives another: nobody is told."""
    async with server.idp() as idp, daemon(tmp_path, server, idp, start=False) as anna:
        await anna.sign_in(idp)
        await anna.core.start()
        await anna.until("idle")
        idp.access.clear()
        await anna.cut()
        await until(lambda: idp.count("refresh_token") == 1)
        await anna.deliver("one")
        await anna.arrived("one")
        assert named(events, "auth.refused") == []


async def test_a_token_without_the_mail_scope_is_a_persons_business(
    tmp_path: Path, server: TokenServer, events
):
    """The new token is refused as the old one: no loop, one event."""
    async with server.idp() as idp, daemon(tmp_path, server, idp, start=False) as anna:
        await anna.sign_in(idp)
        for token in (*idp.access.values(), *idp.refresh.values()):
            token.scope = "openid"
        await anna.core.start()
        await anna.until("problematic:auth")
        assert idp.count("refresh_token") <= 2
        await until(lambda: len(named(events, "auth.refused")) == 1)


async def test_a_provider_that_is_down_is_no_refusal(tmp_path: Path, server: TokenServer, events):
    """Neither the mail server's provider nor ours: it backs off, and goes on by itself."""
    async with server.idp(lifetime=3600) as idp:
        async with daemon(tmp_path, server, idp, start=False) as anna:
            await anna.sign_in(idp)
            grant = await anna.core.keeper.grants.load("anna")
            assert grant is not None
            idp.access.clear()
            idp.faults = [Fault(503)] * 50
            await anna.core.start()
            await anna.until("backing_off")
            idp.faults.clear()
            await anna.deliver("one")
            anna.core.reconnect("anna")
            await anna.arrived("one")
        assert named(events, "auth.refused") == []


async def test_throttling_at_the_token_endpoint_is_shown_as_such(
    tmp_path: Path, server: TokenServer
):
    """429 with Retry-After: the mailbox is throttled, for as long as it was told."""
    async with server.idp() as idp, daemon(tmp_path, server, idp, start=False) as anna:
        await anna.sign_in(idp)
        idp.access.clear()
        idp.faults = [Fault(429, "", {"Retry-After": "600"})]
        await anna.core.start()
        await anna.until("throttled")
        mailbox = anna.core.mailboxes["anna"]
        await until(lambda: mailbox.retry_at is not None)
        assert (mailbox.retry_at or 0) - monotonic() > 500
