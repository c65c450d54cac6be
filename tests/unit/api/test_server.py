"""The API's socket: who may use it, whose it is, what becomes of it."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from eisd.api import activation
from eisd.api.server import Listeners, bind
from eisd.config.units import Listen
from eisd.errors import ConfigError, UserError
from eisd.wire import local


async def app(scope, receive, send):
    """Say yes."""
    del scope
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'"yes"'})


def ask(path):
    """GET /."""
    return local.request(str(path), "GET", "/").json()


async def test_it_answers_and_leaves_nothing_behind(tmp_path):
    """A listener answers with mode 0660, and its file is gone when it is closed."""
    path = tmp_path / "run" / "api.sock"
    listeners = Listeners(app)

    await listeners.apply([Listen(path=str(path))])
    mode = path.stat().st_mode & 0o777
    answer = await asyncio.to_thread(ask, path)
    await listeners.close()

    assert (answer, mode) == ("yes", 0o660)
    assert not path.exists()


async def test_a_reload_moves_it(tmp_path):
    """Another address is served before the old one is given up; the same one is left alone."""
    kept, old, new = (tmp_path / name for name in ("kept", "old", "new"))
    listeners = Listeners(app)
    await listeners.apply([Listen(path=str(kept)), Listen(path=str(old))])
    inode = kept.stat().st_ino

    await listeners.apply([Listen(path=str(kept)), Listen(path=str(new))])

    assert await asyncio.to_thread(ask, new) == "yes"
    assert kept.stat().st_ino == inode
    await listeners.close()
    assert [path.exists() for path in (kept, old, new)] == [False] * 3


async def test_all_or_nothing(tmp_path):
    """A listener that cannot be had leaves those that serve as they were."""
    path = tmp_path / "api.sock"
    listeners = Listeners(app)
    await listeners.apply([Listen(path=str(path))])
    other = tmp_path / "other"

    with pytest.raises(ConfigError, match="TCP needs tokens"):
        await listeners.apply([Listen(path=str(other)), Listen(host="127.0.0.1", port=1)])

    assert not other.exists()
    assert await asyncio.to_thread(ask, path) == "yes"
    await listeners.close()


def test_a_dead_daemons_socket_is_replaced(tmp_path):
    """A socket file nobody listens on is taken over."""
    path = tmp_path / "api.sock"
    bind(path).close()
    assert path.exists()

    server = bind(path)

    server.close()


def test_a_live_daemons_socket_is_refused(tmp_path):
    """A socket somebody listens on stays theirs: 75."""
    path = tmp_path / "api.sock"
    with bind(path):
        inode = path.stat().st_ino
        with pytest.raises(UserError, match="another daemon answers") as caught:
            bind(path)

        assert path.stat().st_ino == inode
    assert caught.value.code == 75


def test_a_file_in_the_way_is_not_deleted(tmp_path):
    """What is no socket is left alone: 73."""
    path = tmp_path / "api.sock"
    path.write_text("mine")

    with pytest.raises(UserError, match="is no socket") as caught:
        bind(path)

    assert (caught.value.code, path.read_text()) == (73, "mine")


def test_the_umask_is_given_back(tmp_path):
    """Binding makes the socket 0660 under any umask, and leaves the umask as it was."""
    before = os.umask(0o077)
    try:
        with bind(tmp_path / "api.sock") as server:
            assert isinstance(server, socket.socket)
            assert (tmp_path / "api.sock").stat().st_mode & 0o777 == 0o660
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


async def test_a_socket_of_systemd_is_served_and_left(tmp_path, monkeypatch):
    """A socket handed over on descriptor 3 is served where api.listen names its path, and stays."""
    path = tmp_path / "api.sock"
    with await asyncio.to_thread(bind, path) as ours:
        monkeypatch.setattr(activation, "FIRST", ours.fileno())
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        inode = path.stat().st_ino
        for _ in range(2):  # a reload may have it again
            listeners = Listeners(app)
            await listeners.apply([Listen(path=str(path))])
            assert await asyncio.to_thread(ask, path) == "yes"
            await listeners.close()
            assert path.stat().st_ino == inode


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "x"}, {"LISTEN_FDS": "0"}],
)
def test_what_was_not_handed_over_is_not_taken(tmp_path, monkeypatch, environ):
    """Descriptors for another process, a count that is none, another path: none is taken."""
    with bind(tmp_path / "api.sock") as ours:
        monkeypatch.setattr(activation, "FIRST", ours.fileno())
        mine = {"LISTEN_PID": str(os.getpid())} | environ
        assert activation.inherited(tmp_path / "api.sock", mine if environ else {}) is None
        handed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        assert activation.inherited(tmp_path / "other.sock", handed) is None
