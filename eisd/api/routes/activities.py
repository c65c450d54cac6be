"""Activities, as their readers may see them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from eisd.api import answers, disclosing
from eisd.api.answers import Answer
from eisd.api.request import Body, Limit, The

routes = APIRouter()


@routes.get("/activities", tags=["activities"])
async def list_activities(
    core: The,
    contact: str | None = None,
    workspace: str | None = None,
    mailbox: str | None = None,
    since: str | None = None,
    before: str | None = None,
    owner: Annotated[str | None, Query(alias="as")] = None,
    limit: Limit = 50,
) -> Answer:
    """Activities, newest first; ``next`` is the ``before`` of the next page."""
    return await core.store.read(
        lambda db: answers.activity_list(
            db,
            contact=contact,
            workspace=workspace,
            mailbox=mailbox,
            since=since,
            before=before,
            limit=limit,
            owner=owner,
        )
    )


@routes.get("/activities/{activity}", tags=["activities"])
async def show_activity(
    core: The, activity: int, owner: Annotated[str | None, Query(alias="as")] = None
) -> Answer:
    """One activity with its copies, participants and attachments."""
    return await core.store.read(lambda db: answers.activity_show(db, activity, owner=owner))


@routes.get("/activities/{activity}/attachments/{sha256}", tags=["activities"])
async def get_attachment(
    core: The, activity: int, sha256: str, owner: Annotated[str | None, Query(alias="as")] = None
) -> Response:
    """The bytes of an attachment, by the SHA-256 that its activity tells, where they are kept."""
    found = await core.store.read(
        lambda db: answers.attachment(db, activity, sha256.lower(), owner=owner)
    )
    # Whatever it claims to be, a browser is to save it and not to show it.
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(found, media_type="application/octet-stream", headers=headers)


class VisibilityBody(Body):
    """Who says so, and what: ``private``, ``shared``, or ``default`` to take it back."""

    owner: str = Field(alias="as")
    setting: str


@routes.post("/activities/{activity}/visibility", tags=["activities"])
async def set_visibility(core: The, activity: int, body: VisibilityBody) -> Answer:
    """What others may see of one message, as its owner says; it holds for all its activities."""
    return await disclosing.disclose(core, activity, body.owner, body.setting)
