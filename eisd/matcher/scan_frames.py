"""What the daemon and a header worker say to each other over two pipes.

A request is the context, pickled, and the items; an answer holds a row for each of them. The
daemon's words are its own and are believed; the worker has read what strangers wrote, so its
words are data and are checked like data.
"""

from __future__ import annotations

import marshal
import pickle
import struct
from collections.abc import Sequence
from functools import lru_cache

from eisd.matcher.scan import Context, Item, Read, as_row, of_row
from eisd.mime.frames import ANSWER, REQUEST, Malformed

_CONTEXTS = 64


def request(context: Context, items: Sequence[Item]) -> tuple[bytes, bytes]:
    """A request, in two parts to be sent one after the other."""
    head = pickle.dumps(context, pickle.HIGHEST_PROTOCOL)
    body = marshal.dumps([tuple(item) for item in items])
    return REQUEST.pack(len(head), len(body)) + head, body


@lru_cache(_CONTEXTS)
def read_context(head: bytes) -> Context:
    """The context of a request; those of the last folders are remembered."""
    context: Context = pickle.loads(head)  # noqa: S301 - from the daemon, over its own pipe
    return context


def read_items(body: bytes) -> list[Item]:
    """The items of a request."""
    return [Item(*row) for row in marshal.loads(body)]  # noqa: S302 - from the daemon as well


def answer(found: Sequence[Read] | str) -> bytes:
    """An answer: what was read, or in one word why nothing was."""
    body = marshal.dumps(found if isinstance(found, str) else [as_row(read) for read in found])
    return ANSWER.pack(len(body)) + body


def read_answer(body: bytes, count: int) -> list[Read] | str:
    """What was read of ``count`` copies, or in one word why nothing was; raises `Malformed`."""
    try:
        rows = marshal.loads(body)  # noqa: S302 - it makes plain values alone, checked below
        if isinstance(rows, str):
            return rows
        found = [of_row(row) for row in rows]
    except (ValueError, TypeError, KeyError, EOFError, struct.error) as problem:
        raise Malformed(type(problem).__name__) from None
    if len(found) != count:
        raise Malformed("count")
    return found
