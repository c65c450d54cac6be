"""Backups in a directory: each called after its time, the oldest deleted.

Only files that bear such a name are ever deleted, and never the newest one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from eisd.errors import ExitCode, UserError
from eisd.store.backup import SECRETS_SUFFIX

_NAME: Final = re.compile(r"eisd-\d{8}T\d{6}Z\.db")


def named(directory: Path, moment: datetime) -> Path:
    """Where a backup of that moment lies; the names' order is that of time."""
    return directory / f"eisd-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"


def rotate(directory: Path, keep: int) -> list[Path]:
    """Delete all backups but the last ``keep``, with their secrets; return them, oldest first.

    Raises:
        UserError: (73) one cannot be deleted.
    """
    found = sorted(one for one in directory.iterdir() if _NAME.fullmatch(one.name))
    gone = found[: -max(1, keep)]
    for one in gone:
        try:
            one.unlink(missing_ok=True)
            one.with_name(one.name + SECRETS_SUFFIX).unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot delete {one}: {error.strerror}", code=ExitCode.CANT_CREATE
            ) from error
    return gone
