"""Against a provider that is not ours, so that not only our own reading of the RFCs is tested."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lab.certs import Certs
from lab.keeping import until
from lab.oidc_provider import OidcProvider
from lab.signed import daemon
from lab.tokens import token_server

from eisd.api import signing
from eisd.auth import keeper as keeping
from eisd.auth.keeper import Holder
from eisd.errors import AuthRejected
from eisd.wire.oauth import Refused


@pytest.mark.timeout(90)
async def test_sign_in_idle_rotation_reuse_revocation(
    tmp_path: Path, certs: Certs, monkeypatch: pytest.MonkeyPatch
):
    """PKCE, loopback redirect, id_token, rotation whose reuse ends the sign-in, and the next."""
    monkeypatch.setenv("LAB_SECRET", "s3cret")
    monkeypatch.setattr(keeping, "RECHECK", 0.0)
    with (
        token_server(certs, path="/token/introspection") as server,
        OidcProvider(server.idp_port) as provider,
    ):
        async with daemon(tmp_path, server, provider) as anna:
            await anna.until("problematic:auth")
            signed = await anna.sign_in(provider)
            assert (signed["stored"], signed["identity"]) == (True, anna.address)
            await anna.until("idle")
            await anna.deliver("one")
            await anna.arrived("one")

            keeper, holder = anna.core.keeper, Holder("anna", "corp", anna.address)
            first = await keeper.grant(holder)
            second = await keeper.grant(holder, refused=first.access_token)
            assert second.refresh_token != first.refresh_token
            with pytest.raises(Refused) as reused:
                await keeper.oauth.refresh(keeper.app("corp"), "s3cret", first.refresh_token)
            assert reused.value.refusal.error == "invalid_grant"
            with pytest.raises(AuthRejected):
                await keeper.grant(holder, refused=second.access_token)
            await anna.cut()
            await anna.until("problematic:auth")

            await anna.sign_in(provider)
            await anna.until("idle")
            await asyncio.to_thread(provider.revoke, anna.address)
            await anna.cut()
            await anna.until("problematic:auth")
            await anna.deliver("two")
            await anna.sign_in(provider)
            await anna.arrived("one", "two")
            assert (await signing.logout(anna.core, "anna"))["revoked"]
            await until(lambda: anna.state == "problematic:auth")
