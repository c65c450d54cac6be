"""OAuth 2.0: the requests of every flow, and what comes back. The only flows there are.

RFC 6749 (code, refresh, client credentials), RFC 7636 (PKCE), RFC 8252 (loopback redirects),
RFC 8628 (device), RFC 7523 (a service account's assertion), RFC 7009 (revocation), and the
id_token of OpenID Connect Core 1.0. Providers are data (`eisd.wire.oauth_providers`), and so is
what their refusals mean (`eisd.wire.oauth_errors`).

Trouble on the way is `Transient`, never `AuthRejected`: only the provider's own words end a
sign-in.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from eisd.errors import EisdError, Misconfigured, ProtocolError, Transient
from eisd.model.grant import Tokens
from eisd.wire import oauth_refusal as refusal
from eisd.wire.http import Web
from eisd.wire.oauth_providers import Provider
from eisd.wire.reply import Reply

TOKEN_SECONDS: Final = 30.0
"""How long a token endpoint may take for an answer."""
MAX_TOKEN: Final = 16_384
"""Octets of a token that are accepted: servers choke on far longer ones."""
ASSERTION_SECONDS: Final = 3000
"""How long a service account's assertion is good for; the providers allow an hour."""
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class App:
    """An application registered with a provider: [oauth.NAME]."""

    name: str
    provider: Provider
    client_id: str
    flow: str = "user"
    """user, service_account or client_credentials."""
    tenant: str = ""
    authorize_url: str = ""
    token_url: str = ""
    device_url: str = ""
    revoke_url: str = ""
    """Each overrides the provider's own."""
    scopes: tuple[str, ...] = ()
    """Overrides the provider's mail scopes."""

    def url(self, which: str) -> str:
        """One of the four addresses: authorize, token, device, revoke; empty when there is none."""
        own: str = getattr(self, f"{which}_url")
        known: str = getattr(self.provider, f"{which}_url")
        tenant = self.tenant or self.provider.default_tenant
        return own or known.replace("{tenant}", quote(tenant, safe=""))

    @property
    def mail_scopes(self) -> tuple[str, ...]:
        """What the mailbox cannot do without."""
        return self.scopes or self.provider.mail_scopes

    @property
    def asked_scopes(self) -> tuple[str, ...]:
        """Everything that is asked for."""
        if self.flow == "user":
            return (*self.mail_scopes, *self.provider.person_scopes)
        return self.scopes or self.provider.own_scopes

    def missing(self, granted: tuple[str, ...]) -> tuple[str, ...]:
        """The mail scopes that were not granted; an answer that lists none grants all (5.1)."""
        have = {name for one in granted for name in _names(one)}
        return tuple(one for one in self.mail_scopes if have and not _names(one) & have)


@dataclass(frozen=True, slots=True)
class Device:
    """A device authorisation under way (RFC 8628 section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    interval: float


class Refused(EisdError):
    """A provider's refusal, classified; whoever asked turns it into an error for its mailbox."""

    def __init__(self, why: refusal.Refusal) -> None:
        super().__init__(why.what)
        self.refusal = why


class OAuth:
    """The requests. One for the whole daemon; it holds connections and nothing else."""

    def __init__(self, web: Web | None = None, clock: Clock = time.time) -> None:
        self._web = web or Web()
        self._clock = clock
        self.skew = 0.0
        """By how many seconds our clock was ahead of the provider's at the last answer, if far."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._web.aclose()

    async def exchange(
        self, app: App, secret: str, *, code: str, verifier: str, redirect_uri: str
    ) -> Tokens:
        """A code, and the proof that it is ours, for tokens (RFC 6749 section 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return await self._tokens(app, secret, form)

    async def refresh(self, app: App, secret: str, refresh_token: str) -> Tokens:
        """A new access token, and maybe a new refresh token (RFC 6749 section 6)."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if app.provider.scope_on_refresh:
            form["scope"] = " ".join(app.asked_scopes)
        return await self._tokens(app, secret, form)

    async def own(self, app: App, secret: str, address: str) -> Tokens:
        """A token by the application's own right: client credentials, or a service account."""
        scope = " ".join(app.asked_scopes)
        if app.flow == "client_credentials":
            form = {"grant_type": "client_credentials", "scope": scope}
            return await self._tokens(app, secret, form)
        signed = await asyncio.to_thread(self._assertion, app, secret, address, scope)
        form = {"grant_type": JWT_GRANT, "assertion": signed}
        return await self._tokens(app, "", form, anonymous=True)

    async def device_begin(self, app: App) -> Device:
        """Ask for a code that a person types elsewhere (RFC 8628 section 3.1)."""
        form = {"client_id": app.client_id, "scope": " ".join(app.asked_scopes)}
        body = refusal.answer(await self._post(app, app.url("device"), form))
        where = body.get("verification_uri") or body.get("verification_url")
        try:
            return Device(
                device_code=_text(body, "device_code"),
                user_code=_text(body, "user_code"),
                verification_uri=str(where or ""),
                expires_in=_seconds(body.get("expires_in"), 900.0),
                interval=min(max(_seconds(body.get("interval"), 5.0), 1.0), 60.0),
            )
        except KeyError as error:
            raise _incomplete(error) from error

    async def device_poll(self, app: App, secret: str, device_code: str) -> Tokens:
        """The tokens, once the person has agreed.

        Raises `Refused` with ``authorization_pending`` or ``slow_down`` before that.
        """
        form = {"grant_type": DEVICE_GRANT, "device_code": device_code}
        return await self._tokens(app, secret, form)

    async def revoke(self, app: App, secret: str, token: str) -> bool:
        """Take the sign-in back at the provider (RFC 7009); False where it cannot be done."""
        url = app.url("revoke")
        if not url:
            return False
        try:
            await self._post(app, url, {"token": token, **_client(app, secret)})
        except Refused as refused:
            # what is not valid any more is as good as revoked
            return refused.refusal.error in ("invalid_token", "invalid_grant")
        return True

    async def _tokens(
        self, app: App, secret: str, form: Mapping[str, str], *, anonymous: bool = False
    ) -> Tokens:
        full = {**form, **({} if anonymous else _client(app, secret))}
        return tokens_of(refusal.answer(await self._post(app, app.url("token"), full)))

    async def _post(self, app: App, url: str, form: Mapping[str, str]) -> Reply:
        if not url:
            raise Misconfigured(f"[oauth.{app.name}] has no such address", code="config")
        try:
            reply = await self._web.post(
                url, form, headers={"Accept": "application/json"}, seconds=TOKEN_SECONDS
            )
        except (Transient, ProtocolError) as error:
            text = f"{app.provider.title}'s sign-in service cannot be used for now: {error}"
            raise Transient(text, code="token_endpoint") from error
        self.skew = refusal.skew(reply, self._clock())
        if reply.status != 200:  # noqa: PLR2004 - the one status of a success (RFC 6749 5.1)
            raise Refused(refusal.read(app.provider.name, reply))
        return reply

    def _assertion(self, app: App, secret: str, address: str, scope: str) -> str:
        """A service account's signed wish to act for a user (RFC 7523 section 2.1)."""
        from joserfc import jwk, jwt  # noqa: PLC0415 - cryptography is slow to import
        from joserfc.errors import JoseError  # noqa: PLC0415

        issuer, pem, key_id = service_key(app, secret)
        now = int(self._clock())
        claims = {
            "iss": issuer,
            "sub": address,
            "scope": scope,
            "aud": app.url("token"),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
        try:
            return jwt.encode(header, claims, jwk.RSAKey.import_key(pem))
        except (JoseError, ValueError) as error:
            raise _no_key(app) from error


def _client(app: App, secret: str) -> dict[str, str]:
    """The application's own part of a request (RFC 6749 section 2.3.1)."""
    return {"client_id": app.client_id, **({"client_secret": secret} if secret else {})}


def _names(scope: str) -> set[str]:
    """A scope in the spellings that mean the same: Microsoft leaves the resource out at times."""
    scope = scope.lower()
    return {scope, scope.rpartition("/")[2]} - {""}


def service_key(app: App, secret: str) -> tuple[str, str, str]:
    """(issuer, private key, key id) of a service account: Google's JSON file, or a PEM alone."""
    if not secret.lstrip().startswith("{"):
        return app.client_id, secret, ""
    try:
        file = json.loads(secret)
        return str(file["client_email"]), str(file["private_key"]), str(file["private_key_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise _no_key(app) from error


def _no_key(app: App) -> Misconfigured:
    return Misconfigured(
        f"oauth.{app.name}.client_secret holds no service account's key",
        code="config",
        hint="let it name the JSON file that the Google Cloud console made for the key",
    )


def tokens_of(body: Mapping[str, Any]) -> Tokens:
    """A token endpoint's success. Raises `Transient` where something is missing or absurd."""
    try:
        found = Tokens(
            access_token=_text(body, "access_token"),
            expires_in=_seconds(body.get("expires_in"), 3600.0),
            refresh_token=_text(body, "refresh_token") if body.get("refresh_token") else "",
            scope=tuple(str(body.get("scope") or "").split()),
            id_token=_text(body, "id_token") if body.get("id_token") else "",
            refresh_expires_in=_seconds(body.get("refresh_token_expires_in"), 0.0),
        )
    except KeyError as error:
        raise _incomplete(error) from error
    return found


def _incomplete(error: KeyError) -> Transient:
    text = f"the provider's answer has no usable {error.args[0]}"
    return Transient(text, code="token_endpoint")


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN:
        raise KeyError(name)
    if not value.isascii() or not value.isprintable():
        raise KeyError(name)
    return value


def _seconds(value: object, default: float) -> float:
    """A lifetime: a number, or Microsoft's number as text; absurd ones are the default."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return seconds if 0.0 < seconds < 4e8 else default  # noqa: PLR2004 - some twelve years
