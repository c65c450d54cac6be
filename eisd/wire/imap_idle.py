"""IDLE (RFC 2177), from the command to the completion after DONE."""

from __future__ import annotations

import asyncio
from typing import Any

from eisd.wire.imap_command import WireCommand
from eisd.wire.imap_protocol import WireProtocol
from eisd.wire.imap_refusal import of_command


async def idle(
    protocol: WireProtocol, seconds: float, *, begin_limit: float, end_limit: float
) -> bool:
    """Wait until something came or the time is over; True if something came.

    News that is already there ends it before it begins. The server gets ``begin_limit`` seconds
    to go idle and ``end_limit`` to come back.
    """
    if protocol.lost is not None:
        raise protocol.lost
    notices = protocol.notices
    if notices.any:
        return True
    begun: asyncio.Future[None] = protocol.loop.create_future()

    def answer(_: bytes) -> None:
        if not begun.done():
            begun.set_result(None)

    command = WireCommand("IDLE", protocol.new_tag(), limit=begin_limit, answer=answer)
    first = asyncio.FIRST_COMPLETED
    async with protocol.turn(command, alone=True):
        protocol.submit(command)
        answered: set[asyncio.Future[Any]] = {command.done, begun}
        await asyncio.wait(answered, return_when=first)
        if not command.done.done():
            protocol.limit(command, None)
            reasons: set[asyncio.Future[Any]] = {command.done, notices.arrival()}
            await asyncio.wait(reasons, timeout=seconds, return_when=first)
        if not command.done.done():
            protocol.limit(command, end_limit)
            protocol.transport.write(b"DONE\r\n")
        done = await protocol.completion(command)
    if not done.ok:
        raise of_command(done, "IDLE")
    return notices.any
