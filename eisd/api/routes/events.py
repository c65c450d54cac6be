"""Live events: Server-Sent Events (WHATWG HTML 9.2), for `eisd tail` and whoever else listens."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from eisd.api.request import The
from eisd.api.stream import KEPT, Item, Stream, Wants, check_area, level_of

routes = APIRouter()


@routes.get("/events", tags=["events"])
async def follow_events(
    core: The,
    mailbox: str | None = None,
    event: str = "",
    level: str = "info",
    last: Annotated[int, Query(ge=0, le=KEPT)] = 0,
    *,
    follow: bool = True,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """What happens, as it happens, as Server-Sent Events.

    ``event`` takes a name or the begin of one, ``last`` so many past events first, and
    ``Last-Event-ID`` all since that one. `stream.gap` says that some were missed.
    """
    wants = Wants(mailbox, check_area(event), level_of(level))
    past = core.stream.recent(wants, last) if last_event_id is None else []
    text = _text(core.stream, wants, past, last_event_id, follow=follow)
    return StreamingResponse(text, media_type="text/event-stream", headers=_HEADERS)


_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def _text(
    stream: Stream, wants: Wants, past: list[Item], after: str | None, *, follow: bool
) -> AsyncGenerator[str, None]:
    yield ": eisd\n\n"
    for item in past:
        yield _event(item)
    if not follow:
        return
    async with aclosing(stream.follow(wants, past[-1].id if past else after)) as items:
        async for item in items:
            yield _event(item)


def _event(item: Item) -> str:
    if item.record is not None:
        data = json.dumps(item.record, ensure_ascii=False, separators=(",", ":"))
        return f"id: {item.id}\nevent: {item.record['event']}\ndata: {data}\n\n"
    if item.lost:
        lost = item.lost if item.lost > 0 else None
        return f"id: {item.id}\nevent: stream.gap\ndata: {json.dumps({'lost': lost})}\n\n"
    return ": alive\n\n"
