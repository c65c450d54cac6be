"""Any contacts, policy and mail, in any order, with doubles, restarts and kills: one end (I4, I5).

A `Case` is made of a seed: people whose addresses look alike, a policy, messages, and where their
copies lie. It is played in several orders. What is on record at the end must be the same, by
outcomes and activities; every copy has one outcome; and nobody is matched by a part of an address.

More of them: EISD_PROOF=200 pytest tests/unit/sync/test_proof.py --timeout=0
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.mail import make
from lab.world import InlineParser, World, ago, world
from unit.sync.cut import Cut

from eisd.errors import DriverError
from eisd.matcher.policy import Policy
from eisd.mime.addresses import address_key, relaxed_key
from eisd.model.mail import Parsed, ParseStatus, RawMessage, Role
from eisd.sync.loop import Life

SEEDS = int(os.environ.get("EISD_PROOF", "12"))
ORDERS = 3
LONG_AGO = 1
"""Added before all mail (M3), so that it makes no difference when the import comes."""

OWNERS = ("anna", "bert")
STAFF = tuple(f"{owner}@lab.test" for owner in OWNERS)
ALIKE = (
    "ada@x.test",
    "a@x.test",
    "lada@x.test",
    "ada@x.test.evil.test",
    "ada@xx.test",
    "ada@sub.x.test",
    "x.test@ada.test",
    "ada+shop@x.test",
    "Ada@X.test",
    "b.ob@gmail.com",
    "bob@googlemail.com",
    "bob@gmail.com.evil.test",
    "info@x.test",
    "no-reply@x.test",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {},
    {},
    {},
    {"List-Id": "<l.x.test>", "List-Post": "<mailto:l@x.test>"},
    {"Precedence": "bulk"},
    {"Auto-Submitted": "auto-replied"},
    {"Auto-Submitted": "auto-generated"},
    {"List-Unsubscribe": "<mailto:u@x.test>"},
)


@dataclass(frozen=True)
class Copy:
    """One copy, and where it lies."""

    owner: str
    folder: str
    rfc822: bytes
    when: datetime


@dataclass(frozen=True)
class Case:
    """What there is, whatever the order in which it comes."""

    policy: Policy
    scope: str
    contacts: dict[str, tuple[str, ...]]
    copies: tuple[Copy, ...]


def case(seed: int) -> Case:
    """The same for the same seed, but for the hour."""
    dice = random.Random(seed)  # noqa: S311 - the same every time is what is wanted
    contacts = {
        f"c{number}": tuple(dice.sample(ALIKE, dice.randint(1, 3)))
        for number in range(dice.randint(1, 4))
    }
    copies: list[Copy] = []
    known: list[str] = []
    for number in range(dice.randint(6, 12)):
        copies += _message(dice, number, known)
    scope = dice.choice(("addresses", "addresses", "mailbox_domains"))
    return Case(_policy(dice), scope, contacts, tuple(copies))


def _policy(dice: random.Random) -> Policy:
    roles = frozenset(Role) - {dice.choice((None, Role.BCC, Role.REPLY_TO, Role.CC))}
    create = dice.choice(("none", "none", "sent", "sent_and_received"))
    return Policy(
        match_addresses=dice.choice(("all", "all", "primary")),
        match_roles=roles,
        shared_address=dice.choice(("all", "primary_first", "none")),
        thread_inherit=dice.choice(("off", "single_contact")),
        # Of the variants of an address mail makes a contact by the one that comes first.
        subaddress=dice.choice(("fallback", "off")) if create == "none" else "off",
        internal_mode=dice.choice(("skip", "any_staff")),
        group_list=dice.choice(("skip_unless_direct", "skip", "match")),
        group_bulk=dice.choice(("skip", "match")),
        group_auto=dice.choice(("match", "skip")),
        create_policy=create,
    )


def _message(dice: random.Random, number: int, known: list[str]) -> list[Copy]:
    """A message and its copies: the sender's alone shows its Bcc; some lie in two places."""
    everybody = (*STAFF, *ALIKE)
    author = dice.choice((*STAFF, *everybody))
    to = dice.sample(everybody, dice.randint(1, 3))
    cc = dice.sample(ALIKE, dice.randint(0, 2))
    bcc = dice.sample(ALIKE, dice.randint(0, 1))
    headers = dict(dice.choice(HEADERS))
    if dice.random() < 0.2:
        headers["Reply-To"] = dice.choice(ALIKE)
    message_id = f"<{number}@x.test>" if dice.random() < 0.85 else ""
    parent = dice.choice(known) if known and dice.random() < 0.4 else ""
    known += [message_id] if message_id else []
    when = ago(hours=20 * 24 - 30 * number)

    def made(blind: dict[str, str]) -> bytes:
        subject = f"{'Re: ' if parent else ''}s{number}"
        return make(
            author,
            to,
            subject,
            f"About {number}.\n",
            cc=cc,
            message_id=message_id,
            in_reply_to=parent,
            date=when,
            headers={**headers, **blind},
        )

    copies = []
    if author in STAFF:
        blind = {"Bcc": ", ".join(bcc)} if bcc else {}
        copies.append(Copy(author.partition("@")[0], "Sent", made(blind), when))
    readers = [one.partition("@")[0] for one in STAFF if one in to] or [dice.choice(OWNERS)]
    copies += [Copy(owner, "INBOX", made({}), when) for owner in readers]
    if dice.random() < 0.25:
        copies.append(dice.choice(copies))
    return copies


async def played(case: Case, folder: Path, dice: random.Random) -> list[Any]:
    """What is on record at the end of one order."""
    async with world(folder, policy=case.policy, scope=case.scope) as here:
        for owner in OWNERS:
            await here.mailbox(owner)
        steps: list[Callable[[], Any]] = [_deliver(here, copy) for copy in case.copies]
        dice.shuffle(steps)
        # What mail makes of somebody whom an import names later stays made.
        at = 0 if case.policy.create_policy != "none" else dice.randint(0, len(steps))
        for number, step in enumerate(steps):
            if number == at:
                await here.contacts(case.contacts, added_at=LONG_AGO)
            step()
            await _perhaps(here, dice)
        if at == len(steps):
            await here.contacts(case.contacts, added_at=LONG_AGO)
        for _ in range(3):  # mail in one mailbox may give mail in another its contact (M11)
            await here.sync()
        await here.check()
        await _one_outcome_each(here, case)
        await _nobody_by_a_part(here)
        assert len(set(here.fresh)) == len(here.fresh)
        return await _told(here)


def _deliver(here: World, copy: Copy) -> Callable[[], Any]:
    return lambda: here.boxes[copy.owner].put(copy.rfc822, folder=copy.folder, at=copy.when)


async def _perhaps(here: World, dice: random.Random) -> None:
    """Nothing, a start of the daemon, or one that is killed at some moment."""
    what = dice.random()
    if what < 0.25:
        await here.sync(dice.choice(OWNERS))
    elif what < 0.4:
        with suppress(DriverError):
            await Cut(Life(here.start(dice.choice(OWNERS))).once(), dice.randint(1, 80))


async def _one_outcome_each(here: World, case: Case) -> None:
    """Every copy has exactly one row, and it is decided (O1)."""
    rows = await here.rows("SELECT mailbox, folder, remote_id, outcome FROM message_outcomes")
    assert len(rows) == len({row[:3] for row in rows}) == len(case.copies)
    assert {row[3] for row in rows} <= {"matched", "unmatched", "skipped"}


async def _nobody_by_a_part(here: World) -> None:
    """Who has an activity stands in the message, by a whole address (N7)."""
    rows = await here.rows(
        """
        SELECT a.via, c.id, a.message_id FROM activity a JOIN contact c ON c.id = a.contact
        WHERE a.via <> 'thread'
        """
    )
    for via, contact, message in rows:
        has = await here.rows("SELECT address FROM address WHERE contact = ?", contact)
        named = await here.rows("SELECT address FROM participant WHERE message_id = ?", message)
        form = relaxed_key if via == "relaxed" else str
        mine, theirs = ({form(address_key(text)) for (text,) in group} for group in (has, named))
        assert mine & theirs, (via, mine, theirs)


async def _told(here: World) -> list[Any]:
    """Outcomes and activities, without what counts rows or hours of the run."""
    outcomes = await here.rows(
        "SELECT mailbox, folder, message_key, outcome, reason FROM message_outcomes"
    )
    activities = await here.rows(
        """
        SELECT iif(c.created_by = 'import', f.contact_id, 'made: ' || f.contact_name), f.subject,
          f.direction, f.roles, f.via, f.flags, f.mailboxes, f.message_id, f.occurred_at,
          f.received_at, f.visibility, f.text,
          (SELECT group_concat(w, ' ') FROM (SELECT role || address || internal AS w
            FROM activity_participants p WHERE p.activity_id = f.activity_id ORDER BY 1)),
          (SELECT group_concat(w, ' ') FROM (SELECT DISTINCT o.subject AS w
            FROM activity_feed o WHERE o.thread_id = f.thread_id ORDER BY 1))
        FROM activity_feed f JOIN contact c
          ON (c.workspace, c.contact_id) = (f.workspace, f.contact_id)
        """
    )
    return [sorted(outcomes), sorted(activities)]


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_i4_whatever_the_order_the_end_is_the_same(seed: int, tmp_path: Path):
    """I4: the same outcomes and activities, however mail, contacts, restarts and kills come."""
    made = case(seed)
    ends = [
        await played(made, tmp_path / str(order), random.Random(1000 * seed + order))  # noqa: S311
        for order in range(ORDERS)
    ]

    for end in ends[1:]:
        assert end == ends[0], made.policy


class _NoText(InlineParser):
    """A parser that meets its limits with every message."""

    async def parse(self, messages: Sequence[RawMessage], *, html: bool = False) -> list[Parsed]:
        """Parse, and find no text."""
        read = await super().parse(messages, html=html)
        return [replace(one, status=ParseStatus.LIMITED, text="", snippet="") for one in read]


async def test_o3_headers_are_enough_for_an_activity(here: World):
    """O3: where the text cannot be had within the limits the activity stands, and says so."""
    here.parser = _NoText()
    box = await here.mailbox("anna")
    await here.contact("c1", "ada@x.test")
    box.deliver("ada@x.test", subject="s", message_id="<s@x.test>")

    await here.sync()

    assert set((await here.outcomes()).values()) == {"matched"}
    [(_, _, _, _, flags, subject)] = await here.activities()
    assert (flags, subject) == ('["text_limited"]', "s")
