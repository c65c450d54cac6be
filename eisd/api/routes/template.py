"""Templates: adding, looking at, trying out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from eisd.api import rendering
from eisd.api.answers import Answer
from eisd.api.request import Body, The

routes = APIRouter()


class TemplateBody(Body):
    """A template: headers, an empty line and the text; the HTML beside it, if there is some."""

    source: str
    html: str | None = None


class PreviewBody(Body):
    """What a template is tried with."""

    version: int | None = None
    mailbox: str = ""
    contact: str | None = None
    workspace: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)


@routes.get("/templates", tags=["templates"])
async def list_templates(core: The) -> Answer:
    """Every template, those in files too."""
    return {"templates": await rendering.listing(core)}


@routes.get("/templates/{name}", tags=["templates"])
async def show_template(core: The, name: str, version: int | None = None) -> Answer:
    """One template, its newest version unless another is named."""
    return (await rendering.find(core, name, version))[1]


@routes.post("/templates/{name}", tags=["templates"])
async def add_template(core: The, name: str, body: TemplateBody) -> Answer:
    """Add a version of a template."""
    return await rendering.add(core, name, body.source, body.html)


@routes.post("/templates/{name}/preview", tags=["templates"])
async def preview_template(core: The, name: str, body: PreviewBody) -> Answer:
    """What a template says with these values; nothing is sent."""
    return await rendering.preview(core, name, **body.model_dump())


@routes.delete("/templates/{name}", tags=["templates"])
async def remove_template(core: The, name: str) -> Answer:
    """Remove a template from the database."""
    return await rendering.remove(core, name)
