"""The worker's side: requests from its standard input, answers, and its end with the pipe.

Started by `eisd.mime.process` alone, with nothing but two pipes. The kernel keeps its limits: a
timer of CPU time for each request whose signal kills, and a ceiling of address space. It ends by
itself when the pipe closes, so it cannot outlive the daemon; signals meant for the daemon's group
do not touch it before that.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from eisd.mime import frames

REST = 120.0
"""Seconds without work after which a worker ends, should the daemon have forgotten it."""

_IN = 0
_OUT = 1
_CHUNK = 1 << 20

Answer = Callable[[bytes, bytes], bytes]
"""From the two parts of a request to the whole answer."""


def serve(answer: Answer, failure: Callable[[str], bytes], arguments: list[str]) -> None:
    """Answer requests until the pipe closes. Arguments: CPU seconds each, octets of memory.

    ``failure`` makes an answer of one word that says why there is none.
    """
    cpu, memory = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ceiling = _address_space() + int(memory)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    gc.freeze()  # what is loaded by now stays: the collector need not look through it
    gc.set_threshold(50_000, 50, 100)
    for pipe in (_IN, _OUT):  # else one waits for the other in the middle of a request or answer
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _CHUNK)
    _write(frames.READY)
    while select.select([_IN], [], [], REST)[0] and _serve(float(cpu), answer, failure):
        pass


def _address_space() -> int:
    """The octets of address space this process has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _serve(cpu: float, answer: Answer, failure: Callable[[str], bytes]) -> bool:
    """Answer one request; False when the pipe is closed or this process is spent."""
    head = _read(frames.REQUEST.size)
    if head is None:
        return False
    meta_size, size = frames.REQUEST.unpack(head)
    meta, body = _read(meta_size), _read(size)
    if meta is None or body is None:
        return False
    signal.setitimer(signal.ITIMER_PROF, cpu)
    try:
        reply = answer(meta, body)
    except MemoryError:
        reply = failure("memory")
    except Exception as fault:  # noqa: BLE001 - whatever it is, it costs this request alone
        reply = failure(type(fault).__name__)
    signal.setitimer(signal.ITIMER_PROF, 0)
    _write(reply)
    return True


def _read(size: int) -> bytes | None:
    """Exactly ``size`` octets, None if the pipe closes before."""
    if size <= _CHUNK:
        data = os.read(_IN, size) if size else b""
        if len(data) == size:
            return data
    else:
        data = b""
    whole = bytearray(data)
    while len(whole) < size:
        piece = os.read(_IN, min(_CHUNK, size - len(whole)))
        if not piece:
            return None
        whole += piece
    return bytes(whole)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUT, view) :]
