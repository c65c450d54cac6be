"""HTTP to servers elsewhere, through httpx; no other module imports it.

httpx takes a while to import, so that is done by the first request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from eisd.errors import Misconfigured, ProtocolError, Transient
from eisd.wire import tls
from eisd.wire.reply import Reply

if TYPE_CHECKING:
    import httpx


class Web:
    """Requests to servers elsewhere, over a few shared connections; nothing blocks the loop.

    Redirects are not followed, and an answer has a limit in octets and in seconds. The usual
    variables (HTTPS_PROXY, NO_PROXY) are obeyed.
    """

    def __init__(
        self, *, connections: int = 8, max_bytes: int = 262_144, ca_file: str | None = None
    ) -> None:
        self._connections = connections
        self._ca_file = ca_file
        self._max_bytes = max_bytes
        self._client: asyncio.Future[httpx.AsyncClient] | None = None

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 30.0,
    ) -> Reply:
        """POST a form and wait for the whole answer, whatever its status.

        Raises:
            Transient: no connection (code ``unreachable``), too late (``timeout``), broken off
                (``lost``).
            Misconfigured: the server's certificate does not hold (code ``tls``).
            ProtocolError: the answer is too long.
        """
        return await self._ask("POST", url, seconds, data=dict(form), headers=headers)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        at: tuple[str, int] | None = None,
        seconds: float = 30.0,
    ) -> Reply:
        """GET and wait for the whole answer; raises as `post` does.

        ``at`` is the address and port to connect to, which the name in the URL was found to have:
        so it is the one that was looked at, and no other. The certificate is the name's.
        """
        if at is None:
            return await self._ask("GET", url, seconds, headers=headers)
        await self._ready()
        from httpx import URL  # noqa: PLC0415 - imported by now

        name = URL(url).host
        there = URL(url).copy_with(host=at[0], port=at[1])
        named = {**(headers or {}), "Host": name}
        more = {"headers": named, "extensions": {"sni_hostname": name}}
        return await self._ask("GET", str(there), seconds, **more)

    async def _ask(self, method: str, url: str, seconds: float, **more: Any) -> Reply:
        client = await self._ready()
        import httpx  # noqa: PLC0415 - `_ready` has imported it, in a thread

        try:
            async with (
                asyncio.timeout(seconds),
                client.stream(method, url, **more) as reply,
            ):
                body = await self._read(reply)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Transient(f"no answer within {seconds:g} s", code="timeout") from error
        except httpx.TransportError as error:
            raise _of_transport(error) from error
        except httpx.InvalidURL as error:
            raise Misconfigured(str(error), code="config") from error
        named = {name.lower(): value for name, value in reply.headers.items()}
        return Reply(reply.status_code, named.get("content-type", ""), body, named)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            opening, self._client = self._client, None
            await (await opening).aclose()

    async def _read(self, reply: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise ProtocolError(f"the answer has over {self._max_bytes} octets", code="http")
        return bytes(body)

    async def _ready(self) -> httpx.AsyncClient:
        """The client, made by the first request: the import and the certificates take a while."""
        if self._client is None:
            self._client = asyncio.ensure_future(asyncio.to_thread(self._make))
        return await asyncio.shield(self._client)

    def _make(self) -> httpx.AsyncClient:
        library = import_module("httpx")
        client: httpx.AsyncClient = library.AsyncClient(
            limits=library.Limits(max_connections=self._connections, keepalive_expiry=30.0),
            timeout=None,
            follow_redirects=False,
            verify=tls.context(self._ca_file),
        )
        return client


def _of_transport(error: Exception) -> Transient | Misconfigured:
    """Trouble on the way; a certificate that does not hold is none that passes by itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured(f"certificate: {cause.verify_message}", code="tls")
        cause = cause.__cause__ or cause.__context__
    code = "unreachable" if type(error).__name__ == "ConnectError" else "lost"
    return Transient(str(error) or type(error).__name__, code=code)
