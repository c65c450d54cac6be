"""Mail that has gone with its age (`retention.activities`): it does not come back.

Nothing older than what is kept is listed; but a server may number its folders anew, or a program
copy old mail with today's date of receipt. What was pruned is known by the rows of its copies,
which stay, without a hash of anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from eisd.matcher.codec import NOTHING, unpack
from eisd.model.activity import OutcomeReason
from eisd.model.facts import Facts
from eisd.store import messages, retention
from eisd.store.copies import CopyRow
from eisd.store.sql import Connection
from eisd.sync.rules import DAY_MS


def counted(db: Connection, rows: Sequence[CopyRow], at_hand: Facts | None) -> list[CopyRow]:
    """The copies of a message that count for it; none when it was pruned before.

    That is told by its Date, for some programs give one Message-ID to all that they write.
    """
    found = [row for row in rows if not row.held]
    ends = [row.gate_at for row in rows if row.held == OutcomeReason.EXPIRED]
    if not found or not ends:
        return found
    dates = [unpack(row.id_key, row.gate_at, row.facts).date for row in found]
    known = [date for date in (*dates, at_hand and at_hand.date) if date is not None]
    is_old = bool(known) and min(known) * 1000 < max(ends) + DAY_MS
    if not is_old or messages.find(db, rows[0].id_key, rows[0].variant) is not None:
        return found
    retention.expire(db, [row.id for row in found], NOTHING)
    return []
