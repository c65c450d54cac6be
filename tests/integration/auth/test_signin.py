"""Signing in, step by step, against the vendor-shaped provider."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwk
from lab.idp import TENANT, Consent, Fault, Idp
from lab.keeping import ANNA, app_of, keeping

from eisd.auth.outlook import cliffs
from eisd.auth.signin import SignIn, Who
from eisd.errors import AuthRejected, DriverError, Misconfigured, Transient, UserError
from eisd.model.grant import Kind
from eisd.store.secrets import Secrets

BACK = "http://127.0.0.1:4711"
WHO = Who(ANNA)
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"


@asynccontextmanager
async def signing(folder: Path, table, **more):
    """A keeper and the steps over it."""
    async with keeping(folder, app_of(table), **more) as keeper:
        secrets = await asyncio.to_thread(Secrets, folder / "secrets.db", environ={})
        yield keeper, SignIn(keeper, secrets)


async def by_browser(idp: Idp, steps: SignIn, who: Who = WHO, user: str = ANNA.address):
    """The whole way of a browser sign-in."""
    url, ticket = await asyncio.to_thread(steps.begin, who, BACK)
    return await steps.finish(who, ticket, idp.sign_in(url, user))


@pytest.mark.parametrize("vendor", ["google", "microsoft"])
async def test_a_browser_sign_in(tmp_path: Path, vendor: str):
    """PKCE, state, nonce and the loopback redirect are used; who signed in is known; it lasts."""
    async with Idp() as idp, signing(tmp_path, getattr(idp, vendor)()) as (keeper, steps):
        url, ticket = await asyncio.to_thread(steps.begin, WHO, BACK)
        asked = parse_qs(urlsplit(url).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [BACK]
        assert asked["login_hint"] == [ANNA.address]
        signed = await steps.finish(WHO, ticket, idp.sign_in(url, ANNA.address))
        assert (signed.stored, signed.identity.shown) == (True, ANNA.address)
        assert signed.identity.kind is Kind.WORK
        assert (await keeper.grant(ANNA)).access_token in idp.access


async def test_the_redirect_may_be_pasted(tmp_path: Path):
    """The query alone does as well; another sign-in's, or nonsense, is told from it."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (_, steps):
        url, ticket = await asyncio.to_thread(steps.begin, WHO, BACK)
        back = idp.sign_in(url, ANNA.address)
        other, _ = await asyncio.to_thread(steps.begin, WHO, BACK)
        with pytest.raises(UserError, match="another sign-in"):
            await steps.finish(WHO, ticket, idp.sign_in(other, ANNA.address))
        with pytest.raises(UserError, match="neither a code nor an error"):
            await steps.finish(WHO, ticket, "https://example.org/hello")
        assert (await steps.finish(WHO, ticket, " " + urlsplit(back).query)).stored


async def test_a_redirect_leads_to_this_machine_alone(tmp_path: Path):
    """Anything but a loopback port is refused before the provider is asked."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (_, steps):
        for url in ("https://evil.test/", "http://evil.test:80/", "http://127.0.0.1.evil.test:1"):
            with pytest.raises(UserError, match="this machine"):
                await asyncio.to_thread(steps.begin, WHO, url)


async def test_a_ticket_is_sealed_and_for_one_mailbox(tmp_path: Path):
    """Changed, another mailbox's, another step's or an old one opens nothing."""
    now = [1_700_000_000.0]
    async with (
        Idp() as idp,
        signing(tmp_path, idp.google(), clock=lambda: now[0]) as (_, steps),
    ):
        url, ticket = await asyncio.to_thread(steps.begin, WHO, BACK)
        back = idp.sign_in(url, ANNA.address)
        other = Who(type(ANNA)("ben", "app", "ben@lab.test"))
        for who, bad in ((WHO, ticket[:-6] + "AAAAAA"), (other, ticket), (WHO, "nonsense")):
            with pytest.raises(UserError, match="not of this sign-in"):
                await steps.finish(who, bad, back)
        with pytest.raises(UserError, match="not of this sign-in"):
            await steps.poll(WHO, ticket)
        now[0] += 1000
        with pytest.raises(UserError, match="too long"):
            await steps.finish(WHO, ticket, back)


async def test_denied_consent_is_told_with_its_way_out(tmp_path: Path):
    """The user says no on the page."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (_, steps):
        idp.consent[ANNA.address] = Consent(deny=True)
        with pytest.raises(UserError, match="permission was refused") as told:
            await by_browser(idp, steps)
        assert "consent page" in told.value.hint


async def test_an_unticked_mail_scope_is_said_at_once(tmp_path: Path):
    """The token would be fine and the mail server would refuse it: nothing is stored."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (keeper, steps):
        idp.consent[ANNA.address] = Consent(scope="openid email")
        with pytest.raises(UserError, match=r"mail\.google\.com") as told:
            await by_browser(idp, steps)
        assert "ticked" in told.value.hint
        assert await keeper.grants.load("anna") is None


async def test_sending_may_be_left_out(tmp_path: Path):
    """Without SMTP.Send mail can be read all the same, and the scope is named."""
    read = "IMAP.AccessAsUser.All"
    async with Idp() as idp, signing(tmp_path, idp.microsoft()) as (_, steps):
        idp.consent[ANNA.address] = Consent(scope=f"openid email {read}")
        signed = await by_browser(idp, steps)
        assert signed.stored
        assert signed.missing == ("https://outlook.office.com/SMTP.Send",)


async def test_somebody_else_is_shown_and_stored_only_on_demand(tmp_path: Path):
    """The wrong user signed in: nothing is stored until it is confirmed, or was accepted."""
    async with Idp() as idp, signing(tmp_path, idp.microsoft()) as (keeper, steps):
        signed = await by_browser(idp, steps, user="eve@lab.test")
        assert (signed.stored, signed.identity.shown) == (False, "eve@lab.test")
        assert await keeper.grants.load("anna") is None
        assert (await steps.confirm(WHO, signed.ticket)).stored
        assert (await by_browser(idp, steps, user="eve@lab.test")).stored  # as before: no question
        await keeper.grants.delete("anna")
        accepted = Who(ANNA, accepted="Eve@lab.test")
        assert (await by_browser(idp, steps, accepted, "eve@lab.test")).stored
        alias = Who(ANNA, aliases=("hello@lab.test",))
        assert (await by_browser(idp, steps, alias, "hello@lab.test")).stored


@pytest.mark.parametrize(
    ("vendor", "user", "kind"),
    [
        ("google", "anna@gmail.com", Kind.PERSONAL),
        ("google", "anna@lab.test", Kind.WORK),
        ("microsoft", "anna@outlook.com", Kind.PERSONAL),
        ("microsoft", "anna@lab.test", Kind.WORK),
    ],
)
async def test_personal_and_work_are_told_apart(tmp_path: Path, vendor, user, kind):
    """By the directory (Microsoft) or the hosted domain (Google), never by the address."""
    async with Idp() as idp, signing(tmp_path, getattr(idp, vendor)()) as (_, steps):
        signed = await by_browser(idp, steps, Who(type(ANNA)("anna", "app", user)), user)
        assert signed.identity.kind is kind
        if vendor == "microsoft":
            tenant = PERSONAL if kind is Kind.PERSONAL else TENANT
            assert signed.identity.subject.startswith(tenant + ":")


async def test_a_device_code(tmp_path: Path):
    """Pending until it is typed; then signed in. Declined is told. Google has none for mail."""
    async with Idp() as idp, signing(tmp_path, idp.microsoft()) as (_, steps):
        shown, ticket = await steps.device(WHO)
        assert await steps.poll(WHO, ticket) is None
        idp.approve(shown["user_code"], ANNA.address)
        signed = await steps.poll(WHO, ticket)
        assert signed is not None
        assert signed.stored
        shown, ticket = await steps.device(WHO)
        idp.approve(shown["user_code"], ANNA.address, deny=True)
        with pytest.raises(AuthRejected, match="declined"):
            await steps.poll(WHO, ticket)
    async with Idp() as idp, signing(tmp_path, idp.google()) as (_, steps):
        with pytest.raises(UserError, match="Google gives no mail scope to devices"):
            await steps.device(WHO)
        assert idp.requests == []


async def test_an_assertion_signed_for_the_user(tmp_path: Path):
    """Google's key file signs for the user; each mistake names who has to act."""
    key = jwk.RSAKey.generate_key(2048)
    file = {
        "client_email": "sa@project.test",
        "private_key": key.as_pem(private=True).decode(),
        "private_key_id": "k1",
    }
    async with Idp() as idp:
        table = idp.google(flow="service_account")
        async with signing(tmp_path, table, secret=json.dumps(file)) as (keeper, steps):
            idp.service_key = key
            signed = await steps.own(WHO)
            assert signed.stored
            grant = await keeper.grant(ANNA)
            assert idp.access[grant.access_token].user == ANNA.address
            assert cliffs(keeper.apps["app"], grant, keeper.clock()) == []
            idp.service_key = jwk.RSAKey.generate_key(2048)
            with pytest.raises(Misconfigured, match="key is not valid"):
                await steps.own(WHO)
            no_delegation = '{"error": "unauthorized_client", "error_description": "Client is '
            no_delegation += 'unauthorized to retrieve access tokens using this method, or"}'
            idp.faults = [Fault(401, no_delegation)]
            with pytest.raises(Misconfigured, match="delegation") as told:
                await steps.own(WHO)
            assert "Domain-wide delegation" in told.value.hint
        async with signing(tmp_path, table, secret="no key") as (_, steps):
            with pytest.raises(Misconfigured, match="no service account's key"):
                await steps.own(WHO)


async def test_a_signed_assertion_on_a_machine_whose_clock_is_off(tmp_path: Path):
    """Google's own words mean the clock; so they are said."""
    key = jwk.RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    table_of = {"flow": "service_account"}
    async with (
        Idp() as idp,
        signing(tmp_path, idp.google(**table_of), secret=pem, clock=lambda: 1e9) as (_, steps),
    ):
        idp.service_key = key
        with pytest.raises(Misconfigured, match="clock is off") as told:
            await steps.own(WHO)
        assert "timedatectl" in told.value.hint


async def test_client_credentials(tmp_path: Path):
    """Microsoft's application by its own right; a wrong secret is the operator's."""
    async with Idp() as idp:
        table = idp.microsoft(flow="client_credentials")
        async with signing(tmp_path, table) as (keeper, steps):
            assert (await steps.own(WHO)).stored
            assert (await keeper.grant(ANNA)).access_token in idp.access
        async with signing(tmp_path, table, secret="wrong") as (_, steps):
            with pytest.raises(Misconfigured, match="secret has expired"):
                await steps.own(WHO)


async def test_testing_mode_and_the_other_cliffs_are_known_ahead(tmp_path: Path):
    """Seven days in testing; half a year (Google) or 90 days (Microsoft) without use."""
    day = 86_400
    async with Idp() as idp, signing(tmp_path, idp.google()) as (keeper, steps):
        idp.testing = True
        await by_browser(idp, steps)
        grant = await keeper.grant(ANNA)
        now = keeper.clock()
        found = {one.code: one for one in cliffs(keeper.apps["app"], grant, now)}
        assert found["testing"].certain
        assert found["testing"].at == pytest.approx(now + 7 * day, abs=60)
        assert found["unused"].at == pytest.approx(now + 180 * day, abs=60)
        assert keeper.ending["anna"] == pytest.approx(now + 7 * day, abs=60)
    async with Idp() as idp, signing(tmp_path, idp.microsoft()) as (keeper, steps):
        await by_browser(idp, steps)
        (only,) = cliffs(keeper.apps["app"], await keeper.grant(ANNA), keeper.clock())
        assert (only.code, only.certain) == ("unused", False)


@pytest.mark.parametrize("fault", [Fault(503), Fault(200, "<html>")])
async def test_trouble_while_signing_in_is_no_refusal(tmp_path: Path, fault: Fault):
    """The endpoint is down: try again, and nothing is stored."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (keeper, steps):
        idp.faults = [fault]
        with pytest.raises(Transient):
            await by_browser(idp, steps)
        assert await keeper.grants.load("anna") is None


async def test_logout_revokes_where_the_provider_can(tmp_path: Path):
    """Google's tokens die there, Microsoft's only here; a dead provider does not keep them."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (keeper, steps):
        await by_browser(idp, steps)
        assert await keeper.forget("anna")
        assert idp.revoked_by_client == [ANNA.address]
        assert await keeper.grants.load("anna") is None
    async with Idp() as idp, signing(tmp_path, idp.microsoft()) as (keeper, steps):
        await by_browser(idp, steps)
        assert not await keeper.forget("anna")
        assert await keeper.grants.load("anna") is None
    async with Idp() as idp, signing(tmp_path, idp.google()) as (keeper, steps):
        await by_browser(idp, steps)
        await idp.__aexit__(None, None, None)
        assert not await keeper.forget("anna")
        assert await keeper.grants.load("anna") is None


async def test_a_code_works_once_and_for_its_verifier(tmp_path: Path):
    """A second use of the redirect is refused by the provider, in its words."""
    async with Idp() as idp, signing(tmp_path, idp.google()) as (_, steps):
        url, ticket = await asyncio.to_thread(steps.begin, WHO, BACK)
        back = idp.sign_in(url, ANNA.address)
        await steps.finish(WHO, ticket, back)
        with pytest.raises(DriverError):
            await steps.finish(WHO, ticket, back)
