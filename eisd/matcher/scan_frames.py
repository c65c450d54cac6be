"""What the daemon and a header worker say to each other over two pipes.

A request is the context, pickled, and the items; an answer holds what was read of each. Both go
column by column, which takes fewer calls than row by row. The
daemon's words are its own and are believed; the worker has read what strangers wrote, so its
words are data and are checked like data.
"""

from __future__ import annotations

import marshal
import pickle
import struct
from collections.abc import Sequence
from functools import lru_cache

from eisd.matcher.reading import Context, Read
from eisd.matcher.rows import ItemRow, Row, as_columns, reads_of
from eisd.mime.frames import ANSWER, REQUEST, Malformed

_CONTEXTS = 64


def request(context: Context, items: Sequence[ItemRow]) -> tuple[bytes, bytes]:
    """A request, in two parts to be sent one after the other."""
    head = pickle.dumps(context, pickle.HIGHEST_PROTOCOL)
    body = marshal.dumps([*zip(*items, strict=True)])
    return REQUEST.pack(len(head), len(body)) + head, body


@lru_cache(_CONTEXTS)
def read_context(head: bytes) -> Context:
    """The context of a request; those of the last folders are remembered."""
    context: Context = pickle.loads(head)  # noqa: S301 - from the daemon, over its own pipe
    return context


def read_items(body: bytes) -> list[ItemRow]:
    """The items of a request."""
    return [*zip(*marshal.loads(body), strict=True)]  # noqa: S302 - from the daemon as well


def answer(found: Sequence[Row] | str) -> bytes:
    """An answer: what was read, or in one word why nothing was."""
    body = marshal.dumps(found if isinstance(found, str) else as_columns(found))
    return ANSWER.pack(len(body)) + body


def read_answer(body: bytes, count: int) -> list[Read] | str:
    """What was read of ``count`` copies, or in one word why nothing was; raises `Malformed`."""
    try:
        columns = marshal.loads(body)  # noqa: S302 - it makes plain values alone, checked below
        if isinstance(columns, str):
            return columns
        found = reads_of(columns)
    except (ValueError, TypeError, KeyError, EOFError, struct.error) as problem:
        raise Malformed(type(problem).__name__) from None
    if len(found) != count:
        raise Malformed("count")
    return found
