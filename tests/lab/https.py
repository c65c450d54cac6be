"""A web server on loopback with TLS, that has what a test tells it."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self


class Pages:
    """Answers GET by host and path, for one ``async with``; everything else is 404."""

    def __init__(self, context: ssl.SSLContext, pages: dict[str, bytes] | None = None) -> None:
        self.pages = dict(pages or {})
        """``host/path`` without the query to a body, or to a whole reply that begins ``HTTP/``."""
        self.asked: list[str] = []
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split(" ")[1]
            host = next(line[6:] for line in head if line.lower().startswith("host: "))
            self.asked.append(f"{host}{path}")
            body = self.pages.get(f"{host}{path}".partition("?")[0])
            if body is not None and body.startswith(b"HTTP/"):
                writer.write(body)
            else:
                status = b"404 Not Found" if body is None else b"200 OK"
                body = body or b""
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                    % (status, len(body), body)
                )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)
