"""An answer over HTTP that has no end, line by line (Server-Sent Events), through httpx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from eisd.errors import Transient
from eisd.wire.http import Reply, reach

OK: Final = 200
SILENCE: Final = 60.0
"""Seconds without a line after which a stream is given up; the daemon speaks every 15."""


class Refused(Exception):
    """A stream that was not granted; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def stream(
    uds: str, path: str, *, params: Mapping[str, str | int], headers: Mapping[str, str]
) -> Iterator[str]:
    """The lines of an answer from a server on a Unix socket, as they come.

    Ends when the server ends it.

    Raises:
        Transient: nobody listens (code ``unreachable``), the socket may not be used
            (``forbidden``), or the stream broke off or fell silent (``lost``).
        Refused: the server answers with something else.
    """
    import httpx  # noqa: PLC0415

    reach(uds)
    try:
        with (
            httpx.Client(
                transport=httpx.HTTPTransport(uds=uds), base_url="http://eisd", timeout=SILENCE
            ) as client,
            client.stream("GET", path, params=params, headers=headers) as reply,
        ):
            if reply.status_code != OK:
                reply.read()
                kind = reply.headers.get("content-type", "")
                raise Refused(Reply(reply.status_code, kind, reply.content))
            yield from reply.iter_lines()
    except httpx.HTTPError as error:
        raise Transient(str(error) or type(error).__name__, code="lost") from error
