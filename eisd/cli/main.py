"""Where `eisd` begins. ``--version`` is answered before anything else is imported."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence

from eisd import __version__


def main() -> None:
    """Run the command line of this process and exit with its code."""
    code: list[int] = []
    atexit.register(_leave, code)  # the first to be registered is the last to be called
    code.append(run(sys.argv[1:]))
    sys.exit(code[0])


def _leave(code: list[int]) -> None:
    """End the process, which has nothing left to do but to take every module apart.

    That is a fifth of a second of CPU after `eisd run`. Python calls this when all threads have
    ended, and with them the other functions that wait for the end. Without a code somebody else
    ends the process, and where a stream cannot be written to, Python is to say so.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    if code:
        os._exit(code[0])


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors end as a sentence on stderr."""
    if list(argv) in (["--version"], ["-V"]):
        sys.stdout.write(f"eisd {__version__}\n")
        return 0
    from eisd.cli.root import root  # noqa: PLC0415 - click is slow to import

    if "_EISD_COMPLETE" in os.environ:
        root.main(list(argv), prog_name="eisd")  # a shell asks for completions
    try:
        with root.make_context("eisd", list(argv)) as ctx:
            code = root.invoke(ctx)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one place where errors end
        from eisd.cli.errors import handle  # noqa: PLC0415 - traceback is slow to import

        return handle(error)
    return code if isinstance(code, int) else 0
