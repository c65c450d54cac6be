"""What eisd asked, asked again by a blocking TLS socket that throws every answer away.

It is the least that a first sync can cost: the same commands with the same number under way, the
same bytes through the same TLS library, and nothing done with them.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from time import monotonic

_DEPTH = 2
"""So many FETCHes are under way at once, as in the driver; other commands go alone."""


def commands(said: bytes) -> list[bytes]:
    """Split what a client sent into its commands; none may hold a literal."""
    return [line + b"\r\n" for line in said.split(b"\r\n") if line]


class _Bare:
    """One connection."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        raw = socket.create_connection(("localhost", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(raw, server_hostname="localhost")
        self._buffer = memoryview(bytearray(1 << 18))
        self._tail = b"\r\n"
        self.octets = 0

    def play(self, script: Sequence[bytes]) -> None:
        """Send every command and read every answer."""
        self._until([b"* OK"])
        waiting: list[bytes] = []
        before = b""
        for line in script:
            tag, _, rest = line.partition(b" ")
            fetch = rest.startswith(b"UID FETCH")
            room = _DEPTH - 1 if fetch and before.startswith(b"UID FETCH") else 0
            while len(waiting) > room:
                waiting.remove(self._until(waiting))
            self._socket.sendall(line)
            waiting.append(tag + b" ")
            before = rest
        while waiting:
            waiting.remove(self._until(waiting))
        self._socket.close()

    def _until(self, tags: Sequence[bytes]) -> bytes:
        """Read until a line begins with one of the tags; return which."""
        while True:
            for tag in tags:
                if (at := self._tail.find(b"\r\n" + tag)) >= 0:
                    self._tail = self._tail[at + 2 + len(tag) :]
                    return tag
            self._tail = self._tail[-64:]
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise ConnectionError("the server closed the connection")
            self.octets += count
            self._tail += bytes(self._buffer[:count])


def read(context: ssl.SSLContext, port: int, scripts: Sequence[bytes]) -> tuple[float, int]:
    """Play what each connection said, all at the same time; return seconds and octets read."""
    began = monotonic()
    octets: list[int] = []

    def play(script: bytes) -> None:
        connection = _Bare(context, port)
        connection.play(commands(script))
        octets.append(connection.octets)

    threads = [threading.Thread(target=play, args=(bytes(one),)) for one in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(octets) != len(scripts):
        raise ConnectionError("a connection failed")
    return monotonic() - began, sum(octets)
