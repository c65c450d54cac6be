"""A scan's reading, in this process and as it goes to another and back."""

from __future__ import annotations

import marshal
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from lab import mail
from unit.matcher.world import CONNECTED, HASHER, LATER, ME, STAFF, facts, key

from eisd.matcher import scan_frames
from eisd.matcher.codec import pack
from eisd.matcher.judge import People, Sight, judge
from eisd.matcher.keys import keys_of
from eisd.matcher.policy import Policy
from eisd.matcher.rows import as_row
from eisd.matcher.scan import Context, Item, Read, again, scan, scan_rows, unreadable
from eisd.matcher.staff import staff_of
from eisd.mime.frames import ANSWER, REQUEST, Malformed
from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.mailbox import Box, SyncMode

CONTEXT = Context(
    hasher=HASHER,
    policy=Policy(),
    people=People({"default": STAFF}, {1: {"default": CONNECTED}}),
    mailbox=1,
    key=key(ME),
    aliases=frozenset(),
    mode=SyncMode.TWO_WAY,
    box=Box.RECEIVED,
)
LIST = "From: ann@a.example\nTo: all@list.example\nList-Id: <all.list.example>\n"


def read(text: str, context: Context = CONTEXT) -> Read:
    (found,) = scan(context, [Item(LATER, live=True, header=text.encode())])
    return found


def corpus(count: int) -> list[Item]:
    return [
        Item(int(one.when.timestamp() * 1000), live=False, header=one.rfc822)
        for one in mail.corpus(count)
    ]


def test_a_scan_says_what_facts_and_verdict_say():
    """Facts, keys and outcome are those of the parts a scan is made of."""
    for item, found in zip(corpus(200), scan(CONTEXT, corpus(200)), strict=True):
        want = facts(
            item.header.split(b"\r\n\r\n")[0].decode().replace("\r", ""), gate=item.gate_at
        )
        sight = Sight(1, item.gate_at, Box.RECEIVED, live=False)
        verdict = judge(Policy(), lambda _: CONTEXT, CONTEXT.people, want, [sight])

        assert (found.id_key, found.facts) == (want.id_key, pack(want))
        assert found.keys == keys_of(want)
        assert (found.outcome, found.reason) == verdict.outcomes[0]


@pytest.mark.parametrize(
    ("text", "outgoing", "reason"),
    [
        (f"From: {ME}\nTo: ann@a.example\n", True, "no_contact"),
        (f"From: ann@a.example\nTo: {ME}\n", False, "no_contact"),
        (f"From: {ME}\nTo: you@ours.example\n", True, "internal"),
    ],
)
def test_what_staff_wrote_is_told(text: str, outgoing: bool, reason: str):
    """Whether staff is the author comes with the outcome, for list mail that answers it."""
    assert (read(text).outgoing, read(text).reason.value) == (outgoing, reason)


def test_skipped_list_mail_names_its_parent():
    """Only list mail that is skipped says what it answers: the writer looks whether staff did."""
    parent = int.from_bytes(HASHER.identity("a@b")[:8], "big")

    assert read(f"{LIST}References: <a@b>\n").parent == parent
    assert read(LIST).parent == 0
    assert read(f"{LIST}Cc: {ME}\nReferences: <a@b>\n").parent == 0
    assert read("From: ann@a.example\nReferences: <a@b>\n").parent == 0


def test_other_people_other_verdict():
    """What was read by one context is judged by another without its header."""
    found = read(f"From: {ME}\nTo: ann@a.example\n")
    staff = staff_of([ME, "ann@a.example"], hasher=HASHER)
    now = replace(CONTEXT, people=People({"default": staff}, {1: {"default": CONNECTED}}))

    assert again(CONTEXT, found, LATER, live=True) == found
    assert again(now, found, LATER, live=True).reason is OutcomeReason.INTERNAL


def test_what_cannot_be_read_is_poison_and_nothing_else():
    """A header nobody can read has an identity of its own, and no other context judges it."""
    one, other = (unreadable(CONTEXT, Item(LATER, True, h)) for h in (b"a", b"b"))

    assert (one.outcome, one.reason) == (Outcome.ERROR, OutcomeReason.POISON)
    assert one.id_key != other.id_key
    assert again(CONTEXT, one, LATER, live=True) is one


def test_a_context_makes_the_way_whole():
    """Sent and read again a context judges alike, and one hasher serves all that bear its key."""
    here = [pickle.loads(pickle.dumps(each)) for each in (CONTEXT, replace(CONTEXT, mailbox=1))]  # noqa: S301

    assert scan(here[0], corpus(20)) == scan(CONTEXT, corpus(20))
    assert here[0].hasher is here[1].hasher


def test_requests_and_answers_make_the_way_whole():
    """The frames give back what went into them."""
    items = corpus(20)
    head, body = scan_frames.request(CONTEXT, items)
    found = scan_rows(scan_frames.read_context(head[REQUEST.size :]), scan_frames.read_items(body))
    answer = scan_frames.answer(found)[ANSWER.size :]

    assert scan_frames.read_items(body) == items
    assert scan_frames.read_answer(answer, 20) == scan(CONTEXT, items)
    assert scan_frames.read_answer(scan_frames.answer("memory")[ANSWER.size :], 20) == "memory"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"short"),
        (0, "sixteen characte"),
        (1, None),
        (2, b"1234567"),
        (2, 3),
        (3, "lost"),
        (3, []),
        (4, "boredom"),
        (5, -1),
        (5, 1 << 64),
        (5, True),
        (6, 1),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_answer_is_checked(at: int, value: Any, place: int):
    """An answer with anything but what belongs there is refused, wherever it stands."""
    rows = [list(row) for row in [as_row(read(LIST))] * 3]
    assert scan_frames.read_answer(columns(rows), 3) == [read(LIST)] * 3
    rows[place][at] = value

    with pytest.raises(Malformed):
        scan_frames.read_answer(columns(rows), 3)


def columns(rows: list[list[Any]]) -> bytes:
    return marshal.dumps([*zip(*rows, strict=True)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        marshal.dumps(7),
        marshal.dumps([7]),
        marshal.dumps([[]]),
        marshal.dumps([]),
        marshal.dumps([()]),
        marshal.dumps([[b"sixteen octets!!"], [b""], [b""], ["matched"], [""], [0]]),
        marshal.dumps([[b"sixteen octets!!"], [b"", b""], [b""], ["matched"], [""], [0], [True]]),
    ],
)
def test_an_answer_of_another_kind_is_refused(body: bytes):
    """So is one that has no columns, other columns, columns of unlike length, or too few rows."""
    with pytest.raises(Malformed):
        scan_frames.read_answer(body, 1)


def test_the_worker_imports_what_it_needs_and_no_more():
    """No database, no loop, no configuration is loaded where strangers' headers are read."""
    code = "import sys, eisd.matcher.scan_main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())

    assert "eisd.matcher.scan" in loaded
    assert not loaded & {"eisd.store", "eisd.sync", "eisd.config", "sqlite3", "asyncio", "pydantic"}
