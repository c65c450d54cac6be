"""Contacts and their import."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from eisd.api import actions, answers, contact_actions
from eisd.api.answers import Answer
from eisd.api.request import Body, Limit, The
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


@routes.post("/imports", tags=["contacts"])
async def import_file(
    core: The,
    request: Request,
    format: Literal["csv", "jsonl", "vcf"] = "csv",  # noqa: A002 - its name in the query
    workspace: str = "default",
    replace: bool = False,
    dry_run: bool = False,
    skip_bad: bool = False,
    source: str = "upload",
) -> Answer:
    """Import the file that the body is, as `eisd contacts import` does; ``source`` is its name."""
    folder = core.settings.paths.state_dir
    with closing(await asyncio.to_thread(_temporary, folder)) as file:
        async for piece in request.stream():
            await asyncio.to_thread(file.write, piece)
        return await actions.import_file(
            core,
            file,
            format_=format,
            workspace=workspace,
            replace=replace,
            dry_run=dry_run,
            skip_bad=skip_bad,
            source=source,
        )


def _temporary(folder: Path) -> IO[bytes]:
    return TemporaryFile(dir=folder)


class AddressBody(Body):
    """An address; without ``added_at`` (RFC 3339) it counts from now on."""

    address: str
    primary: bool = False
    added_at: str | None = None
    ended_at: str | None = None


class ContactBody(Body):
    """What is known of a contact; what is empty stays as it is."""

    name: str = ""
    kind: str = ""
    company: str = ""
    workspace: str = "default"
    addresses: list[AddressBody] = Field(default_factory=list)


class PlaceBody(Body):
    """Which workspace, where several have a contact of that id."""

    workspace: str | None = None


class MergeBody(PlaceBody):
    """The contact that takes the other one's addresses and activities."""

    into: str


class BackfillBody(PlaceBody):
    """Since when (ms since 1970 UTC); without it, all that was ever listed."""

    since_ms: int | None = None


@routes.post("/contacts/{contact}", tags=["contacts"])
async def add_contact(core: The, contact: str, body: ContactBody) -> Answer:
    """Add a contact, or addresses to one; nothing that it has ends."""
    return await contact_actions.add(core, {"id": contact, **body.model_dump(mode="json")})


@routes.delete("/contacts/{contact}", tags=["contacts"])
async def remove_contact(
    core: The, contact: str, workspace: str | None = None, purge: bool = False
) -> Answer:
    """Delete a contact; activities stay. With ``purge`` all that is readable of it is erased."""
    action = contact_actions.purge if purge else contact_actions.remove
    return await action(core, contact, workspace=workspace)


@routes.delete("/contacts/{contact}/addresses", tags=["contacts"])
async def end_address(
    core: The, contact: str, address: str, workspace: str | None = None
) -> Answer:
    """End one address of a contact; what came by it stays."""
    return await contact_actions.end_address(core, contact, address, workspace=workspace)


@routes.post("/contacts/{contact}/restore", tags=["contacts"])
async def restore_contact(core: The, contact: str, body: PlaceBody) -> Answer:
    """Take a deletion back; the addresses count again from now on."""
    return await contact_actions.restore(core, contact, workspace=body.workspace)


@routes.post("/contacts/{contact}/merge", tags=["contacts"])
async def merge_contact(core: The, contact: str, body: MergeBody) -> Answer:
    """Merge a contact into another of its workspace; its id answers with that one."""
    return await contact_actions.merge(core, contact, body.into, workspace=body.workspace)


@routes.post("/contacts/{contact}/backfill", tags=["contacts"])
async def backfill_contact(core: The, contact: str, body: BackfillBody) -> Answer:
    """Give a contact the mail from before its addresses were added."""
    return await contact_actions.backfill(
        core, contact, since_ms=body.since_ms, workspace=body.workspace
    )


@routes.get("/workspaces", tags=["contacts"])
async def list_workspaces(core: The) -> Answer:
    """Workspaces with what they hold."""
    return {"workspaces": await core.store.read(answers.workspace_list)}
