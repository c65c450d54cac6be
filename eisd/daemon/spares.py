"""Workers that start while the daemon is still being imported, on a core that has nothing to do.

Whoever starts a daemon has mail waiting: what came since it was down, or a mailbox's whole past.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from eisd.matcher.spawn import HEADERS
from eisd.mime.spawn import PARSER, Kind, spawn

if TYPE_CHECKING:
    from eisd.mime.worker import ParserPool
    from eisd.sync.headers import HeaderPool


class Spares(NamedTuple):
    """A worker of each kind, where one could be started."""

    parser: subprocess.Popen[bytes] | None = None
    headers: subprocess.Popen[bytes] | None = None

    async def lend(self, parser: ParserPool, headers: HeaderPool) -> None:
        """Have them work for the daemon's pools."""
        if self.parser is not None:
            await parser.adopt(self.parser)
        if self.headers is not None:
            await headers.adopt(self.headers)

    def end(self) -> None:
        """End those that still run. To be called last, whoever has taken them in."""
        for process in self:
            if process is not None:
                with process:
                    process.kill()


def start() -> Spares:
    """Start them; they end when this process does."""
    return Spares(_start(PARSER), _start(HEADERS))


def _start(kind: Kind) -> subprocess.Popen[bytes] | None:
    try:
        return spawn(kind.command())
    except OSError:  # the pool will say so, if it comes to need one
        return None
