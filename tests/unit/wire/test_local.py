"""HTTP over a Unix socket, against servers that say word for word what a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eisd.errors import ProtocolError, Transient
from eisd.wire import local

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def saying(path: Path, answer: bytes, *, until: bytes = b"\r\n\r\n") -> Iterator[bytearray]:
    """A server that reads ``until`` something, answers and hangs up; what it heard."""
    heard = bytearray()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while until not in heard:
                heard.extend(connection.recv(65_536))
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join()


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    return tmp_path / "s"


Answered = Callable[[bytes], local.Reply]


@pytest.fixture
def answered(sock: Path) -> Answered:
    """What a GET makes of an answer."""

    def ask(answer: bytes) -> local.Reply:
        with saying(sock, answer):
            return local.request(str(sock), "GET", "/", timeout=30)

    return ask


def test_an_answer_in_pieces_is_put_together(answered):
    """A chunked answer (RFC 9112 7.1) is read to its end."""
    reply = answered(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n3\r\n 2]\r\n0\r\n\r\n")

    assert (reply.status, reply.content_type, reply.json()) == (200, "application/json", [1, 2])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD + b"Content-Length: 5\r\n\r\n[1,",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n",
        HEAD,
        HEAD + b"\r\n[1, 2]",
        b"220 mail.example.org ESMTP\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_no_answer(answered, answer):
    """What ends too early, or is no HTTP, is told as lost, and never as a shorter answer."""
    with pytest.raises(Transient) as caught:
        answered(answer)

    assert caught.value.code == "lost"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 11\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nb\r\n"]
)
def test_an_answer_has_a_limit(answered, monkeypatch, framing):
    """An answer over the limit is refused, however its length is told."""
    monkeypatch.setattr(local, "MAX_BYTES", 10)

    with pytest.raises(ProtocolError, match="over 10 octets"):
        answered(HEAD + framing + b"[12345678]\n")


def test_a_query_and_a_body_are_sent_as_http_wants_them(sock):
    """Parameters are quoted, truth is spelt as in JSON, a body has its length and its type."""
    params = {"q": "a&b", "t": True}
    with saying(sock, HEAD + b"Content-Length: 0\r\n\r\n", until=b"}") as heard:
        reply = local.request(str(sock), "POST", "/v1/x", body={"a": "é"}, params=params)

    head, _, body = bytes(heard).partition(b"\r\n\r\n")
    assert reply.json() is None
    assert json.loads(body) == {"a": "é"}
    assert head.startswith(b"POST /v1/x?q=a%26b&t=true HTTP/1.1\r\nHost: eisd\r\n")
    assert b"Content-Type: application/json" in head
    assert f"Content-Length: {len(body)}".encode() in head


def test_a_refusal_is_heard_while_a_file_is_sent(sock):
    """A server that refuses a file before it has all of it is heard all the same."""
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"
    with saying(sock, answer):
        reply = local.request(str(sock), "POST", "/", content=(bytes(65_536) for _ in range(200)))

    assert reply.status == 413


def test_a_server_that_says_nothing_is_late(sock):
    """A request ends without an answer in time, also where the server's queue is full."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
        server.listen(0)
        for _ in range(2):  # the first stays in the queue
            with pytest.raises(Transient, match=r"no answer within 0\.1 s") as caught:
                local.request(str(sock), "GET", "/", timeout=0.1)
            assert caught.value.code == "timeout"


def test_a_stream_comes_line_by_line(sock):
    """Lines are yielded without their ends; the server's end is the end."""
    pieces = b"7\r\nid: 1\nd\r\n7\r\nata\n\n\xff\n\r\n0\r\n\r\n"
    with saying(sock, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + pieces):
        lines = list(local.stream(str(sock), "/", params={}, headers={}))

    assert lines == ["id: 1", "data", "", "\ufffd"]


def test_a_stream_that_breaks_off_says_so(sock):
    """A stream that ends without its last chunk is lost."""
    with (
        saying(sock, HEAD + b"Transfer-Encoding: chunked\r\n\r\n6\r\ndata\n\n\r\n"),
        pytest.raises(Transient) as caught,
    ):
        list(local.stream(str(sock), "/", params={}, headers={}))

    assert caught.value.code == "lost"


def test_a_stream_that_is_refused_says_why(sock):
    """What is not granted is raised with the server's answer."""
    with (
        saying(sock, b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}"),
        pytest.raises(local.Refused) as caught,
    ):
        list(local.stream(str(sock), "/", params={}, headers={}))

    assert (caught.value.reply.status, caught.value.reply.body) == (400, b"{}")


def test_a_line_has_a_limit(sock, monkeypatch):
    """A line without an end is refused."""
    monkeypatch.setattr(local, "MAX_LINE", 5)

    with (
        saying(sock, HEAD + b"Content-Length: 6\r\n\r\nno end"),
        pytest.raises(ProtocolError, match="over 5 octets"),
    ):
        list(local.stream(str(sock), "/", params={}, headers={}))
