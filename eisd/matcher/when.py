"""When a message happened (rule T1). Times in milliseconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Sequence

DAY = 86_400_000
_1990 = 631_152_000_000


def occurred_at(gate_at: int, *, date: int | None, received: Sequence[int], sent: bool) -> int:
    """The time people sort by.

    ``gate_at`` is the provider's receive time of the earliest copy, ``date`` the Date header,
    ``received`` those of the Received headers, topmost first, and ``sent`` whether that copy
    lies in Sent. The Date counts while it is near the receive time: clocks are wrong, and
    senders lie.
    """
    latest = gate_at + DAY
    if date is not None and gate_at - 7 * DAY <= date <= latest:
        return date
    for stamp in received:
        if stamp <= latest:
            return stamp
    if sent and date is not None and _1990 <= date <= latest:
        return date
    return gate_at
