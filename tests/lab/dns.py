"""A name server on loopback that knows what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = Mapping[tuple[str, str], list[str]]
"""(name, kind) to records as a zone file has them."""


class NameServer(asyncio.DatagramProtocol):
    """Answers over UDP, for one ``async with``; a name in ``silent`` gets no answer at all."""

    def __init__(self, records: Records | None = None, *, silent: frozenset[str] = frozenset()):
        self.records = dict(records or {})
        self.silent = silent
        self.asked: list[tuple[str, str]] = []
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._transport is not None
        self._transport.close()
        await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if found := self.records.get((name, kind)):
            rrset = dns.rrset.from_text(question.name, 60, "IN", kind, *found)
            reply.answer.append(rrset)
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        assert self._transport is not None
        self._transport.sendto(reply.to_wire(), addr)
