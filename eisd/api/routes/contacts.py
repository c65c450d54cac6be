"""Contacts and their import."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from eisd.api import actions, answers
from eisd.api.answers import Answer
from eisd.api.request import Limit, The
from eisd.errors import ExitCode, UserError

routes = APIRouter()


@routes.get("/contacts", tags=["contacts"])
async def list_contacts(
    core: The, workspace: str | None = None, after: int = 0, limit: Limit = 1_000
) -> Response:
    """Contacts with their addresses, oldest first; ``next`` is the ``after`` of the next page."""
    found = await core.store.read(
        lambda db: answers.contact_list(db, workspace=workspace, after=after, limit=limit)
    )
    text = await asyncio.to_thread(json.dumps, found, ensure_ascii=False)
    return Response(text, media_type="application/json")


@routes.get("/contacts/{contact}", tags=["contacts"])
async def show_contact(core: The, contact: str, workspace: str | None = None) -> Answer:
    """The contacts of that id, one a workspace, with their summaries."""
    return {
        "contacts": await core.store.read(
            lambda db: answers.contact_show(db, contact, workspace=workspace)
        )
    }


@routes.post("/contacts", tags=["contacts"])
async def import_contacts(core: The, request: Request) -> Answer:
    """Import contacts: ``{"contacts": [...], "replace": false, "dry_run": false, ...}``.

    Importing again is an update; a missing address ends, a missing contact stays unless
    ``replace``. A bad contact refuses the import whole unless ``skip_bad``.
    """
    data = await request.body()
    body = await asyncio.to_thread(_import_body, data)  # may be large: not on the loop
    return await actions.contacts_import(core, **body)


def _import_body(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise UserError("the body is no JSON", code=ExitCode.DATA) from None
    kinds = {"workspace": str, "replace": bool, "dry_run": bool, "skip_bad": bool, "source": str}
    if not isinstance(body, dict) or not isinstance(body.get("contacts"), list):
        raise UserError('want {"contacts": [...]}', code=ExitCode.DATA)
    items = body.pop("contacts")
    for key, value in body.items():
        if key not in kinds or not isinstance(value, kinds[key]):
            raise UserError(f"{key!r} is not known, or of the wrong kind", code=ExitCode.DATA)
    return {"items": items, **body}


@routes.get("/workspaces", tags=["contacts"])
async def list_workspaces(core: The) -> Answer:
    """Workspaces with what they hold."""
    return {"workspaces": await core.store.read(answers.workspace_list)}
