"""A proxy on plain loopback that keeps what a client says and shows what it is told, with times."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

Told = Callable[[float, bytes], None]
"""Called with the time (monotonic seconds) at which these bytes are passed to the client."""

_CHUNK = 1 << 18


class Tap:
    """``with Tap(server.port_imap) as tap: ... tap.port``; threads of its own, no loop."""

    def __init__(self, upstream: int, told: Told | None = None) -> None:
        self._upstream = upstream
        self._told = told
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said: list[bytearray] = []
        """What the client sent, a connection each, in the order they were made."""

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [client, server]
                said = bytearray()
                self.said.append(said)
                self._start(self._up, client, server, said)
                self._start(self._down, server, client)

    def _up(self, client: socket.socket, server: socket.socket, said: bytearray) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                said += data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if self._told is not None:
                    self._told(monotonic(), data)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
