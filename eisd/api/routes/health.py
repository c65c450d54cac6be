"""Whether the daemon lives: for load balancers and probes, without a version in the path."""

from __future__ import annotations

from fastapi import APIRouter, Response

from eisd.api.answers import Answer
from eisd.api.request import The

routes = APIRouter()


@routes.get("/healthz")
async def healthz(core: The, response: Response) -> Answer:
    """Whether the daemon itself moves; never whether a mail server does."""
    stale = core.condition.stale
    response.status_code = 503 if stale else 200
    return {"ok": not stale, "stale": list(stale)}


@routes.get("/readyz")
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
