"""One mailbox in depth: what the database knows of it, and what only its running task knows."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

from eisd.api.answers import Answer, mailbox_show
from eisd.api.core import Core
from eisd.sync.mailbox import Mailbox

_TROUBLE: Final = (
    "ts", "level", "event", "msg", "folder", "uid", "error.type", "error.code", "error.message",
    "times", "first_at",
)  # fmt: skip


async def mailbox(core: Core, name: str) -> Answer:
    """Everything there is to tell; ``live`` is null for a mailbox that is not at work.

    Raises:
        UserError: (67) there is none of that name.
    """
    told = await core.store.read(lambda db: mailbox_show(db, name))
    running = core.mailboxes.get(name)
    told["live"] = None if running is None else _live(running)
    if running is not None:
        told |= {
            "state": running.state.value,
            "reason": running.reason,
            "detail": running.detail,
        }
    told["trouble"] = [
        {key: record[key] for key in _TROUBLE if key in record}
        for record in core.stream.troubles(told["name"])
    ]
    return told


def _live(running: Mailbox) -> dict[str, Any]:
    now = monotonic()
    able = running.capabilities
    return {
        "connected_s": _since(running.connected_since, now),
        "sign_of_life_s": _since(running.beat, now),
        "retry_in_s": None
        if running.retry_at is None
        else max(0.0, round(running.retry_at - now, 1)),
        "tries": running.tries,
        "host": able.host if able else None,
        "push": able.push if able else None,
        "capabilities": sorted(able.names) if able else [],
        "fetching": len(running.in_hand),
        "second_connection": not running.lane_blocked,
        "passes": running.passes,
        "listed": running.listed,
        "activities": running.activities,
    }


def _since(at: float | None, now: float) -> float | None:
    return None if at is None else round(now - at, 1)
