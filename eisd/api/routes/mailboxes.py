"""Mailboxes: what is known of them, and what may be asked of one."""

from __future__ import annotations

from fastapi import APIRouter

from eisd.api import actions, answers, depth, unreadable
from eisd.api.answers import Answer
from eisd.api.probing import probe
from eisd.api.request import Body, The

routes = APIRouter()


class TestBody(Body):
    """How a mailbox is tried out."""

    send_to: str | None = None
    """An address that gets a message; one's own awaits it."""


class ResyncBody(Body):
    """List a folder anew (or all), from the window or from ``since`` (ms since 1970 UTC)."""

    folder: str | None = None
    since_ms: int | None = None


class RetryBody(Body):
    """Whether to leave it at that rather than to try again."""

    accept: bool = False


@routes.get("/mailboxes", tags=["mailboxes"])
async def list_mailboxes(core: The) -> Answer:
    """Every mailbox known."""
    return {"mailboxes": await core.store.read(answers.mailbox_list)}


@routes.get("/mailboxes/{name}", tags=["mailboxes"])
async def show_mailbox(core: The, name: str) -> Answer:
    """One mailbox in depth: its folders, its connection, what it waits for, its last troubles."""
    return await depth.mailbox(core, name)


@routes.post("/mailboxes/{name}/pause", tags=["mailboxes"])
async def pause_mailbox(core: The, name: str) -> Answer:
    """Disconnect, and stay so over restarts."""
    return await actions.pause(core, name, paused=True)


@routes.post("/mailboxes/{name}/resume", tags=["mailboxes"])
async def resume_mailbox(core: The, name: str) -> Answer:
    """Go on."""
    return await actions.pause(core, name, paused=False)


@routes.post("/mailboxes/{name}/reconnect", tags=["mailboxes"])
async def reconnect_mailbox(core: The, name: str) -> Answer:
    """Connect anew at once, whatever the mailbox waits for."""
    core.reconnect(name)
    return {"mailbox": name}


@routes.post("/mailboxes/{name}/resync", tags=["mailboxes"])
async def resync_mailbox(core: The, name: str, body: ResyncBody) -> Answer:
    """List folders anew; nothing is recorded twice."""
    return {"mailbox": name, "folders": await core.resync(name, body.folder, body.since_ms)}


@routes.post("/mailboxes/{name}/retry", tags=["mailboxes"])
async def retry_unreadable(core: The, name: str, body: RetryBody) -> Answer:
    """Fetch anew what could not be read, or accept that it is so."""
    return await unreadable.retry(core, name, accept=body.accept)


@routes.post("/mailboxes/{name}/test", tags=["mailboxes"])
async def test_mailbox(core: The, name: str, body: TestBody | None = None) -> Answer:  # noqa: PT028
    """Connect and log in where mail comes in and where it goes out, step by step."""
    send_to = None if body is None else body.send_to
    return {"mailbox": name, "steps": await probe(core, name, send_to=send_to)}


@routes.delete("/mailboxes/{name}", tags=["mailboxes"])
async def forget_mailbox(core: The, name: str) -> Answer:
    """Erase a mailbox that is no longer configured; its activities stay."""
    await core.forget(name)
    return {"mailbox": name}
