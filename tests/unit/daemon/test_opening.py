"""A start that takes long, as a migration of a large database does."""

from __future__ import annotations

import asyncio

from eisd.daemon import serve
from eisd.daemon.core import Core


class Notifier:
    """Takes notes, and rings after the third request."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.often = asyncio.Event()

    def extend(self, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) > 2:
            self.often.set()


async def test_systemd_is_asked_for_time_while_the_database_opens(monkeypatch):
    """Each request reaches beyond the next one, and none comes after the opening."""
    done = asyncio.Event()

    async def slow(*_):
        await done.wait()
        return "core"

    monkeypatch.setattr(Core, "open", slow)
    monkeypatch.setattr(serve, "EXTEND_EVERY", 0.01)
    notifier = Notifier()
    opening = asyncio.create_task(serve._open(None, None, notifier))
    await notifier.often.wait()
    done.set()

    assert await opening == "core"
    assert set(notifier.asked) == {3 * 0.01}
