"""The parser worker: reads messages from its standard input, answers, and ends with its pipe.

Started by `eisd.mime.worker` alone, with nothing but two pipes. The kernel keeps its limits: a
timer of CPU time for each message whose signal kills, and a ceiling of address space. It ends by
itself when the pipe closes, so it cannot outlive the daemon; signals meant for the daemon's group
do not touch it before that.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from eisd.mime import frames
from eisd.mime.parse import parse
from eisd.model.mail import Attachment, Parsed

REST = 120.0
"""Seconds without work after which a worker ends, should the daemon have forgotten it."""

_IN = 0
_OUT = 1
_CHUNK = 1 << 20

Parser = Callable[[bytes, tuple[Attachment, ...]], Parsed]


def main(arguments: list[str] | None = None, *, parser: Parser = parse) -> None:
    """Serve until the pipe closes. Arguments: CPU seconds a message, octets of memory."""
    cpu, memory = arguments or sys.argv[1:3]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ceiling = _address_space() + int(memory)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    _write(frames.READY)
    while select.select([_IN], [], [], REST)[0] and _serve(float(cpu), parser):
        pass


def _address_space() -> int:
    """The octets of address space this process has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _serve(cpu: float, parser: Parser) -> bool:
    """Answer one request; False when the pipe is closed or this process is spent."""
    head = _read(frames.REQUEST.size)
    if head is None:
        return False
    meta_size, size = frames.REQUEST.unpack(head)
    meta, rfc822 = _read(meta_size), _read(size)
    if meta is None or rfc822 is None:
        return False
    signal.setitimer(signal.ITIMER_PROF, cpu)
    try:
        reply = frames.answer(parser(rfc822, frames.read_omitted(meta)))
    except MemoryError:
        reply = frames.answer(None, "memory")
    except Exception as fault:  # noqa: BLE001 - whatever it is, it costs this message alone
        reply = frames.answer(None, type(fault).__name__)
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


if __name__ == "__main__":
    main()
