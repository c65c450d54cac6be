"""HTTP over a Unix socket, waiting for the answer: the way of the commands to the daemon.

By the standard library alone, so that a command need not wait for the import of an HTTP client
that could do everything.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlencode

from eisd.errors import ProtocolError, Transient
from eisd.wire.reply import Reply

OK: Final = 200
SILENCE: Final = 60.0
"""Seconds without a line after which a stream is given up; the daemon speaks every 15."""
MAX_BYTES: Final = 1 << 30
"""The longest answer that is read, in octets."""
MAX_LINE: Final = 1 << 20
"""The longest line of a stream, in octets."""
_PIECE: Final = 65_536


class Refused(Exception):
    """A stream that was not granted; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class _Connection(HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, uds: str, seconds: float) -> None:
        super().__init__("eisd", timeout=seconds)
        self._uds = uds
        self._seconds = seconds

    def connect(self) -> None:
        """Connect; where the server's queue is full, wait in the kernel for a place in it."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        wait = struct.pack("@ll", int(self._seconds), int(self._seconds % 1 * 1_000_000))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        try:
            self.sock.connect(self._uds)
        except BlockingIOError:  # socket(7): EAGAIN after SO_SNDTIMEO
            raise TimeoutError from None
        self.sock.settimeout(self._seconds)


def request(
    uds: str,
    method: str,
    path: str,
    *,
    body: object = None,
    content: Iterable[bytes] | None = None,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Reply:
    """Ask a server on a Unix socket, and wait for the whole answer.

    Args:
        uds: the socket's path.
        method: GET, POST, ...
        path: begins with a slash.
        body: sent as JSON, unless None.
        content: sent as it is, in these pieces, in place of a body.
        params: the query.
        headers: further ones.
        timeout: seconds for each step: connect, each write, each read.

    Raises:
        Transient: nobody listens (code ``unreachable``), the socket may not be used
            (``forbidden``), the answer is late (``timeout``) or broken off (``lost``).
        ProtocolError: the answer is too long.
    """
    with _connected(uds, timeout) as connection:
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = [json.dumps(body).encode()]
            sent["Content-Length"] = str(len(content[0]))
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was all sent
            connection.request(method, _target(path, params), content, sent)
        with _answer(connection) as answer:
            return _read(answer)


def stream(
    uds: str, path: str, *, params: Mapping[str, str | int], headers: Mapping[str, str]
) -> Iterator[str]:
    """The lines of an answer from a server on a Unix socket, as they come.

    Ends when the server ends it.

    Raises:
        Transient: nobody listens (code ``unreachable``), the socket may not be used
            (``forbidden``), or the stream broke off (``lost``) or fell silent (``timeout``).
        Refused: the server answers with something else.
        ProtocolError: a line is too long.
    """
    with _connected(uds, SILENCE) as connection:
        connection.request("GET", _target(path, params), headers=dict(headers))
        with _answer(connection) as answer:
            if answer.status != OK:
                raise Refused(_read(answer))
            rest = b""
            while piece := answer.read1(_PIECE):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > MAX_LINE:
                    raise ProtocolError(f"a line has over {MAX_LINE} octets", code="http")
                yield from (line.decode("utf-8", "replace") for line in lines)


def _target(path: str, params: Mapping[str, str | int] | None) -> str:
    plain = {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in (params or {}).items()
    }
    return f"{path}?{urlencode(plain)}" if plain else path


@contextmanager
def _connected(uds: str, seconds: float) -> Iterator[HTTPConnection]:
    """A connection, and what goes wrong with it in our words."""
    with closing(_Connection(uds, seconds)) as connection:
        try:
            connection.connect()
        except TimeoutError as error:
            raise _late(seconds) from error
        except PermissionError as error:
            raise Transient(f"{uds}: {error.strerror}", code="forbidden") from error
        except OSError as error:
            raise Transient(f"{uds}: {error.strerror}", code="unreachable") from error
        try:
            yield connection
        except TimeoutError as error:
            raise _late(seconds) from error
        except (OSError, HTTPException) as error:
            raise Transient(str(error) or type(error).__name__, code="lost") from error


@contextmanager
def _answer(connection: HTTPConnection) -> Iterator[HTTPResponse]:
    """The answer's head; one whose body would have no end but the connection's broke off here."""
    with closing(connection.getresponse()) as answer:
        if answer.length is None and not answer.chunked:
            raise HTTPException("the answer broke off in its head")
        yield answer


def _late(seconds: float) -> Transient:
    return Transient(f"no answer within {seconds:g} s", code="timeout")


def _read(answer: HTTPResponse) -> Reply:
    """The whole answer; one that ends before its length is told as broken off."""
    whole = answer.length is not None and answer.length <= MAX_BYTES
    body = answer.read() if whole else answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ProtocolError(f"the answer has over {MAX_BYTES} octets", code="http")
    return Reply(answer.status, answer.headers.get("content-type", ""), body)
