"""The HTTP API over a core. `create` gives an ASGI app; `eisd.api.server` listens."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from eisd import __version__
from eisd.api import actions, answers, overview, problems
from eisd.api.answers import Answer
from eisd.api.core import Core
from eisd.api.limits import Limits
from eisd.errors import ExitCode, UserError

PAGE_MAX: Final = 5_000


class _Body(BaseModel):
    """A request's body: strict, and nothing in it that we do not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SyncBody(_Body):
    """Which mailboxes are to look now (all when none is named), and whether to wait for them."""

    mailboxes: list[str] | None = None
    wait: bool = False
    timeout_s: float = Field(default=600.0, gt=0, le=7_000)


class ResyncBody(_Body):
    """List a folder anew (or all), from the window or from ``since`` (ms since 1970 UTC)."""

    folder: str | None = None
    since_ms: int | None = None


class ExplainBody(_Body):
    """A Message-ID, or a whole message in base64 for a dry run."""

    message_id: str | None = None
    rfc822: str | None = None


class VerifyBody(_Body):
    """One mailbox, or all."""

    mailbox: str | None = None


class BackupBody(_Body):
    """An absolute path on the daemon's machine where nothing lies yet."""

    path: str


def _core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


The = Annotated[Core, Depends(_core)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]

health = APIRouter(tags=["health"])
v1 = APIRouter(prefix="/v1")


def create(core: Core) -> ASGIApp:
    """The API of a core."""
    app = _routed()
    app.state.core = core
    problems.install(app)
    return Limits(app)


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
    app.include_router(health)
    app.include_router(v1)
    return app


# Health


@health.get("/healthz")
async def healthz(core: The, response: Response) -> Answer:
    """Whether the daemon itself moves; never whether a mail server does."""
    stale = core.condition.stale
    response.status_code = 503 if stale else 200
    return {"ok": not stale, "stale": list(stale)}


@health.get("/readyz")
async def readyz(core: The, response: Response, *, verbose: bool = False) -> Answer:
    """Whether configuration, database and sockets are up, and the daemon is not about to end."""
    checks = {"daemon": core.condition.ready and not core.condition.stale}
    if core.settings.health.ready_requires == "all":
        checks |= {
            name: one.state.value in {"idle", "polling", "backfill"}
            for name, one in core.mailboxes.items()
        }
    response.status_code = 200 if all(checks.values()) else 503
    return {"ok": all(checks.values())} | ({"checks": checks} if verbose else {})


@v1.get("/status", tags=["daemon"])
async def get_status(core: The) -> Answer:
    """The daemon, its mailboxes, and what needs a person."""
    return await overview.status(core)


# Mailboxes


@v1.get("/mailboxes", tags=["mailboxes"])
async def list_mailboxes(core: The) -> Answer:
    """Every mailbox known."""
    return {"mailboxes": await core.store.read(answers.mailbox_list)}


@v1.get("/mailboxes/{name}", tags=["mailboxes"])
async def show_mailbox(core: The, name: str) -> Answer:
    """One mailbox with its folders."""
    return await core.store.read(lambda db: answers.mailbox_show(db, name))


@v1.post("/mailboxes/{name}/pause", tags=["mailboxes"])
async def pause_mailbox(core: The, name: str) -> Answer:
    """Disconnect, and stay so over restarts."""
    return await actions.pause(core, name, paused=True)


@v1.post("/mailboxes/{name}/resume", tags=["mailboxes"])
async def resume_mailbox(core: The, name: str) -> Answer:
    """Go on."""
    return await actions.pause(core, name, paused=False)


@v1.post("/mailboxes/{name}/reconnect", tags=["mailboxes"])
async def reconnect_mailbox(core: The, name: str) -> Answer:
    """Connect anew at once, whatever the mailbox waits for."""
    core.reconnect(name)
    return {"mailbox": name}


@v1.post("/mailboxes/{name}/resync", tags=["mailboxes"])
async def resync_mailbox(core: The, name: str, body: ResyncBody) -> Answer:
    """List folders anew; nothing is recorded twice."""
    return {"mailbox": name, "folders": await core.resync(name, body.folder, body.since_ms)}


@v1.post("/mailboxes/{name}/test", tags=["mailboxes"])
async def test_mailbox(core: The, name: str) -> Answer:
    """Connect and log in, step by step."""
    return {"mailbox": name, "steps": await actions.probe(core, name)}


@v1.delete("/mailboxes/{name}", tags=["mailboxes"])
async def forget_mailbox(core: The, name: str) -> Answer:
    """Erase a mailbox that is no longer configured; its activities stay."""
    await core.forget(name)
    return {"mailbox": name}


# Contacts


@v1.get("/contacts", tags=["contacts"])
async def list_contacts(
    core: The, workspace: str | None = None, after: int = 0, limit: Limit = 1_000
) -> Response:
    """Contacts with their addresses, oldest first; ``next`` is the ``after`` of the next page."""
    found = await core.store.read(
        lambda db: answers.contact_list(db, workspace=workspace, after=after, limit=limit)
    )
    text = await asyncio.to_thread(json.dumps, found, ensure_ascii=False)
    return Response(text, media_type="application/json")


@v1.get("/contacts/{contact}", tags=["contacts"])
async def show_contact(core: The, contact: str, workspace: str | None = None) -> Answer:
    """The contacts of that id, one a workspace, with their summaries."""
    return {
        "contacts": await core.store.read(
            lambda db: answers.contact_show(db, contact, workspace=workspace)
        )
    }


@v1.post("/contacts", tags=["contacts"])
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


# Activities


@v1.get("/activities", tags=["activities"])
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


@v1.get("/activities/{activity}", tags=["activities"])
async def show_activity(
    core: The, activity: int, owner: Annotated[str | None, Query(alias="as")] = None
) -> Answer:
    """One activity with its copies, participants and attachments."""
    return await core.store.read(lambda db: answers.activity_show(db, activity, owner=owner))


@v1.get("/workspaces", tags=["contacts"])
async def list_workspaces(core: The) -> Answer:
    """Workspaces with what they hold."""
    return {"workspaces": await core.store.read(answers.workspace_list)}


# The daemon


@v1.post("/sync", tags=["daemon"])
async def sync(core: The, body: SyncBody) -> Answer:
    """Let mailboxes look now."""
    results = await actions.sync_now(core, body.mailboxes, wait=body.wait, seconds=body.timeout_s)
    return {"mailboxes": results}


@v1.post("/explain", tags=["messages"])
async def explain(core: The, body: ExplainBody) -> Answer:
    """Why a message was, or would be, recorded or not."""
    if body.rfc822 is not None:
        return await actions.explain_message(core, actions.decoded(body.rfc822))
    if body.message_id is None:
        raise UserError("want message_id or rfc822", code=ExitCode.USAGE)
    return await actions.explain(core, body.message_id)


@v1.post("/verify", tags=["daemon"])
async def verify(core: The, body: VerifyBody) -> Answer:
    """Compare the servers' counts with ours."""
    return {"mailboxes": await actions.verify_mailboxes(core, body.mailbox)}


@v1.post("/reload", tags=["daemon"])
async def reload(core: The) -> Answer:
    """Check and apply the configuration; refused whole, or applied whole."""
    done = await core.reload()
    return {"changes": list(done.changes)}


@v1.post("/db/backup", tags=["daemon"])
async def backup(core: The, body: BackupBody) -> Answer:
    """Write a verified copy of the database."""
    return await actions.backup(core, body.path)
