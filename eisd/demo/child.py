"""A Python program as a child that ends with its parent, however that one ended.

Run as ``python -m eisd.demo.child MODULE:FUNCTION ARGUMENT...``. Standard input is a pipe that
nobody writes to: when the parent ends, killed or not, the pipe closes.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time

PATIENCE = 12.0
"""Seconds the program has to end by itself, a little more than the daemon allows itself."""


def main(argv: list[str]) -> None:
    """Call the function that the first argument names, as the main program with the others."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module, _, function = argv[0].partition(":")
    sys.argv = list(argv)
    getattr(importlib.import_module(module), function)()


def _end_with_parent() -> None:
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
