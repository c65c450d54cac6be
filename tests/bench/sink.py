"""A submission server in a process of its own; it prints its port, then a line a message.

A line is the time of MAIL FROM and the time when the message was whole, in seconds since 1970.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from aiosmtpd.smtp import SMTP


class Handler:
    """Takes everything."""

    def __init__(self) -> None:
        self._mail = 0.0

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Note the time."""
        del server, session
        self._mail = time.time()
        envelope.mail_from, envelope.mail_options = address, options
        return "250 2.1.0 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        """Say when."""
        del server, session
        sys.stdout.write(f"{self._mail} {time.time()} {len(envelope.content)}\n")
        sys.stdout.flush()
        return "250 2.0.0 taken"


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), hostname="sink", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
