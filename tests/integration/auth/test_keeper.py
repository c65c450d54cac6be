"""The keeper of tokens against a provider that behaves, and one that does not."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from pathlib import Path

import pytest
from lab.idp import Fault, Idp
from lab.keeping import ANNA, app_of, keeping, refresh_elsewhere, signed_in, until
from lab.world import Login

from eisd.auth import keeper as module
from eisd.auth.keeper import Holder
from eisd.auth.login import TokenLogin
from eisd.errors import AuthRejected, Misconfigured, Transient

OLD = 3500.0
"""The age of a sign-in whose token is due."""


async def test_a_token_is_used_while_it_is_fresh(tmp_path: Path):
    """The provider is not asked; the token comes from the sealed store."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        grant = await signed_in(keeper, idp)
        assert (await keeper.grant(ANNA)).access_token == grant.access_token
        assert idp.count("refresh_token") == 0
        assert grant.access_token.encode() not in (tmp_path / "secrets.db").read_bytes()


@pytest.mark.parametrize("vendor", ["google", "microsoft"])
async def test_a_token_is_replaced_before_it_ends(tmp_path: Path, vendor: str):
    """Google's refresh token stays, Microsoft's is replaced by the new one, durably."""
    async with Idp() as idp, keeping(tmp_path, app_of(getattr(idp, vendor)())) as keeper:
        before = await signed_in(keeper, idp, age=OLD)
        after = await keeper.grant(ANNA)
        assert after.access_token != before.access_token
        assert (after.refresh_token == before.refresh_token) == (vendor == "google")
        assert await keeper.grants.load("anna") == after
        assert keeper.expiring == {"anna": after.expires_at}


async def test_many_askers_cause_one_refresh(tmp_path: Path):
    """A mailbox's connections ask at once; rotation would punish a second refresh."""
    async with Idp(rotate=True) as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        await signed_in(keeper, idp, age=OLD)
        grants = await asyncio.gather(*(keeper.grant(ANNA) for _ in range(20)))
        assert len({grant.access_token for grant in grants}) == 1
        assert idp.count("refresh_token") == 1


async def test_twenty_mailboxes_refresh_at_once(tmp_path: Path):
    """Each gets its own token, over a few connections."""
    async with Idp(rotate=True) as idp, keeping(tmp_path, app_of(idp.microsoft())) as keeper:
        holders = [Holder(f"m{n}", "app", f"m{n}@lab.test") for n in range(20)]
        for holder in holders:
            await signed_in(keeper, idp, holder, age=OLD)
        grants = await asyncio.gather(*(keeper.grant(holder) for holder in holders))
        assert [idp.access[g.access_token].user for g in grants] == [h.address for h in holders]
        assert idp.count("refresh_token") == 20


async def test_one_refresh_for_daemon_and_command(tmp_path: Path):
    """Two processes at once: one refreshes, the other finds the result (no reuse, no loss)."""
    spawn = multiprocessing.get_context("spawn")
    async with Idp(rotate=True) as idp:
        table = idp.google()
        async with keeping(tmp_path, app_of(table)) as keeper:
            await signed_in(keeper, idp, age=OLD)
        idp.delay = 0.2
        start = time.time() + 1.0
        others = [
            spawn.Process(target=refresh_elsewhere, args=(str(tmp_path), table, start))
            for _ in range(2)
        ]
        for other in others:
            other.start()
        for other in others:
            await asyncio.to_thread(other.join)
        assert [other.exitcode for other in others] == [0, 0]
        assert idp.count("refresh_token") == 1
        async with keeping(tmp_path, app_of(table)) as keeper:
            assert (await keeper.grant(ANNA)).access_token in idp.access


async def test_a_rotated_token_is_kept_though_nobody_waits(tmp_path: Path):
    """Whoever asked is cancelled in the middle: the new refresh token reaches the store."""
    async with Idp(rotate=True) as idp:
        async with keeping(tmp_path, app_of(idp.google())) as keeper:
            await signed_in(keeper, idp, age=OLD)
            idp.delay = 0.1
            asking = asyncio.create_task(keeper.grant(ANNA))
            await until(lambda: idp.count("refresh_token") > 0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        async with keeping(tmp_path, app_of(idp.google())) as keeper:
            assert (await keeper.grant(ANNA)).refresh_token in idp.refresh


async def test_a_first_invalid_grant_is_not_believed(tmp_path: Path, events):
    """Once may be the provider's mistake: it is Transient, and asked again after a minute."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        await signed_in(keeper, idp, age=OLD + 100)
        idp.faults += [Fault(400, '{"error": "invalid_grant"}')]
        with pytest.raises(Transient) as first:
            await keeper.grant(ANNA)
        assert first.value.code == "recheck"
        assert first.value.retry_after == pytest.approx(60.0, abs=2)
        assert [one["event"] for one in events].count("auth.doubted") == 1
        assert (await keeper.grant(ANNA)).access_token in idp.access


async def test_the_second_invalid_grant_is_believed_and_not_asked_again(
    tmp_path: Path, monkeypatch
):
    """AuthRejected names the command; the provider is left alone until somebody signs in."""
    monkeypatch.setattr(module, "RECHECK", 0.0)
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        await signed_in(keeper, idp, age=OLD + 100)
        idp.revoke(ANNA.address)
        for _ in range(3):
            with pytest.raises(AuthRejected) as refused:
                await keeper.grant(ANNA)
        assert refused.value.hint == "eisd auth login anna"
        assert idp.count("refresh_token") == 1
        await signed_in(keeper, idp)
        assert (await keeper.grant(ANNA)).access_token in idp.access


@pytest.mark.parametrize(
    "fault",
    [
        Fault(503),
        Fault(500, "<html>oops"),
        Fault(200, "<html>Welcome to the airport's network"),
        Fault(200, '{"access_token": ""}'),
        Fault(200, '["no", "object"]'),
        Fault(502, '{"error": "invalid_grant"}'),
        Fault(400, ""),
        Fault(200, '{"access_token": "' + "x" * 300_000 + '"}'),
    ],
    ids=lambda fault: f"{fault.status} {len(fault.body)} {fault.body[:16]}",
)
async def test_trouble_at_the_token_endpoint_is_no_refusal(tmp_path: Path, fault: Fault):
    """Down, broken, a captive portal, garbage: nothing of it ends a sign-in."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        grant = await signed_in(keeper, idp, age=3600.0)
        idp.faults = [fault] * 2
        for _ in range(2):
            with pytest.raises(Transient):
                await keeper.grant(ANNA)
        after = await keeper.grant(ANNA)
        assert after.refresh_token == grant.refresh_token


async def test_an_unreachable_endpoint_is_no_refusal_and_the_old_token_serves(tmp_path: Path):
    """Nobody listens: the token that is still good is used; without one it is Transient."""
    async with Idp() as idp:
        app = app_of(idp.google())
        async with keeping(tmp_path, app) as keeper:
            due = await signed_in(keeper, idp, age=OLD)
    async with keeping(tmp_path, app) as keeper:
        assert (await keeper.grant(ANNA)).access_token == due.access_token
        login = TokenLogin(keeper, ANNA, Login())
        assert not await login.renewed()
        assert 0 < login.renew_in() <= 60
        with pytest.raises(Transient) as trouble:
            await keeper.grant(ANNA, refused=due.access_token)
        assert trouble.value.code == "token_endpoint"


async def test_retry_after_holds_back_the_whole_application(tmp_path: Path):
    """429: nobody else asks until the time is over; it is throttled, not refused."""
    other = Holder("ben", "app", "ben@lab.test")
    async with Idp() as idp, keeping(tmp_path, app_of(idp.microsoft())) as keeper:
        await signed_in(keeper, idp, age=3600)
        await signed_in(keeper, idp, other, age=3600)
        idp.faults = [Fault(429, "", {"Retry-After": "77"})]
        for holder in (ANNA, other):
            with pytest.raises(Transient) as told:
                await keeper.grant(holder)
            assert told.value.code == "throttled"
            assert told.value.retry_after == pytest.approx(77, abs=2)
        assert idp.count("refresh_token") == 1


async def test_a_wrong_registration_stops_all_mailboxes_with_one_event(tmp_path: Path, events):
    """The provider is asked once; the event and the sentence name the application."""
    holders = [Holder(f"m{n}", "app", f"m{n}@lab.test") for n in range(3)]
    async with Idp() as idp, keeping(tmp_path, app_of(idp.microsoft())) as keeper:
        for holder in holders:
            await signed_in(keeper, idp, holder, age=3600)
        idp.aadsts = [7000222]
        for holder in holders:
            with pytest.raises(Misconfigured, match="client secret has expired") as told:
                await keeper.grant(holder)
            assert "[oauth.app]" in told.value.hint
        assert idp.count("refresh_token") == 1
        assert [one["event"] for one in events].count("auth.app_refused") == 1


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (50076, AuthRejected, "eisd auth login anna"),
        (53003, Misconfigured, "--browser"),
        (65001, Misconfigured, "Grant consent"),
        (700016, Misconfigured, "client_id and tenant"),
        (90033, Transient, ""),
    ],
)
async def test_each_class_of_refusal_says_who_must_act(tmp_path: Path, code, kind, hint):
    """User, administrator, operator, nobody."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.microsoft())) as keeper:
        await signed_in(keeper, idp, age=3600)
        idp.aadsts = [code]
        with pytest.raises(kind) as told:
            await keeper.grant(ANNA)
        assert hint in told.value.hint


async def test_a_clock_that_is_off_is_told(tmp_path: Path, events):
    """The provider's Date header tells by how much."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        await signed_in(keeper, idp, age=3600)
        idp.date = "Sun, 06 Nov 1994 08:49:37 GMT"
        await keeper.grant(ANNA)
        (told,) = [one for one in events if one["event"] == "clock.skewed"]
        assert told["skew_s"] > 1e8


async def test_a_refused_token_is_replaced_though_it_is_fresh(tmp_path: Path):
    """The server would not take it: another is obtained, once for both connections."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        await signed_in(keeper, idp)
        login = TokenLogin(keeper, ANNA, Login())
        first = await login.access_token()
        second, third = await asyncio.gather(*(login.access_token(refused=first) for _ in "12"))
        assert first != second == third
        assert idp.count("refresh_token") == 1
        assert 3000 < login.renew_in() < 3600


async def test_a_mailbox_that_nobody_signed_in_to(tmp_path: Path):
    """It says so, without asking the provider; and so for another application's sign-in."""
    async with Idp() as idp, keeping(tmp_path, app_of(idp.google())) as keeper:
        with pytest.raises(AuthRejected, match="nobody has signed in"):
            await keeper.grant(ANNA)
        await signed_in(keeper, idp)
        keeper.configure({"app": app_of(idp.google(client_id="new"))}, lambda _: "")
        with pytest.raises(AuthRejected, match="another application"):
            await keeper.grant(ANNA)
        assert idp.requests == []
