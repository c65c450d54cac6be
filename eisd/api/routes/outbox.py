"""The outbox: handing messages in, and asking what became of them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request

from eisd.api import orders
from eisd.api.answers import Answer
from eisd.api.orders import OrderBody
from eisd.api.request import Limit, The
from eisd.outbox.state import Event

routes = APIRouter()

Asked = Literal["hold", "release", "retry", "cancel", "settle"]


@routes.post(
    "/outbox",
    tags=["outbox"],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": OrderBody.model_json_schema()}},
        }
    },
)
async def send(
    core: The, request: Request, idempotency_key: Annotated[str | None, Header()] = None
) -> Answer:
    """Hand a message in: once this answers, it is durable, and will be sent.

    The same request under the same ``Idempotency-Key`` is the same message, whenever it comes.
    """
    data = await request.body()
    body = await asyncio.to_thread(orders.read_body, OrderBody, data)  # may be large
    return await orders.send(core, body, idempotency_key)


@routes.get("/outbox", tags=["outbox"])
async def list_submissions(
    core: The,
    mailbox: str | None = None,
    state: Annotated[list[str] | None, Query()] = None,
    before: int | None = None,
    limit: Limit = 50,
) -> Answer:
    """Submissions, newest first; ``next`` is the ``before`` of the next page."""
    return await orders.listed(
        core, mailbox=mailbox, states=state or (), before=before, limit=limit
    )


@routes.get("/outbox/{submission}", tags=["outbox"])
async def show_submission(core: The, submission: int) -> Answer:
    """One submission with its recipients, its activities, and those of what answered it."""
    return await orders.shown(core, submission)


@routes.post("/outbox/{submission}/{asked}", tags=["outbox"])
async def change_submission(core: The, submission: int, asked: Asked) -> Answer:
    """Hold, release, retry or cancel it; ``settle`` says that one in doubt was sent."""
    return await orders.change(core, submission, Event(asked))
