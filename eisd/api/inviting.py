"""Invitations, as JSON in and JSON out: made by a command, shown by whoever connects a mailbox."""

from __future__ import annotations

import asyncio

from eisd.api.answers import Answer
from eisd.api.core import Core
from eisd.auth import invite as tokens
from eisd.errors import ExitCode, UserError
from eisd.store import invites
from eisd.store.database import Tx
from eisd.store.invites import Invite
from eisd.store.sql import now_ms, stamp

VALID_S = 7 * 86_400.0
LONGEST_S = 90 * 86_400.0


async def invite(core: Core, owner: str, *, valid_s: float = VALID_S) -> Answer:
    """A new invitation for an owner. The token is shown once and kept nowhere.

    Raises:
        UserError: (64) the owner's name or the time makes no sense.
    """
    if not owner or len(owner) > 64 or not owner.isascii() or not owner.isprintable():  # noqa: PLR2004
        raise UserError(f"{owner!r} is no name of an owner", code=ExitCode.USAGE)
    if not 60 <= valid_s <= LONGEST_S:  # noqa: PLR2004 - a minute, three months
        raise UserError("an invitation is valid for a minute to 90 days", code=ExitCode.USAGE)
    made = tokens.new(owner, now=now_ms(), valid_ms=round(valid_s * 1000))
    key = await _key(core)
    await core.store.write(lambda tx: invites.add(tx.db, made))
    return {
        "owner": owner,
        "token": tokens.token_of(key, made),
        "expires_at": stamp(made.expires_at),
    }


async def verify(core: Core, token: str) -> Invite:
    """Whom a token invites, as long as it may be used; nothing is used up.

    Raises:
        UserError: (77) it is not valid, with the reason.
    """
    now = now_ms()
    claimed = tokens.read(await _key(core), token, now=now)
    known = await core.store.read(lambda db: invites.find(db, claimed.id))
    tokens.check(claimed, known, now=now)
    return claimed


async def redeem(core: Core, token: str, *, mailbox: str) -> str:
    """Use a token up for a mailbox; returns its owner. Of several at once one succeeds.

    Raises:
        UserError: (77) it is not valid, or somebody was faster.
    """
    claimed = await verify(core, token)

    def use(tx: Tx) -> bool:
        return invites.use(tx.db, claimed.id, mailbox=mailbox, now=now_ms())

    if not await core.store.write(use):
        raise tokens.refused("it was used already")
    return claimed.owner


async def revoke(core: Core, owner: str) -> Answer:
    """End every open invitation of an owner."""
    ended = await core.store.write(lambda tx: invites.revoke(tx.db, owner, now=now_ms()))
    return {"owner": owner, "ended": ended}


async def _key(core: Core) -> bytes:
    return await asyncio.to_thread(core.secrets.made, tokens.KEY_NAME)
