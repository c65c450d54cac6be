"""Where `eisd` begins. ``--version`` is answered before anything else is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eisd import __version__


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


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
