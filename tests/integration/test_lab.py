"""The lab's own tools: a proxy that lies would make every test behind it worthless."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator

import pytest
from lab import mail
from lab.faultproxy import FAIR, FaultProxy, Plan, Way

TEXT = bytes(range(256)) * 40


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that answers what it hears."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def heard(proxy: FaultProxy) -> bytes:
    """Send TEXT through the proxy and return all that comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(TEXT)
        writer.write_eof()
        return await reader.read(-1)
    finally:
        writer.close()


async def test_fair(echo: int) -> None:
    """Without a fault every byte passes, and is counted."""
    async with FaultProxy(echo) as proxy:
        assert await heard(proxy) == TEXT
        assert (proxy.connections[0].up, proxy.connections[0].down) == (len(TEXT), len(TEXT))


async def test_one_byte_at_a_time(echo: int) -> None:
    """Chunks of one byte arrive in order and complete."""
    async with FaultProxy(echo, [Plan(down=Way(chunk=1))]) as proxy:
        assert await heard(proxy) == TEXT


async def test_flip(echo: int) -> None:
    """Exactly the byte named is changed."""
    async with FaultProxy(echo, [Plan(down=Way(flip=(5000, 0x01)))]) as proxy:
        got = await heard(proxy)
    assert [n for n, (a, b) in enumerate(zip(got, TEXT, strict=True)) if a != b] == [5000]


async def test_close_after(echo: int) -> None:
    """After so many bytes comes the end, and not one byte more."""
    async with FaultProxy(echo, [Plan(down=Way(close_after=777))]) as proxy:
        assert await heard(proxy) == TEXT[:777]


async def test_reset_after(echo: int) -> None:
    """A reset is an error to the client, not an end."""
    async with FaultProxy(echo, [Plan(down=Way(reset_after=777))]) as proxy:
        with pytest.raises(ConnectionResetError):
            await heard(proxy)


async def test_stall_after(echo: int) -> None:
    """A stalled connection is open and says nothing more."""
    async with FaultProxy(echo, [Plan(down=Way(stall_after=10))]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(TEXT)
        assert await reader.readexactly(10) == TEXT[:10]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        assert proxy.connections[0].open
        writer.close()


async def test_plans_in_turn(echo: int) -> None:
    """Each connection follows its own plan; the last plan goes on."""
    async with FaultProxy(echo, [Plan(refuse=True), FAIR]) as proxy:
        with pytest.raises(ConnectionResetError):
            await heard(proxy)
        assert await heard(proxy) == TEXT
        assert await heard(proxy) == TEXT
        assert proxy.accepted == 3


def test_make_is_read_back() -> None:
    """A made message says what it was told."""
    message = email.message_from_bytes(
        mail.make(
            "Bob <b@x.test>", ["a@x.test", "c@x.test"], "Grüße", html="<p>", message_id="<1@x.test>"
        ),
        policy=email.policy.default,
    )
    assert message["Subject"] == "Grüße"
    assert [a.addr_spec for a in message["To"].addresses] == ["a@x.test", "c@x.test"]
    assert message["Message-ID"] == "<1@x.test>"
    assert message.get_content_type() == "multipart/alternative"


def test_corpus_is_as_described() -> None:
    """A corpus repeats itself exactly and has the sizes and matches it promises."""
    samples = list(mail.corpus(2000, match_ratio=0.1))
    assert samples == list(mail.corpus(2000, match_ratio=0.1))
    assert sum(len(s.rfc822) for s in samples) / 2000 == pytest.approx(9_500, rel=0.15)
    assert sum(s.contact is not None for s in samples) / 2000 == pytest.approx(0.1, rel=0.25)
    for sample in samples[:200]:
        header = email.message_from_bytes(sample.rfc822)
        assert not header.defects
        who = header["To" if sample.sent else "From"]
        assert sample.contact is None or sample.contact in who
