"""The token of an invitation: signed, so that a guess is refused without asking the database.

``eisd1.<id>.<owner>.<expires>.<signature>``: the parts in base64url without padding, the signature
HMAC-SHA-256 over what stands before it, under a key derived for this alone from the
installation's. Whether it was used stands in the database (`eisd.store.invites`); whoever connects
a mailbox with it calls `eisd.store.invites.use` in the transaction that does so.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

from eisd.errors import ExitCode, UserError
from eisd.store.invites import Invite

PREFIX: Final = "eisd1"
KEY_NAME: Final = "invite-key"
MAX_TOKEN: Final = 512
_PARTS: Final = 5
_REFUSED: Final = "this invitation is not valid"


def new(owner: str, *, now: int, valid_ms: int) -> Invite:
    """A fresh invitation for an owner; times in milliseconds since 1970 UTC."""
    return Invite(secrets.token_urlsafe(18), owner, now, now + valid_ms)


def token_of(key: bytes, invite: Invite) -> str:
    """The token to hand to the owner."""
    body = ".".join(
        (
            PREFIX,
            invite.id,
            _packed(invite.owner.encode()),
            _packed(str(invite.expires_at).encode()),
        )
    )
    return f"{body}.{_signature(key, body)}"


def read(key: bytes, token: str, *, now: int) -> Invite:
    """The invitation that a token claims to be, its signature and its end checked.

    Raises:
        UserError: (77) it was not made here, was changed, or has ended.
    """
    token = token.strip()
    parts = token.split(".")
    if len(token) > MAX_TOKEN or not token.isascii() or len(parts) != _PARTS or parts[0] != PREFIX:
        raise refused("it is no token of eisd")
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _signature(key, body)):
        raise refused("it was not made by this eisd, or was changed")
    invite = Invite(parts[1], _unpacked(parts[2]).decode(), 0, int(_unpacked(parts[3])))
    if invite.expires_at <= now:
        raise refused("it has ended")
    return invite


def check(invite: Invite, known: Invite | None, *, now: int) -> None:
    """Whether an invitation may still be used. Raises `UserError` (77) when it may not."""
    if known is None or known.owner != invite.owner:
        raise refused("it is not known (any more)")
    if known.used_at is not None:
        raise refused("it was used already")
    if known.expires_at <= now:
        raise refused("it has ended or was taken back")


def refused(why: str) -> UserError:
    """What whoever shows a token is told."""
    return UserError(
        f"{_REFUSED}: {why}",
        hint="ask for a new one: eisd mailbox invite OWNER",
        code=ExitCode.AUTH,
    )


def _signature(key: bytes, body: str) -> str:
    return _packed(hmac.digest(key, body.encode("ascii"), sha256))


def _packed(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _unpacked(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
