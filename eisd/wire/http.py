"""HTTP, through httpx; no other module imports it.

httpx takes a while to import, so that is done by the first request.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eisd.errors import ProtocolError, Transient


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when it is empty. Raises `ProtocolError` on anything else."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ProtocolError("the answer is no JSON", code="http") from error


def request(
    uds: str,
    method: str,
    path: str,
    *,
    body: object = None,
    params: Mapping[str, str | int] | None = None,
    timeout: float = 30.0,
) -> Reply:
    """Ask a server on a Unix socket, and wait for the whole answer.

    Args:
        uds: the socket's path.
        method: GET, POST, ...
        path: begins with a slash.
        body: sent as JSON, unless None.
        params: the query.
        timeout: seconds for each step: connect, write, each read.

    Raises:
        Transient: nobody listens (code ``unreachable``), the socket may not be used
            (``forbidden``), the answer is late (``timeout``) or broken off (``lost``).
    """
    import httpx  # noqa: PLC0415

    _reach(uds)
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=uds), base_url="http://eisd", timeout=timeout
        ) as client:
            reply = client.request(method, path, json=body, params=params)
            return Reply(reply.status_code, reply.headers.get("content-type", ""), reply.content)
    except httpx.TimeoutException as error:
        raise Transient(f"no answer within {timeout:g} s", code="timeout") from error
    except httpx.TransportError as error:
        raise Transient(str(error) or type(error).__name__, code="lost") from error


def _reach(uds: str) -> None:
    """Connect once and hang up: httpx keeps the errno to itself and leaks the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(uds)
        except PermissionError as error:
            raise Transient(f"{uds}: {error.strerror}", code="forbidden") from error
        except OSError as error:
            raise Transient(f"{uds}: {error.strerror}", code="unreachable") from error
