"""What a parser worker runs."""

from __future__ import annotations

import sys
from collections.abc import Callable

from eisd.mime import frames
from eisd.mime.parse import parse
from eisd.mime.worker_serve import serve
from eisd.model.mail import Attachment, Parsed

Parser = Callable[[bytes, tuple[Attachment, ...]], Parsed]


def main(arguments: list[str] | None = None, *, parser: Parser = parse) -> None:
    """Parse messages until the pipe closes. Arguments as those of `serve`."""

    def answer(meta: bytes, rfc822: bytes) -> bytes:
        return frames.answer(parser(rfc822, frames.read_omitted(meta)))

    serve(answer, lambda word: frames.answer(None, word), arguments or sys.argv[1:3])


if __name__ == "__main__":
    main()
