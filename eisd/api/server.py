"""Listening: Unix sockets and TCP, served by uvicorn inside the daemon's own loop.

The API listens on Unix sockets alone; metrics on TCP as well.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from eisd.api.activation import inherited
from eisd.config.units import Listen
from eisd.errors import ConfigError, ExitCode, UserError

MODE: Final = 0o660
"""Whoever may write to the socket may do everything."""
BACKLOG: Final = 128
GRACE: Final = 3
"""Seconds that requests under way have at the end."""


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers: those are the daemon's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


class Listeners:
    """An app on its sockets, one server each, which a reload may add and take away."""

    def __init__(self, app: ASGIApp, *, tcp: bool = False) -> None:
        """Take ``tcp``: whether the app may be reached over it."""
        self._app = app
        self._tcp = tcp
        self._servers: dict[Listen, _Listener] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def apply(self, listen: Sequence[Listen]) -> None:
        """Listen there and nowhere else. All of it, or nothing is changed.

        Raises:
            ConfigError: TCP was asked for.
            UserError: somebody else listens there, or the socket cannot be made.
        """
        for one in listen:
            if not (one.is_unix or self._tcp):
                raise ConfigError(
                    f"api.listen: {one} cannot be served: TCP needs tokens, not there yet",
                    hint="listen on a Unix socket alone for now",
                )
        fresh: dict[Listen, _Listener] = {}
        try:
            for one in listen:
                if one not in self._servers:
                    fresh[one] = await _Listener.open(self._app, one)
        except BaseException:
            for server in fresh.values():
                await server.close()
            raise
        for gone in self._servers.keys() - set(listen):
            # Not awaited: the request that brought this about is answered over it.
            task = asyncio.create_task(self._servers.pop(gone).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._servers |= fresh

    async def close(self) -> None:
        """Stop listening; requests under way have a moment to end."""
        servers, self._servers = list(self._servers.values()), {}
        await asyncio.gather(*(server.close() for server in servers), *self._closing)


class _Listener:
    """One socket and the server behind it."""

    def __init__(
        self, file: tuple[Path, int] | None, server: _Uvicorn, task: asyncio.Task[None]
    ) -> None:
        """Take ``file``: a Unix socket's path and inode."""
        self._file = file
        self._server = server
        self._task = task

    @classmethod
    async def open(cls, app: ASGIApp, listen: Listen) -> _Listener:
        """Bind, serve, and return once requests are answered."""
        file: tuple[Path, int] | None = None
        if listen.is_unix:
            path = Path(listen.path)
            if (handed := inherited(path)) is not None:
                bound = handed
            else:
                bound = await asyncio.to_thread(bind, path)
                file = (path, await asyncio.to_thread(_inode, path))
        else:
            bound = await asyncio.to_thread(bind_tcp, listen)
        server = _Uvicorn(_config(app))
        task = asyncio.create_task(server.serve(sockets=[bound]), name="api")
        up = asyncio.create_task(server.up.wait())
        await asyncio.wait({up, task}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            await task
        return cls(file, server, task)

    async def close(self) -> None:
        """Let requests under way end, and take the socket's file away."""
        self._server.should_exit = True
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE + 2):
                await self._task
        if self._file is not None:
            await asyncio.to_thread(_unlink, *self._file)


def _unlink(path: Path, inode: int) -> None:
    with suppress(OSError):
        if _inode(path) == inode:  # not the socket of whoever came after us
            path.unlink()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=64 * 1024,
    )


def bind_tcp(listen: Listen) -> socket.socket:
    """A listening TCP socket. Blocks while a name is looked up.

    Raises:
        UserError: (75) somebody listens there; (73) it cannot be had.
    """
    kind = socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=kind, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        server = socket.socket(family, kind | socket.SOCK_CLOEXEC)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
            server.listen(BACKLOG)
        except OSError:
            server.close()
            raise
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise UserError(
            f"cannot listen on {listen}: {error.strerror or error}",
            hint="name another address, or [] for none" if taken else "",
            code=ExitCode.TRY_LATER if taken else ExitCode.CANT_CREATE,
        ) from error
    server.setblocking(False)
    return server


def bind(path: Path) -> socket.socket:
    """A listening Unix socket of mode 0660; the file that a dead daemon left is replaced.

    Raises:
        UserError: (75) somebody listens there; (73) it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _clear(path)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o777 & ~MODE)
        try:
            server.bind(str(path))
        except OSError:
            server.close()
            raise
        finally:
            os.umask(before)
        server.listen(BACKLOG)
        server.setblocking(False)
    except OSError as error:
        raise UserError(
            f"cannot listen on {path}: {error.strerror or error}", code=ExitCode.CANT_CREATE
        ) from error
    return server


def _clear(path: Path) -> None:
    """Take away a socket nobody listens on."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(facts.st_mode):
        raise UserError(f"{path} is there and is no socket", code=ExitCode.CANT_CREATE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise UserError(
        f"another daemon answers on {path}",
        hint="stop it first, or give this one a socket of its own: [api] listen",
        code=ExitCode.TRY_LATER,
    )


def _inode(path: Path) -> int:
    return path.stat().st_ino
