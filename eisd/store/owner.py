"""Whose a new file is: root's commands leave the daemon's files to the daemon.

What lies in the state directory belongs to whoever owns the directory. A command of root that made
a lock or a database of its own would shut the daemon out.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def hand_over(path: Path) -> None:
    """Give a file that was just made to the owner of its directory; only root does, and can."""
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
