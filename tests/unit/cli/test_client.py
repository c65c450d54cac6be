"""The way to the daemon, against a small HTTP server on a Unix socket."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from eisd.cli.client import Client, Unavailable
from eisd.errors import ExitCode, UserError

ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "GET /v1/status?verbose=1": (200, "application/json", b'{"ok": true}'),
    "POST /v1/sync": (202, "application/json", b""),
    "GET /v1/mailboxes/sale": (
        404,
        "application/problem+json",
        json.dumps(
            {"title": "Unknown", "detail": "no sale", "hint": "sales?", "exit_code": 67}
        ).encode(),
    ),
    "GET /v1/broken": (500, "text/plain", b"Internal Server Error"),
}


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.server.seen.append(self.rfile.read(int(self.headers.get("content-length", 0))))
        status, kind, body = ANSWERS[f"{self.command} {self.path}"]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("local", 0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(str(tmp_path / "api.sock"), Handler) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(Path(server.server_address), timeout=5)


def test_answers_come_as_values(client, server):
    """JSON goes out and comes back; an empty answer is None."""
    assert client.get("/status", verbose=1) == {"ok": True}
    assert client.post("/sync", {"mailbox": "sales"}) is None
    assert json.loads(server.seen[1]) == {"mailbox": "sales"}


def test_a_problem_keeps_the_daemons_words(client):
    """A problem's detail, hint and exit code become a UserError's."""
    with pytest.raises(UserError, match="no sale") as caught:
        client.get("/mailboxes/sale")

    assert (caught.value.hint, caught.value.code) == ("sales?", ExitCode.UNKNOWN)


def test_an_error_of_the_daemon_is_a_bug(client):
    """A 500 without a problem document is exit 70."""
    with pytest.raises(UserError, match="HTTP status 500") as caught:
        client.get("/broken")

    assert caught.value.code == ExitCode.BUG


@pytest.mark.parametrize("there", [False, True])
def test_no_daemon_is_69(tmp_path, there):
    """A socket that is missing or left behind by a dead daemon is 69, with a way out."""
    path = tmp_path / "api.sock"
    if there:
        Server(str(path), Handler).server_close()

    with pytest.raises(Unavailable, match="not running") as caught:
        Client(path).get("/status")

    assert caught.value.code == ExitCode.UNAVAILABLE
    assert "systemctl start eisd" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any socket")
def test_a_forbidden_socket_says_who_may(server):
    """Without permission the hint names the group."""
    Path(server.server_address).chmod(0)

    with pytest.raises(Unavailable, match="permission denied") as caught:
        Client(Path(server.server_address)).get("/status")

    assert "usermod -aG eisd" in caught.value.hint
