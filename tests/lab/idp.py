"""An OAuth provider in the shape of Google's and Microsoft's: endpoints, field names, error bodies.

    async with Idp() as idp:
        idp.revoke("anna@lab.test"); idp.faults.append(Fault(429, headers={"Retry-After": "7"}))

Google:    /google/{auth,token,device,revoke}; a refresh brings no refresh token, devices get no
           mail scope, service accounts sign assertions.
Microsoft: /{tenant}/{authorize,token,devicecode}; a refresh token is replaced at each use and the
           old one lives on, refusals carry AADSTS numbers, client credentials.
Both:      /introspect (RFC 7662), for Dovecot.

The browser is played by `sign_in`. What the real services would do beyond this is not known here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt
from joserfc.errors import JoseError

from eisd.wire.oauth_providers import GOOGLE, MICROSOFT
from lab.idp_shapes import AADSTS, MAIL, TENANT, Answer, Consent, Fault, Token

__all__ = ["MAIL", "TENANT", "Consent", "Fault", "Idp", "Token"]


class Idp:
    """The provider, on a free port of loopback, for one ``async with``."""

    def __init__(self, *, lifetime: float = 3600.0, rotate: bool = False, port: int = 0) -> None:
        """Take ``rotate``: a refresh token is good for one use, and its reuse ends the sign-in."""
        self.lifetime = lifetime
        self.rotate = rotate
        self.secret = "s3cret"
        self.port = port
        self.faults: list[Fault] = []
        self.aadsts: list[int] = []
        self.consent: dict[str, Consent] = {}
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, Token] = {}
        self.requests: list[tuple[str, str]] = []
        """(path, grant_type) of every request."""
        self.date: str = ""
        """The Date header, where the machine's clock is to look wrong."""
        self.service_key: jwk.RSAKey | None = None
        self.revoked_by_client: list[str] = []
        self.testing = False
        self.delay = 0.0
        self._spent: dict[str, str] = {}
        self._codes: dict[str, tuple[Token, str, str, str]] = {}
        self._devices: dict[str, dict[str, Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._key = jwk.RSAKey.generate_key(2048, {"kid": "lab"}, auto_kid=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def google(self, **more: Any) -> dict[str, Any]:
        """An [oauth.NAME] table of the configuration that leads here."""
        base = f"{self.url}/google"
        return {
            "provider": "google",
            "client_id": "desktop",
            "authorize_url": f"{base}/auth",
            "token_url": f"{base}/token",
            "device_url": f"{base}/device",
            "revoke_url": f"{base}/revoke",
            **more,
        }

    def microsoft(self, **more: Any) -> dict[str, Any]:
        """The same in Microsoft's shape."""
        base = f"{self.url}/{TENANT}"
        return {
            "provider": "microsoft",
            "client_id": "public",
            "tenant": TENANT,
            "authorize_url": f"{base}/authorize",
            "token_url": f"{base}/token",
            "device_url": f"{base}/devicecode",
            **more,
        }

    def grant(self, user: str, client: str = "desktop", scope: str = MAIL) -> dict[str, Any]:
        """Tokens for a user without a sign-in."""
        return self._mint("google", Token(user, scope, client))[1]

    def revoke(self, user: str) -> None:
        """What a user does who removes the application, or changes the password."""
        for held in (self.access, self.refresh):
            for key in [key for key, token in held.items() if token.user == user]:
                del held[key]

    def approve(self, user_code: str, user: str, *, deny: bool = False) -> None:
        """What a user does who types a device's code."""
        device = next(one for one in self._devices.values() if one["user_code"] == user_code)
        device |= {"user": user, "deny": deny}

    def count(self, grant_type: str) -> int:
        """How many token requests of this kind came."""
        return sum(kind == grant_type for _, kind in self.requests)

    def sign_in(self, url: str, user: str) -> str:
        """What the browser does: follow the authorisation URL; returns where it is sent back."""
        parts = urlsplit(url)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        consent = self.consent.get(user, Consent())
        back = asked["redirect_uri"] + "?"
        if consent.deny:
            return back + urlencode({"error": "access_denied", "state": asked["state"]})
        code = secrets.token_urlsafe(20)
        scope = asked["scope"] if consent.scope is None else consent.scope
        token = Token(consent.user or user, scope, asked["client_id"])
        self._codes[code] = (
            token, asked["redirect_uri"], asked["code_challenge"], asked.get("nonce", ""),
        )  # fmt: skip
        return back + urlencode({"code": code, "state": asked["state"]})

    # The server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await reader.readline()
        if not request:
            return False
        headers: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        path = urlsplit(request.decode().split()[1]).path
        self.requests.append((path, form.get("grant_type", "")))
        if self.delay:
            await asyncio.sleep(self.delay)
        fault = self.faults.pop(0) if self.faults and path.endswith("/token") else None
        if fault and fault.hang:
            await reader.read()
        status, answer = self._route(path, form) if fault is None else (fault.status, {})
        text = fault.body if fault else json.dumps(answer)
        extra = {"Content-Type": "application/json", **(fault.headers if fault else {})}
        if self.date:
            extra["Date"] = self.date
        lines = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text.encode())}\r\n{lines}\r\n"
        writer.write(head.encode() + text.encode())
        await writer.drain()
        return True

    def _route(self, path: str, form: dict[str, str]) -> Answer:
        vendor, _, leaf = path.strip("/").rpartition("/")
        match leaf:
            case "token":
                return self._token("google" if vendor == "google" else "microsoft", form)
            case "device" | "devicecode":
                return self._device(vendor, form)
            case "revoke":
                return self._revocation(form)
            case "introspect":
                return self._introspect(form)
        return 404, {"error": "not_found"}

    def _introspect(self, form: dict[str, str]) -> Answer:
        token = self.access.get(form.get("token", ""))
        if token is None or token.ends < time.time():
            return 200, {"active": False}
        return 200, {
            "active": True,
            "email": token.user,
            "scope": token.scope,
            "exp": int(token.ends),
        }

    def _revocation(self, form: dict[str, str]) -> Answer:
        token = self.refresh.get(form["token"]) or self.access.get(form["token"])
        if token is None:
            return 400, {"error": "invalid_token", "error_description": "Token expired or revoked"}
        self.revoked_by_client.append(token.user)
        self.revoke(token.user)
        return 200, {}

    # Tokens

    def _token(self, vendor: str, form: dict[str, str]) -> Answer:
        if self.aadsts:
            return self._refuse(vendor, "", "", self.aadsts.pop(0))
        grants = {
            "authorization_code": self._exchange,
            "refresh_token": self._refreshed,
            "device_code": self._polled,
            "client_credentials": self._by_own_right,
            "jwt-bearer": self._asserted,
        }
        grant = grants.get(form.get("grant_type", "").rpartition(":")[2])
        if grant is None:
            return self._refuse(vendor, "unsupported_grant_type", "")
        return grant(vendor, form)

    def _by_own_right(self, vendor: str, form: dict[str, str]) -> Answer:
        if form.get("client_secret") != self.secret:
            return self._refuse(vendor, "invalid_client", "", 7000222)
        return self._mint(vendor, Token("", form["scope"], form["client_id"]), refresh=False)

    def _exchange(self, vendor: str, form: dict[str, str]) -> Answer:
        token, redirect, challenge, nonce = self._codes.pop(
            form["code"], (Token("", "", ""), "", "", "")
        )
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not token.user or redirect != form["redirect_uri"] or proof != challenge:
            return self._refuse(vendor, "invalid_grant", "Malformed auth code.", 70008)
        if vendor == "google" and form.get("client_secret") != self.secret:
            return self._refuse(vendor, "invalid_client", "The provided client secret is invalid.")
        return self._mint(vendor, token, nonce=nonce)

    def _refreshed(self, vendor: str, form: dict[str, str]) -> Answer:
        given = form["refresh_token"]
        if self.rotate and given in self._spent:  # reuse: the whole family dies
            self.revoke(self._spent[given])
        token = self.refresh.get(given)
        if token is None or token.client != form.get("client_id"):
            said = "Token has been expired or revoked."
            return self._refuse(vendor, "invalid_grant", said, 50173)
        if self.rotate:
            self._spent[given] = token.user
            del self.refresh[given]
        fresh = Token(token.user, token.scope, token.client)
        return self._mint(vendor, fresh, refresh=self.rotate or vendor == "microsoft")

    def _asserted(self, vendor: str, form: dict[str, str]) -> Answer:
        try:
            assert self.service_key is not None
            claims = jwt.decode(form["assertion"], self.service_key).claims
        except JoseError:
            return self._refuse(vendor, "invalid_grant", "Invalid JWT Signature.")
        if abs(claims["iat"] - time.time()) > 3600:
            said = "Invalid JWT: Token must be a short-lived token (60 minutes)"
            return self._refuse(vendor, "invalid_grant", said)
        if MAIL not in claims["scope"].split():
            said = "Client is unauthorized to retrieve access tokens using this method, or ..."
            return self._refuse(vendor, "unauthorized_client", said)
        token = Token(claims["sub"], claims["scope"], claims["iss"])
        return self._mint(vendor, token, refresh=False)

    def _mint(self, vendor: str, token: Token, *, refresh: bool = True, nonce: str = "") -> Answer:
        key = secrets.token_urlsafe(60)
        token.ends = time.time() + self.lifetime
        self.access[key] = token
        answer: dict[str, Any] = {
            "access_token": key,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": token.scope,
        }
        if refresh:
            again = answer["refresh_token"] = secrets.token_urlsafe(40)
            self.refresh[again] = Token(token.user, token.scope, token.client)
            if self.testing:
                answer["refresh_token_expires_in"] = 7 * 86_400 - 1
        if nonce and "openid" in token.scope.split():
            answer["id_token"] = self._id_token(vendor, token, nonce)
        return 200, answer

    def _id_token(self, vendor: str, token: Token, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": token.client,
            "sub": hashlib.sha256(token.user.encode()).hexdigest()[:20],
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            "email": token.user,
        }
        if vendor == "google":
            if not token.user.endswith("@gmail.com"):
                claims["hd"] = token.user.partition("@")[2]
        else:
            personal = token.user.endswith("@outlook.com")
            claims["tid"] = MICROSOFT.personal_tenant if personal else TENANT
            claims["oid"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, token.user))
            claims["preferred_username"] = token.user
        return jwt.encode({"alg": "RS256", "kid": "lab"}, claims, self._key)

    def _refuse(self, vendor: str, error: str, said: str, code: int = 0) -> Answer:
        if vendor == "google":
            status = 401 if error in ("invalid_client", "unauthorized_client") else 400
            return status, {"error": error, **({"error_description": said} if said else {})}
        name, text, suberror = AADSTS.get(code, (error, said or error, None))
        body = {
            "error": name,
            "error_description": f"AADSTS{code}: {text} Trace ID: {uuid.uuid4()}",
            "error_codes": [code],
            "correlation_id": str(uuid.uuid4()),
            **({"suberror": suberror} if suberror else {}),
        }
        return (503 if code == 90033 else 401 if name == "invalid_client" else 400), body

    # Devices

    def _device(self, vendor: str, form: dict[str, str]) -> Answer:
        if vendor == "google" and not set(form["scope"].split()) <= set(GOOGLE.person_scopes):
            return 400, {"error": "invalid_scope", "error_description": "Invalid device scope"}
        code, user_code = secrets.token_urlsafe(30), secrets.token_hex(4).upper()
        self._devices[code] = {"user_code": user_code, "user": "", "deny": False, **form}
        return 200, {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            "interval": 1,
        }

    def _polled(self, vendor: str, form: dict[str, str]) -> Answer:
        device = self._devices.get(form["device_code"])
        if device is None:
            return 400, {"error": "bad_verification_code"}
        if device["deny"]:
            return 400, {"error": "authorization_declined"}
        if not device["user"]:
            return 400, {"error": "authorization_pending", "error_codes": [70016]}
        del self._devices[form["device_code"]]
        token = Token(device["user"], device["scope"], device["client_id"])
        return self._mint(vendor, token, nonce="-")
