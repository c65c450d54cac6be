"""How a new file comes to be, and whose it is: root leaves the daemon's files to the daemon.

What lies in the state directory belongs to whoever owns the directory. A command of root that made
a lock or a database of its own would shut the daemon out.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from eisd.config.paths import sync


def make_file(path: Path, text: str, *, mode: int) -> None:
    """Make a file whole, durable and with its directory's owner, or not at all.

    A full disk, or an end at any moment, leaves none that is empty or half written.

    Raises:
        FileExistsError: there is one; it is left alone.
        OSError: it cannot be made.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        hand_over(draft)
        path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync(path.parent)


def hand_over(path: Path) -> None:
    """Give a file that was just made to the owner of its directory; only root does, and can."""
    if os.geteuid() != 0:
        return
    with suppress(OSError):
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
