"""Items and readings as plain values, to be sent to another process and back.

What comes back was made of what strangers wrote, and is checked: whole columns at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final

from eisd.matcher.reading import Read
from eisd.model.activity import Outcome, OutcomeReason

ItemRow = tuple[int, bool, bytes, bool]
"""An `Item`, or a tuple like it."""

Row = tuple[bytes, bytes, bytes, str, str, int, bool]
"""A `Read` of plain values alone: its keys are octets, as they stand in packed facts."""

Columns = tuple[tuple[Any, ...], ...]
"""Rows turned round."""

_OUTCOMES: Final = {each.value: each for each in Outcome}
_REASONS: Final = {each.value: each for each in OutcomeReason}
_KINDS: Final = ({bytes}, {bytes}, {bytes}, {str}, {str}, {int}, {bool})
_ID: Final = 16
_KEY: Final = 8


def as_row(read: Read) -> Row:
    """Make a `Read` plain."""
    id_key, facts, keys, outcome, reason, parent, outgoing = read
    packed = struct.pack(f">{len(keys)}Q", *keys)
    return id_key, facts, packed, outcome.value, reason.value, parent, outgoing


def as_columns(rows: Iterable[Row]) -> Columns:
    """Turn rows round; of none there are no columns either."""
    return tuple(zip(*rows, strict=True))


def reads_of(columns: Columns) -> list[Read]:
    """Check the columns of rows, and make a `Read` of each row.

    Raises ValueError, TypeError, KeyError or struct.error.
    """
    if not columns:
        return []
    if tuple({*map(type, column)} for column in columns) != _KINDS:
        raise TypeError
    id_keys, facts, packed, outcomes, reasons, parents, outgoing = columns
    if {*map(len, id_keys)} != {_ID} or min(parents) < 0 or max(parents) >> 64:
        raise ValueError
    keys = [struct.unpack(f">{len(each) // _KEY}Q", each) for each in packed]
    verdicts = map(_OUTCOMES.__getitem__, outcomes), map(_REASONS.__getitem__, reasons)
    return list(
        map(Read._make, zip(id_keys, facts, keys, *verdicts, parents, outgoing, strict=True))
    )
