"""What a header worker runs: scans, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable

from eisd.matcher import scan_frames as frames
from eisd.matcher.scan import Context, ItemRow, Row, scan_rows
from eisd.mime.domains import registrable_domain
from eisd.mime.worker_serve import serve

Scanner = Callable[[Context, list[ItemRow]], list[Row]]


def main(arguments: list[str] | None = None, *, scanner: Scanner = scan_rows) -> None:
    """Read headers until the pipe closes. Arguments as those of `serve`."""

    def answer(head: bytes, body: bytes) -> bytes:
        return frames.answer(scanner(frames.read_context(head), frames.read_items(body)))

    registrable_domain("example.org")  # reads the list of public suffixes before there is work
    serve(answer, frames.answer, arguments or sys.argv[1:3])
