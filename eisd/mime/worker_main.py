"""What a parser worker runs."""

from __future__ import annotations

import sys
from typing import Protocol

from eisd.mime import frames
from eisd.mime.parse import parse
from eisd.mime.worker_serve import serve
from eisd.model.mail import Attachment, Parsed


class Parser(Protocol):
    """What reads a message as `parse` does."""

    def __call__(self, rfc822: bytes, omitted: tuple[Attachment, ...], *, html: bool) -> Parsed: ...


def main(arguments: list[str] | None = None, *, parser: Parser = parse) -> None:
    """Parse messages until the pipe closes. Arguments as those of `serve`."""

    def answer(meta: bytes, body: bytes) -> bytes:
        html, messages = frames.read_request(meta, body)
        return frames.answer([parser(*message, html=html) for message in messages])

    serve(answer, frames.answer, arguments or sys.argv[1:3])


if __name__ == "__main__":
    main()
