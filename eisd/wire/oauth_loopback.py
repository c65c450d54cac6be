"""The loopback end of a browser sign-in (RFC 8252 section 7.3): waits for one redirect.

It listens on a free port of 127.0.0.1, and of ::1 where the same port is free there, since a
browser may take either for ``localhost``. Whatever else asks is answered politely and ignored.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

LINE: Final = 16_384
SECONDS: Final = 10.0
AT_ONCE: Final = 16

_PAGE: Final = """\
<!doctype html><meta charset="utf-8"><title>eisd</title>
<body style="font: 18px sans-serif; margin: 4em auto; max-width: 30em">
<p>{text}</p>
"""
_DONE: Final = (
    "Thank you. The rest is shown where you started the sign-in; this page may be closed."
)
_OTHER: Final = "This is eisd, waiting for a sign-in to be finished in the browser."


class Loopback:
    """``async with Loopback() as here: ... here.port, here.expect(state), here.redirect()``."""

    def __init__(self) -> None:
        self._state = ""
        self._servers: list[asyncio.Server] = []
        self._open = 0
        self._found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.port = 0

    async def __aenter__(self) -> Self:
        first = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LINE)
        self.port = first.sockets[0].getsockname()[1]
        self._servers = [first]
        with suppress(OSError):  # no IPv6 here, or the port is taken there
            self._servers.append(
                await asyncio.start_server(
                    self._serve, "::1", self.port, limit=LINE, family=socket.AF_INET6
                )
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.close()
        self._found.cancel()

    def expect(self, state: str) -> None:
        """Take a redirect with this state alone; before, none is."""
        self._state = state

    async def redirect(self) -> str:
        """The query of the redirect, when the browser has come."""
        return await self._found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= AT_ONCE:
                async with asyncio.timeout(SECONDS):
                    await self._answer(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # a browser that went, or something that is none
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, _, rest = (await reader.readline()).decode("ascii", "replace").partition(" ")
        target = rest.partition(" ")[0]
        while (await reader.readline()).strip():
            pass
        query = urlsplit(target).query
        is_it = method == "GET" and self._is_ours(query)
        body = _PAGE.format(text=_DONE if is_it else _OTHER).encode()
        head = (
            f"HTTP/1.1 {'200 OK' if is_it else '404 Not Found'}\r\n"
            "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
            "Referrer-Policy: no-referrer\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        if is_it and not self._found.done():
            self._found.set_result(query)

    def _is_ours(self, query: str) -> bool:
        found = parse_qs(query)
        if not self._state or not found.keys() & {"code", "error"}:
            return False
        return found.get("state") == [self._state]
