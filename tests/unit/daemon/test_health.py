"""What feeds the watchdog, and what people read of the daemon."""

from __future__ import annotations

import asyncio
from time import monotonic
from types import SimpleNamespace

import pytest

from eisd.api.core import Condition
from eisd.daemon import health
from eisd.model.mailbox import MailboxState


class Notifier:
    """Takes notes."""

    watchdog_s = 0.03

    def __init__(self) -> None:
        self.fed = 0
        self.told: list[str] = []

    def alive(self) -> None:
        self.fed += 1

    def status(self, text: str) -> None:
        self.told.append(text)


def core(*, beat=0.0, alive=True, **states):
    """As much of a core as health looks at."""
    return SimpleNamespace(
        store=SimpleNamespace(beat=monotonic() - beat),
        supervisor=SimpleNamespace(alive=alive),
        condition=Condition(),
        mailboxes={
            name: SimpleNamespace(state=MailboxState(state)) for name, state in states.items()
        },
        activities=0,
    )


@pytest.mark.parametrize(
    ("beat", "alive", "stale"),
    [
        (0.0, True, ()),
        (health.WRITER_STALE + 1, True, ("writer",)),
        (0.0, False, ("supervisor",)),
        (health.WRITER_STALE + 1, False, ("writer", "supervisor")),
    ],
)
def test_what_is_stale(beat, alive, stale):
    """A writer that does not come round and a mailbox without its task are named."""
    assert health.stale(core(beat=beat, alive=alive), monotonic()) == stale


@pytest.mark.parametrize(
    ("states", "refused", "line"),
    [
        ({}, "", "no mailbox is configured"),
        ({"a": "idle", "b": "polling"}, "", "2/2 mailboxes healthy"),
        ({"a": "idle", "b": "backing_off"}, "", "1/2 mailboxes healthy"),
        (
            {"a": "idle", "ceo": "problematic"},
            "",
            "1/2 mailboxes healthy, 1 need a person (ceo)",
        ),
        ({"a": "idle"}, "x", "DEGRADED: the last reload was refused; 1/1 mailboxes healthy"),
    ],
)
def test_the_status_line(states, refused, line):
    """systemctl status shows how many mailboxes work, who needs a person, and a refused reload."""
    one = core(**states)
    one.condition.refused = refused

    assert health.status_line(one) == line


async def watched(one, seconds=0.1):
    """Watch for a moment."""
    notifier = Notifier()
    task = asyncio.create_task(health.watch(one, notifier))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return notifier


async def test_the_watchdog_is_fed_while_all_moves():
    """Fed at a third of the watchdog's time; the status line is told once."""
    notifier = await watched(core(a="idle"))

    assert notifier.fed >= 5
    assert notifier.told == ["1/1 mailboxes healthy"]


async def test_the_watchdog_is_withheld_from_a_stuck_writer(events):
    """A stuck writer is not fed over; the culprit is named, and /healthz knows it."""
    one = core(beat=health.WRITER_STALE + 1, a="idle")

    notifier = await watched(one)

    assert notifier.fed == 0
    assert one.condition.stale == ("writer",)
    assert {e["stale"] for e in events if e["event"] == "watchdog.withheld"} == {"writer"}
