"""The short way through a scan says what the long one says, and is taken by plain mail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import mail
from unit.matcher.world import CONNECTED, HASHER, LATER, key

from eisd.matcher.blocklist import Blocklist
from eisd.matcher.express import Express
from eisd.matcher.judge import People
from eisd.matcher.policy import Policy
from eisd.matcher.reading import Context, Item, Read
from eisd.matcher.rows import as_row
from eisd.matcher.scan import read_whole
from eisd.matcher.staff import staff_of
from eisd.mime.headers import header_block
from eisd.model.facts import Mark
from eisd.model.mailbox import Box, SyncMode

PIECES = [
    ":", " ", "\r\n ", "\r", "\n", ",", "<", ">", "@", "a", '"', "(", "..", "=?", "+x", "60",
    "\r\nTo: ann@a.example", "\r\nCc: Bo@b.example, ann@a.example", "\r\nFrom: x@y.example",
    "\r\nList-Id: <l.a.example>", "\r\nList-Post: <mailto:l@a.example>", "\r\nPrecedence: bulk",
    "\r\nReply-To: bo@b.example", "\r\nX-Original-From: bo@b.example", "\r\nReturn-Path: <>",
    "\r\nIn-Reply-To: <a@b>", "\r\nReferences: <a@b> <c@d>\r\n\t<a@b>", "\r\nBcc: info@a.example",
    "\r\nContent-Type: text/calendar; method=REQUEST", "\r\nSubject: Re: x",
    "\r\nAuthentication-Results: mx.example; dmarc=pass header.from=a.example",
]  # fmt: skip
BLOCKED = Blocklist(
    addresses={"bo@b.example": int(Mark.BLOCKED)},
    domains={"a.example": int(Mark.BLOCKS_MESSAGE), "y.example": int(Mark.BLOCKED)},
)
STAFF = staff_of([mail.OWNER], hasher=HASHER)
CONTEXT = Context(
    hasher=HASHER,
    policy=Policy(),
    people=People({"one": STAFF}, {1: {"one": CONNECTED}}),
    mailbox=1,
    key=key(mail.OWNER),
    aliases=frozenset(),
    mode=SyncMode.TWO_WAY,
    box=Box.RECEIVED,
)
CONTEXTS = [
    CONTEXT,
    replace(CONTEXT, box=Box.SENT, aliases=frozenset({key("bo@b.example")})),
    replace(CONTEXT, blocklist=BLOCKED),
    replace(CONTEXT, local_case="exact"),
    replace(CONTEXT, trusted_authserv=frozenset({"mx.example"})),
    replace(CONTEXT, mode=SyncMode.INCOMING, policy=Policy(group_bulk="match", group_list="match")),
    replace(
        CONTEXT,
        policy=Policy(internal_mode="any_staff", group_auto="skip"),
        people=People(
            {
                "one": STAFF,
                "two": staff_of(
                    ["bo@b.example"], hasher=HASHER, domains=["a.example"], scope="domains"
                ),
            },
            {1: {"one": 0, "two": LATER}},
        ),
    ),
]


def both(short: Express, context: Context, item: Item) -> None:
    assert short.read(item) == as_row(read_whole(context, item))


@pytest.mark.parametrize("context", CONTEXTS)
def test_generated_mail_is_read_alike(context: Context) -> None:
    """Whatever a mailbox's settings are, both ways say the same of the same mail."""
    short = Express(context, read_whole)
    for number, one in enumerate(mail.corpus(400)):
        gate = int(one.when.timestamp() * 1000)
        block = header_block(one.rfc822)
        both(short, context, Item(gate, number % 2 == 0, block, number % 7 == 0))


@settings(deadline=None)
@given(
    st.integers(0, 399), st.lists(st.tuples(st.sampled_from(PIECES), st.floats(0, 1)), max_size=4),
    st.sampled_from(CONTEXTS), st.booleans(), st.booleans(), st.integers(0, 1 << 41),
)  # fmt: skip
def test_damaged_mail_is_read_alike(
    number: int,
    pieces: list[tuple[str, float]],
    context: Context,
    live: bool,
    sent: bool,
    gate: int,
) -> None:
    """No damage and no odd field makes the short way see anything else than the long one."""
    block = HEADS[number]
    for piece, where in pieces:
        at = int(len(block) * where)
        block = block[:at] + piece.encode() + block[at:]
    learned = SHORT[CONTEXTS.index(context)]
    both(learned, context, Item(gate, live, block, sent))


HEADS = [header_block(one.rfc822) for one in mail.corpus(400)]
SHORT = [Express(context, read_whole) for context in CONTEXTS]


def test_most_mail_takes_the_short_way() -> None:
    """Of ordinary mail nine in ten are read the short way; else it were not worth having."""
    long: list[Item] = []

    def counted(context: Context, item: Item) -> Read:
        long.append(item)
        return read_whole(context, item)

    short = Express(CONTEXT, counted)
    for head in HEADS:
        short.read(Item(LATER, live=False, header=head))
    assert len(long) < len(HEADS) / 10


def test_what_is_learned_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses, values and shapes are met, only so many are remembered."""
    for name in ("parties._PEOPLE", "parties._VALUES", "parties._HOMES", "express._SHAPES"):
        monkeypatch.setattr(f"eisd.matcher.{name}", 8)
    short = Express(CONTEXT, read_whole)
    learned = short._parties
    for number, head in enumerate(HEADS):
        short.read(Item(LATER, live=number % 2 == 0, header=head))
        assert max(map(len, learned._values.values())) <= 8
        assert max(len(learned._people), len(learned._homes), len(short._verdicts)) <= 8
    short.read(Item(LATER, live=True, header=b"Message-ID: <a@b>\r\nFrom: %300s" % b"x@y.example"))
    assert max(len(value) for known in learned._values.values() for value in known) <= 200
