"""What a scan makes of listed copies: from header bytes to facts and, mostly, the outcome.

Pure, so that it can run in another process (`eisd.matcher.scan_main`): a first sync reads tens of
thousands of headers while the daemon has other things to do. What it says of a copy holds as long
as no contact bears one of its keys and the message is not known already; that is for the writer
to see (I5). So is whether list mail answers staff (G4): ``parent`` names what to look for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

from eisd.matcher.codec import pack, unpack
from eisd.matcher.express import Express
from eisd.matcher.facts import facts_of
from eisd.matcher.judge import NOBODY, Sight, judge
from eisd.matcher.keys import keys_of
from eisd.matcher.reading import Context, Item, Read
from eisd.matcher.rows import ItemRow, Row, as_columns, reads_of
from eisd.matcher.staff import direction_of
from eisd.mime.headers import extract
from eisd.model.activity import Direction, Outcome, OutcomeReason
from eisd.model.facts import Facts
from eisd.model.mail import Signal
from eisd.model.mailbox import Box

__all__ = [
    "Context", "Item", "ItemRow", "Read", "Row", "again", "facts_in", "read_whole", "scan",
    "scan_rows", "unreadable",
]  # fmt: skip

_CONTEXTS: Final = 64
_LIST: Final = OutcomeReason.LIST
_OUTGOING: Final = Direction.OUTGOING
_UNREADABLE: Final = pack(Facts(bytes(16), 0, 0, 0, 0, None, 0, 0, Signal.LIMITED, ()))


def scan(context: Context, items: Iterable[Item]) -> list[Read]:
    """Read and judge copies, in their order."""
    return reads_of(as_columns(scan_rows(context, items)))


def scan_rows(context: Context, items: Iterable[ItemRow]) -> list[Row]:
    """`scan` in plain values alone."""
    return list(map(_express(context).read, items))


@lru_cache(_CONTEXTS)
def _express(context: Context) -> Express:
    return Express(context, read_whole)


def read_whole(context: Context, item: Item) -> Read:
    """Read and judge one copy of any kind."""
    facts = facts_in(context, item, keep_text=False)
    return _read(context, facts, item.gate_at, live=item.live, sent=item.sent)


def facts_in(context: Context, item: Item, *, keep_text: bool = True) -> Facts:
    """The facts of one copy, with readable addresses unless told otherwise."""
    return facts_of(
        extract(item.header, local_case=context.local_case),
        gate_at_ms=item.gate_at,
        hasher=context.hasher,
        blocklist=context.blocklist,
        trusted_authserv=context.trusted_authserv,
        sent=item.sent or context.box is Box.SENT,
        keep_text=keep_text,
    )


def again(context: Context, read: Read, gate_at: int, *, live: bool, sent: bool = False) -> Read:
    """Judge by another context what was read before."""
    if read.outcome is Outcome.ERROR:
        return read
    return _read(context, unpack(read.id_key, gate_at, read.facts), gate_at, live=live, sent=sent)


def unreadable(context: Context, item: Item) -> Read:
    """What is recorded of a copy whose header cannot be read within the limits (O1)."""
    identity = context.hasher.identity(f"unreadable:{sha256(item.header).hexdigest()}")
    return Read(identity, _UNREADABLE, (), Outcome.ERROR, OutcomeReason.POISON)


def _read(context: Context, facts: Facts, gate_at: int, *, live: bool, sent: bool = False) -> Read:
    people, mailbox = context.people, context.mailbox
    box = Box.SENT if sent else context.box
    sight = Sight(mailbox, gate_at, box, live)
    verdict = judge(context.policy, lambda _: context, people, facts, (sight,))
    outcome, reason = verdict.outcomes[0]
    outgoing = False
    for workspace in people.feeds[mailbox]:
        if direction_of(facts, people.staff.get(workspace, NOBODY)) is _OUTGOING:
            outgoing = True
    return Read(
        facts.id_key,
        pack(facts),
        keys_of(facts),
        outcome,
        reason,
        facts.parents[0] if reason is _LIST and facts.parents else 0,
        outgoing,
    )
