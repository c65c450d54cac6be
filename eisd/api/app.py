"""The HTTP API over a core. `create` gives an ASGI app; `eisd.api.server` listens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from eisd import __version__
from eisd.api import problems
from eisd.api.core import Core
from eisd.api.limits import Limits
from eisd.api.routes import (
    activities,
    auth,
    contacts,
    daemon,
    drafts,
    events,
    health,
    invites,
    mailboxes,
    outbox,
    template,
)

V1 = (daemon, mailboxes, auth, invites, contacts, activities, outbox, drafts, template, events)


def create(core: Core) -> ASGIApp:
    """The API of a core."""
    app = _routed()
    app.state.core = core
    problems.install(app)
    return Limits(app, templates())


def templates() -> dict[object, str]:
    """The path of every endpoint as it is declared, ``/v1/contacts/{contact}``; for the metrics."""
    nouns = [("", health), *(("/v1", noun) for noun in V1)]
    return {
        route.endpoint: prefix + route.path
        for prefix, noun in nouns
        for route in noun.routes.routes
        if isinstance(route, APIRoute)
    }


def describe() -> dict[str, Any]:
    """The API as OpenAPI describes it."""
    return _routed().openapi()


def _routed() -> FastAPI:
    app = FastAPI(
        title="eisd",
        version=__version__,
        summary="Mailboxes in, contact-linked activities out.",
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
    )
    app.include_router(health.routes, tags=["health"])
    v1 = APIRouter(prefix="/v1")
    for noun in V1:
        v1.include_router(noun.routes)
    app.include_router(v1)
    return app
