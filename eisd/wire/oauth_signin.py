"""The parts of a person's sign-in that need no network: the address to open, and what came back.

The authorisation request with state, nonce and PKCE (RFC 6749 section 4.1.1, RFC 7636, OpenID
Connect Core section 3.1.2.1), the redirect that answers it, and who signed in.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from eisd.errors import ExitCode, UserError
from eisd.model.grant import Identity, Kind
from eisd.wire.oauth import App
from eisd.wire.oauth_errors import STANDARD, VENDOR

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
MAX_REDIRECT: Final = 8192
SKEW: Final = 600
"""Seconds by which an id_token's times may differ from our clock."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorisation request under way; its secrets never show themselves."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def ask(app: App, redirect_uri: str, address: str) -> tuple[str, Asked]:
    """The address for the browser, and what is needed to understand its answer.

    Raises:
        UserError: the redirect leads off this machine.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - slow
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415

    parts = urlsplit(redirect_uri)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or not parts.port:
        raise UserError(f"{redirect_uri!r} does not lead to a port of this machine")
    asked = Asked(
        redirect_uri,
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(64),
    )
    challenge: str = create_s256_code_challenge(asked.verifier)  # type: ignore[no-untyped-call]
    url: str = prepare_grant_uri(
        app.url("authorize"),
        client_id=app.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=list(app.asked_scopes),
        state=asked.state,
        nonce=asked.nonce,
        code_challenge=challenge,
        code_challenge_method="S256",
        login_hint=address,
        **app.provider.authorize_params,
    )
    return url, asked


def code_of(app: App, asked: Asked, answer: str, mailbox: str) -> str:
    """The code in a redirect: its whole URL, or the query alone.

    Raises:
        UserError: it is no redirect, belongs to another sign-in, or says no.
    """
    answer = answer.strip()
    if len(answer) > MAX_REDIRECT:
        raise UserError("that is too long for a redirect", code=ExitCode.DATA)
    query = urlsplit(answer).query if "://" in answer else answer.lstrip("?")
    found = {name: values[0] for name, values in parse_qs(query).items()}
    if not found.keys() & {"code", "error"}:
        raise UserError(
            "that is no redirect: it has neither a code nor an error",
            hint="copy the whole address that the browser shows at the end, http://... ?code=...",
            code=ExitCode.DATA,
        )
    if not secrets.compare_digest(found.get("state", "").encode(), asked.state.encode()):
        raise UserError(
            "that redirect answers another sign-in than this one (its state differs)",
            hint=f"begin again: eisd auth login {mailbox}",
            code=ExitCode.DATA,
        )
    if error := found.get("error"):
        raise _denied(app, error, mailbox)
    return found["code"]


def _denied(app: App, error: str, mailbox: str) -> UserError:
    meaning = VENDOR.get(app.provider.name, {}).get(error) or STANDARD.get(error)
    word = error if error.replace("_", "").isalnum() and len(error) < 64 else "an error"  # noqa: PLR2004
    title = app.provider.title
    if meaning is None:
        return UserError(f"{title} answered {word}", code=ExitCode.AUTH)
    names = {"mailbox": mailbox, "app": app.name, "provider": title}
    return UserError(
        f"{title}: {meaning.what.format_map(names)} ({word})",
        hint=meaning.remedy.format_map(names),
        code=ExitCode.AUTH,
    )


def identity_of(app: App, id_token: str, *, nonce: str, now: float) -> Identity:
    """Who signed in. Without an id_token nobody is known.

    It came from the token endpoint itself over TLS, so its signature needs no check (OpenID
    Connect Core section 3.1.3.7, number 6); whom it is for, and when, does.

    Raises:
        UserError: it is for another application or another sign-in.
    """
    if not id_token:
        return Identity()
    claims = _claims(id_token)
    audience = claims.get("aud")
    if app.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise _foreign("is for another application")
    if nonce and claims.get("nonce") != nonce:
        raise _foreign("answers another sign-in (its nonce differs)")
    ends = claims.get("exp")
    if isinstance(ends, int | float) and ends + SKEW < now:
        raise UserError(
            f"{app.provider.title}'s answer ended {now - ends:.0f} s ago by this machine's clock",
            hint="set the clock: timedatectl set-ntp true",
            code=ExitCode.TRY_LATER,
        )
    names = [claims.get(name) for name in ("email", "preferred_username", "upn")]
    tenant = str(claims.get("tid") or "")
    return Identity(
        names=tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name)),
        subject=":".join(filter(None, (tenant, str(claims.get("oid") or claims.get("sub") or "")))),
        kind=_kind(app, tenant, claims),
    )


def _kind(app: App, tenant: str, claims: dict[str, Any]) -> Kind:
    """Personal or work: by the tenant (Microsoft), or by the hosted domain (Google)."""
    if app.provider.personal_tenant:
        if not tenant:
            return Kind.UNKNOWN
        return Kind.PERSONAL if tenant == app.provider.personal_tenant else Kind.WORK
    return Kind.WORK if claims.get("hd") else Kind.PERSONAL


def _claims(id_token: str) -> dict[str, Any]:
    try:
        payload = id_token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        claims = None
    if not isinstance(claims, dict):
        raise _foreign("cannot be read")
    return claims


def _foreign(what: str) -> UserError:
    return UserError(f"the provider's id_token {what}", code=ExitCode.PROTOCOL)
