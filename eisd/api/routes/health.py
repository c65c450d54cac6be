"""Whether the daemon lives: for load balancers and probes, without a version in the path."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BeforeValidator

from eisd.api import exposition, readiness
from eisd.api.answers import Answer
from eisd.api.request import The

Flag = Annotated[bool, BeforeValidator(lambda given: given == "" or given)]
"""True also where nothing but its name is given, as probes write it: ``/readyz?verbose``."""

routes = APIRouter()


@routes.get("/healthz")
async def healthz(core: The, response: Response) -> Answer:
    """Whether the daemon itself moves; never whether a mail server does."""
    ok, told = readiness.healthy(core)
    response.status_code = 200 if ok else 503
    return told


@routes.get("/readyz")
async def readyz(core: The, response: Response, *, verbose: Flag = False) -> Answer:
    """Whether configuration, database and sockets are up, and the daemon is not about to end."""
    ok, told = readiness.ready(core, verbose=verbose)
    response.status_code = 200 if ok else 503
    return told


@routes.get("/metrics")
async def metrics(core: The) -> Response:
    """What Prometheus reads, as on the listeners of `metrics.listen`."""
    text = await exposition.scrape(core)
    return Response(text, media_type=exposition.MEDIA_TYPE)
