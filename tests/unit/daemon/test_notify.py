"""sd_notify: what systemd is told, and that nobody ever waits for it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from eisd.daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path) -> Iterator[tuple[socket.socket, str]]:
    """A socket like systemd's, of either kind, and its name for NOTIFY_SOCKET."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as server:
        if request.param == "path":
            address = name = str(tmp_path / "notify")
        else:
            address = f"\0eisd-test-{os.getpid()}-{time.monotonic_ns()}"
            name = f"@{address[1:]}"
        server.bind(address)
        server.settimeout(5)
        yield server, name


async def test_every_message(supervisor):
    """The messages are those of sd_notify(3), sent from the loop without blocking it."""
    server, name = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("2/3 mailboxes healthy")
    notifier.status("line one\nREADY=0")
    notifier.alive()
    notifier.extend(1.5)
    notifier.failed(28, "disk full")
    notifier.stopping()
    notifier.close()

    assert [server.recv(4096).decode() for _ in range(6)] == [
        "READY=1\nSTATUS=2/3 mailboxes healthy",
        "STATUS=line one READY=0",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=1500000",
        "ERRNO=28\nSTATUS=disk full",
        "STOPPING=1",
    ]


def test_a_reload_carries_its_time(supervisor):
    """RELOADING=1 comes with the monotonic clock, without which systemd waits for minutes."""
    server, name = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.reloading()
    notifier.close()

    first, second = server.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    age = time.monotonic() - int(second.removeprefix("MONOTONIC_USEC=")) / 1e6
    assert 0 <= age < 60


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/x"}, {"NOTIFY_SOCKET": "x"}])
def test_without_systemd_nothing_happens(environ):
    """No socket, a dead one, or nonsense: every call is silent."""
    notifier = Notifier(environ)
    notifier.ready()
    notifier.close()
    notifier.alive()


def test_a_supervisor_that_does_not_read_blocks_nobody(supervisor):
    """When its queue is full, messages are dropped."""
    _, name = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": name})
    begun = time.monotonic()
    for _ in range(2000):
        notifier.alive()
    notifier.close()

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_for_this_process(environ, seconds):
    """A watchdog meant for another process is none of ours."""
    assert Notifier(environ).watchdog_s == seconds
