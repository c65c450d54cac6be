"""Drafts: writing, filing, sending."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request

from eisd.api import drafting, orders
from eisd.api.answers import Answer
from eisd.api.drafting import DraftBody
from eisd.api.request import Body, The
from eisd.errors import ExitCode, UserError

routes = APIRouter()

_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": DraftBody.model_json_schema()}},
    }
}


class WhenBody(Body):
    """Not before ``at`` (RFC 3339)."""

    at: str | None = None


@routes.get("/drafts", tags=["outbox"])
async def list_drafts(core: The) -> Answer:
    """Drafts that are still to be sent."""
    return await drafting.listed(core)


@routes.post("/drafts", tags=["outbox"], openapi_extra=_EXTRA)
async def create_draft(core: The, request: Request) -> Answer:
    """Keep a draft; with ``file`` a copy lies in the mailbox's Drafts."""
    data = await request.body()
    body = await asyncio.to_thread(orders.read_body, DraftBody, data)
    return await drafting.create(core, body)


@routes.get("/drafts/{draft}", tags=["outbox"])
async def show_draft(core: The, draft: int) -> Answer:
    """One draft with its words."""
    return await drafting.shown(core, draft)


@routes.post("/drafts/{draft}", tags=["outbox"], openapi_extra=_EXTRA)
async def edit_draft(core: The, draft: int, request: Request) -> Answer:
    """Change a draft; what is not named stays."""
    data = await request.body()
    try:
        changes = await asyncio.to_thread(json.loads, data)
    except (ValueError, RecursionError):
        changes = None
    if not isinstance(changes, dict):
        raise UserError("the body is no JSON object", code=ExitCode.DATA)
    return await drafting.edit(core, draft, changes)


@routes.post("/drafts/{draft}/send", tags=["outbox"])
async def send_draft(core: The, draft: int, body: WhenBody) -> Answer:
    """Hand a draft in to be sent."""
    return await drafting.send(core, draft, at=body.at)


@routes.delete("/drafts/{draft}", tags=["outbox"])
async def delete_draft(core: The, draft: int) -> Answer:
    """Delete a draft, and its copy in the mailbox."""
    return await drafting.delete(core, draft)
