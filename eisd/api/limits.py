"""What one request may cost: octets of its body, seconds of its answer. Plain ASGI, outermost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eisd import events, metrics
from eisd.api import problems
from eisd.errors import ExitCode
from eisd.logs import emit

BODY_MAX: Final = 1 << 20
SECONDS: Final = 60.0
SLOW: Final[dict[str, tuple[int, float | None]]] = {
    "/v1/contacts": (64 << 20, 900.0),
    "/v1/imports": (1 << 30, 3_600.0),
    "/v1/explain": (96 << 20, 120.0),
    "/v1/outbox": (96 << 20, 180.0),
    "/v1/drafts": (96 << 20, 180.0),
    "/v1/replay": (BODY_MAX, 900.0),
    "/v1/sync": (BODY_MAX, 7_200.0),
    "/v1/verify": (BODY_MAX, 7_200.0),
    "/v1/db/backup": (BODY_MAX, 7_200.0),
    "/v1/events": (BODY_MAX, None),
}
"""Octets and seconds of those that need more (None: for as long as somebody listens). A message
in base64 is a third larger."""


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _TooLarge(HTTPException):
    """The body has more octets than it may; a kind of error that FastAPI does not disguise."""

    def __init__(self) -> None:
        super().__init__(413)


class Limits:
    """Wraps an app; what it lets through ends in an answer, whatever happens."""

    def __init__(self, app: ASGIApp, templates: Mapping[object, str]) -> None:
        """Take ``templates``: the declared path of each endpoint, for the metrics."""
        self._app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = _Request(scope, receive, send)
        size, seconds = SLOW.get(scope["path"], (BODY_MAX, SECONDS))
        try:
            request.check_length(size)
            async with asyncio.timeout(seconds):
                await self._app(scope, request.receiver(size), request.send)
        except _TooLarge:
            await request.refuse(413, f"more than {size} octets", ExitCode.DATA)
        except TimeoutError:
            await request.refuse(503, f"not done within {seconds:g} s", ExitCode.TRY_LATER)
        except Exception as error:  # noqa: BLE001  the last place where it can be answered
            request.failed(error)
            await request.refuse(500, "the daemon's log has more", ExitCode.BUG)
        finally:
            request.count(self._templates.get(scope.get("endpoint"), "other"))


class _Request:
    """One request, and whether its answer has begun."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._begun = False
        self._status = 0
        self._at = time.monotonic()

    def check_length(self, size: int) -> None:
        """Refuse by the length that is announced, before anything is read."""
        for name, value in self._scope["headers"]:
            if name == b"content-length" and int(value) > size:
                raise _TooLarge

    def receiver(self, size: int) -> Receive:
        """Receive, counting octets."""
        taken = 0

        async def receive() -> Message:
            nonlocal taken
            message = await self._receive()
            taken += len(message.get("body", b""))
            if taken > size:
                raise _TooLarge
            return message

        return receive

    async def send(self, message: Message) -> None:
        """Send, remembering that the answer has begun."""
        self._begun = True
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def count(self, route: str) -> None:
        """Count the request under its route, which is a template; unknown paths are one."""
        method = self._scope["method"] if self._scope["method"] in _METHODS else "other"
        metrics.HTTP_REQUESTS.inc(route, method, str(self._status))
        metrics.HTTP_DURATION.observe(time.monotonic() - self._at, route)

    def failed(self, error: Exception) -> None:
        """Say in the log what nobody foresaw."""
        emit(
            events.API_REQUEST_FAILED,
            method=self._scope["method"],
            route=self._scope["path"],
            status=500,
            duration_ms=round((time.monotonic() - self._at) * 1000),
            error=error,
        )

    async def refuse(self, status: int, detail: str, code: ExitCode) -> None:
        """Answer with a problem, unless another answer has begun."""
        if self._begun:
            return
        payload = json.dumps(problems.body(status, detail, code)).encode()
        headers = [
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", str(len(payload)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": payload})
