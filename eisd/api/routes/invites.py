"""Invitations: that an owner may connect a mailbox of their own."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from eisd.api import inviting
from eisd.api.answers import Answer
from eisd.api.request import Body, The

routes = APIRouter()


class InviteBody(Body):
    """Who is invited, and for how long, in seconds."""

    owner: str = Field(max_length=64)
    valid_s: float = inviting.VALID_S


class TokenBody(Body):
    """The token of an invitation."""

    token: str = Field(max_length=1_000)


@routes.post("/invites", tags=["invites"])
async def invite(core: The, body: InviteBody) -> Answer:
    """A token that lets the owner, and nobody else, connect one mailbox."""
    return await inviting.invite(core, body.owner, valid_s=body.valid_s)


@routes.post("/invites/verify", tags=["invites"])
async def verify(core: The, body: TokenBody) -> Answer:
    """Whom a token invites; it is not used up."""
    return {"owner": (await inviting.verify(core, body.token)).owner}


@routes.delete("/invites/{owner}", tags=["invites"])
async def revoke(core: The, owner: str) -> Answer:
    """End every open invitation of an owner."""
    return await inviting.revoke(core, owner)
