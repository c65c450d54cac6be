"""Metrics and probes on listeners of their own: no API, no data, no token.

`GET /metrics`, `/healthz` and `/readyz`, for Prometheus and whoever restarts machines.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from eisd import events
from eisd.api import exposition, readiness
from eisd.api.server import Listeners
from eisd.config.schema import Settings
from eisd.daemon.core import Core
from eisd.errors import UserError
from eisd.logs import emit

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
SECONDS: Final = 10.0


def create(core: Core) -> ASGIApp:
    """The metrics of a core as an ASGI app."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["type"] != "http":
            return
        status, kind, body = await _answer(core, scope)
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def _answer(core: Core, scope: Scope) -> tuple[int, str, bytes]:
    if scope["method"] not in {"GET", "HEAD"}:
        return 405, _TEXT, b"only GET\n"
    match scope["path"]:
        case "/metrics":
            async with asyncio.timeout(SECONDS):
                text = await exposition.scrape(core)
            return 200, exposition.MEDIA_TYPE, text
        case "/healthz":
            return _probe(*readiness.healthy(core))
        case "/readyz":
            asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            return _probe(*readiness.ready(core, verbose="verbose" in asked))
        case _:
            return 404, _TEXT, b"/metrics, /healthz, /readyz?verbose\n"


def _probe(ok: bool, told: dict[str, object]) -> tuple[int, str, bytes]:
    return 200 if ok else 503, _JSON, json.dumps(told).encode()


async def listen(listeners: Listeners, settings: Settings) -> None:
    """Serve metrics where the configuration says, and nowhere else.

    The default address may be another daemon's: that is told, and no reason to fail.

    Raises:
        UserError: (73, 75) an address that the configuration names cannot be listened on.
    """
    try:
        await listeners.apply(settings.metrics.listen)
    except UserError as error:
        if "listen" in settings.metrics.model_fields_set:
            raise
        emit(events.METRICS_UNSERVED, reason=str(error))
