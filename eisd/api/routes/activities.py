"""Activities, as their readers may see them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
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


class VisibilityBody(Body):
    """Who says so, and what: ``private``, ``shared``, or ``default`` to take it back."""

    owner: str = Field(alias="as")
    setting: str


@routes.post("/activities/{activity}/visibility", tags=["activities"])
async def set_visibility(core: The, activity: int, body: VisibilityBody) -> Answer:
    """What others may see of one message, as its owner says; it holds for all its activities."""
    return await disclosing.disclose(core, activity, body.owner, body.setting)
