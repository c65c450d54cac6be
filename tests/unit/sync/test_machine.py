"""Anything in any order: mail, moves, deletions, renumberings, faults and kills, then a calm sync.

A state machine does to two mailboxes what people, servers and power cuts do. Whenever it pauses
for a calm sync, what is on record must be what the seed says, worked out by `oracle` and not by
the matcher; and an empty database that sees only the final mailboxes must come to the same.

More examples: pytest tests/unit/sync/test_machine.py --hypothesis-profile=long --timeout=0
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lab.world import Box, World, ago, in_writer, world
from unit.sync.cut import Cut
from unit.sync.oracle import Letter, expected

from eisd.errors import AuthRejected, DriverError, Transient
from eisd.sync.loop import Life

OWNERS = ("anna", "bert")
STAFF = frozenset({"anna@lab.test", "bert@lab.test"})
PEOPLE = {
    "c1": ("ada@x.test", "ada@home.test"),
    "c2": ("bob@y.test",),
    "c3": ("cyd@z.test",),
    "c4": ("dan@x.test", "bob@y.test"),
}
STRANGERS = ("eve@far.test", "mal@far.test")
EVERYBODY = sorted({*STAFF, *STRANGERS, *(a for mine in PEOPLE.values() for a in mine)})
FOLDERS = ("INBOX", "Sent", "Deals", "Old", "Junk")
SYNCED = ("INBOX", "Sent", "Deals", "Old")
OPERATIONS = ("connect", "folders", "changed", "scan", "fetch", "listing")

people = st.lists(st.sampled_from(EVERYBODY), min_size=1, max_size=3, unique=True).map(tuple)
some = st.lists(st.sampled_from(EVERYBODY), max_size=2, unique=True).map(tuple)
owners = st.sampled_from(OWNERS)
folders = st.sampled_from(FOLDERS)
LONG_AGO = 1
"""A time of adding before every message, so that all of them count (M3)."""


@dataclass
class Held:
    """A copy in a mailbox, as the provider has it."""

    owner: str
    folder: str
    remote_id: str
    letter: Letter


class Mailboxes(RuleBasedStateMachine):
    """Two mailboxes, what people do with them, and what goes wrong."""

    @initialize()
    def begin(self) -> None:
        """A world of its own for every run."""
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="eisd-machine-", dir="/dev/shm"))
        self.opened = world(self.folder)
        self.here: World = self.run(self.opened.__aenter__())
        for owner in OWNERS:
            self.run(self.here.mailbox(owner))
        self.held: list[Held] = []
        self.ever: list[Letter] = []
        self.disturbed: set[str] = set()
        """Subjects of which a copy was taken away, seen or unseen."""
        self.contacts: dict[str, tuple[str, ...]] = {}
        self.numbers = 0
        self.validities = 100

    def run(self, work: Any) -> Any:
        """Run a coroutine on this machine's loop."""
        return self.runner.run(work)

    def teardown(self) -> None:
        """Whatever happened, the end is calm."""
        if not hasattr(self, "runner"):
            return
        try:
            self.calm()
            self.replayed()
        finally:
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()
            shutil.rmtree(self.folder)

    def box(self, owner: str) -> Box:
        """A mailbox by its owner."""
        return self.here.boxes[owner]

    def has(self, owner: str, folder: str) -> bool:
        """Whether the mailbox has that folder."""
        return any(held.name == folder for held in self.box(owner).provider.folders())

    def put(self, letter: Letter, owner: str, folder: str) -> None:
        """Let a copy come into being."""
        if not self.has(owner, folder):
            folder = "INBOX"
        remote_id = self.box(owner).put(letter.rfc822(), folder=folder, at=letter.date)
        self.held.append(Held(owner, folder, remote_id, letter))
        if folder in SYNCED:
            self.ever.append(letter)

    # What people do

    @rule(
        owner=owners,
        folder=folders,
        author=st.sampled_from(EVERYBODY),
        to=people,
        cc=some,
        bcc=some,
        reply_to=st.sampled_from(("", *EVERYBODY)),
        hours=st.integers(1, 500),
        has_id=st.booleans(),
        answers=st.booleans(),
    )
    def deliver(
        self,
        owner: str,
        folder: str,
        author: str,
        to: tuple[str, ...],
        cc: tuple[str, ...],
        bcc: tuple[str, ...],
        reply_to: str,
        hours: int,
        has_id: bool,
        answers: bool,
    ) -> None:
        """A letter arrives, or is filed in Sent; some have no Message-ID."""
        self.numbers += 1
        parents = [h.letter.message_id for h in self.held[-2:] if h.letter.message_id]
        letter = Letter(
            f"s{self.numbers}",
            author,
            to,
            tuple(a for a in cc if a not in to),
            tuple(a for a in bcc if a not in (*to, *cc)),
            reply_to,
            f"<{self.numbers}@x.test>" if has_id else "",
            ago(hours=hours),
            tuple(parents) if answers else (),
        )
        self.put(letter, owner, folder)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), owner=owners, folder=folders, blind=st.booleans())
    def deliver_again(self, data: st.DataObject, owner: str, folder: str, blind: bool) -> None:
        """The same letter lies in another place too, perhaps without its Bcc."""
        letter = data.draw(st.sampled_from(self.held)).letter
        self.put(letter.seen_by_recipient() if blind else letter, owner, folder)

    @precondition(lambda self: any(h.letter.message_id for h in self.held))
    @rule(data=st.data(), owner=owners, author=st.sampled_from(STRANGERS), days=st.integers(2, 15))
    def collide(self, data: st.DataObject, owner: str, author: str, days: int) -> None:
        """Another letter by another author bears the same Message-ID (I2)."""
        known = [h.letter for h in self.held if h.letter.message_id]
        other = data.draw(st.sampled_from(known))
        letters = (*known, *self.ever)
        if author in {one.author for one in letters if one.message_id == other.message_id}:
            return  # the same author's is the same message
        self.numbers += 1
        self.put(
            Letter(
                f"s{self.numbers}",
                author,
                ("ada@x.test", "anna@lab.test"),
                (),
                (),
                "",
                other.message_id,
                ago(days=days, minutes=self.numbers),
            ),
            owner,
            "INBOX",
        )

    @precondition(lambda self: self.held)
    @rule(data=st.data(), to=folders)
    def move(self, data: st.DataObject, to: str) -> None:
        """A copy is moved to another folder of its mailbox."""
        one = data.draw(st.sampled_from(self.held))
        if not self.has(one.owner, to):
            return
        provider = self.box(one.owner).provider
        one.remote_id = provider.move(one.remote_id, one.folder, to)
        if one.folder in SYNCED:
            self.disturbed.add(one.letter.subject)
        if to in SYNCED:
            self.ever.append(one.letter)
        one.folder = to

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def expunge(self, data: st.DataObject) -> None:
        """A copy is deleted for good."""
        one = data.draw(st.sampled_from(self.held))
        self.box(one.owner).provider.expunge(one.remote_id, one.folder)
        self.held.remove(one)
        self.disturbed.add(one.letter.subject)

    @rule(owner=owners, folder=folders)
    def renumber(self, owner: str, folder: str) -> None:
        """Every remote id of a folder changes."""
        if not self.has(owner, folder):
            return
        held = self.box(owner).provider.folder(folder)
        before = [m.remote_id for m in held.messages.values()]
        self.box(owner).provider.renumber(folder)
        after = [m.remote_id for m in held.messages.values()]
        new = dict(zip(before, after, strict=True))
        for one in self.held:
            if (one.owner, one.folder) == (owner, folder):
                one.remote_id = new[one.remote_id]

    @rule(owner=owners, folder=st.sampled_from(("Deals", "Old")))
    def make_or_delete_folder(self, owner: str, folder: str) -> None:
        """A folder is made, or deleted with all it holds."""
        provider = self.box(owner).provider
        if not self.has(owner, folder):
            provider.create_folder(folder)
            self.validities += 1
            provider.folder(folder).validity = self.validities
            return
        provider.delete_folder(folder)
        for one in [h for h in self.held if (h.owner, h.folder) == (owner, folder)]:
            self.held.remove(one)
            self.disturbed.add(one.letter.subject)

    @rule(owner=owners)
    def rename_folder(self, owner: str) -> None:
        """Deals becomes Old, or Old becomes Deals again, with the same numbering."""
        for name, to in (("Deals", "Old"), ("Old", "Deals")):
            if self.has(owner, name) and not self.has(owner, to):
                self.box(owner).provider.rename_folder(name, to)
                for one in self.held:
                    if (one.owner, one.folder) == (owner, name):
                        one.folder = to
                return

    @rule(contact=st.sampled_from(sorted(PEOPLE)))
    def know(self, contact: str) -> None:
        """A contact is imported, dated back so that the order makes no difference."""
        self.contacts[contact] = PEOPLE[contact]
        self.run(self.here.contacts({contact: PEOPLE[contact]}, added_at=LONG_AGO))

    # What goes wrong

    @rule(
        owner=owners,
        operation=st.sampled_from(OPERATIONS),
        after=st.integers(0, 12),
        kind=st.sampled_from(("drop", "throttled", "refused")),
    )
    def fail(self, owner: str, operation: str, after: int, kind: str) -> None:
        """The n-th call of an operation will fail."""
        errors: dict[str, DriverError | None] = {
            "drop": None,
            "throttled": Transient("slowly", code="throttled", retry_after=9.0),
            "refused": AuthRejected("no", code="authenticationfailed"),
        }
        self.box(owner).provider.fail(operation, errors[kind], after=after)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), times=st.integers(1, 3))
    def poison(self, data: st.DataObject, times: int) -> None:
        """Fetching one copy drops the line, so many times."""
        one = data.draw(st.sampled_from(self.held))
        self.box(one.owner).provider.fail_fetch(one.remote_id, one.folder, times=times)

    # What eisd does

    @rule(owner=owners)
    def sync(self, owner: str) -> None:
        """A start of the daemon, faults and all."""

        async def once() -> None:
            with suppress(DriverError):
                await Life(self.here.start(owner)).once()

        self.run(once())

    @rule(owner=owners, at=st.integers(1, 80))
    def kill(self, owner: str, at: int) -> None:
        """A start of the daemon that is killed when it waits for the n-th time."""

        async def once() -> None:
            with suppress(DriverError):
                await Cut(Life(self.here.start(owner)).once(), at)

        self.run(once())

    @rule()
    def calm(self) -> None:
        """Without faults, everything is as it ought to be after one more sync."""
        for owner in OWNERS:
            self.box(owner).provider.mend()
        self.run(self._calm())

    async def _calm(self) -> None:
        retry = (
            "UPDATE copy SET outcome = 'pending', reason = '', attempts = 0, retry_at = NULL"
            " WHERE outcome = 'error'"
        )
        await self.here.store.write(in_writer(lambda db: db.execute(retry)))
        await self.here.sync()
        await self.here.check()
        await self._every_copy_once()
        await self._right_activities()
        assert len(set(self.here.fresh)) == len(self.here.fresh)

    async def _every_copy_once(self) -> None:
        """Each copy that a synced folder lists has exactly one row, decided (RI2, RI3)."""
        rows = await self.here.rows(
            "SELECT mailbox, folder, remote_id, outcome FROM message_outcomes"
            " WHERE removed_at IS NULL"
        )
        listed = sorted((h.owner, h.folder, h.remote_id) for h in self.held if h.folder in SYNCED)
        assert sorted(row[:3] for row in rows) == listed
        assert {row[3] for row in rows} <= {"matched", "unmatched", "skipped"}
        assert await self.here.rows("SELECT DISTINCT backlog FROM mailbox_status") == [(0,)]

    async def _right_activities(self) -> None:
        """Activities are what the seed says (RI6), each once (RP2)."""
        rows = await self.here.rows(
            "SELECT contact_id, subject, direction, roles FROM activity_feed"
        )
        have = {(c, s, d, tuple(json.loads(r))) for c, s, d, r in rows}
        assert len(rows) == len({row[:2] for row in rows})
        present = [h.letter for h in self.held if h.folder in SYNCED]
        must = expected(present, self.contacts, STAFF)
        sure = {one for one in must if one[1] not in self.disturbed}
        assert sure <= have
        assert {one for one in have if one[1] not in self.disturbed} == sure
        may = {one[:2] for one in expected(self.ever, self.contacts, STAFF)}
        assert {one[:2] for one in must} <= {one[:2] for one in have} <= may

    # The same from nothing

    def replayed(self) -> None:
        """An empty database comes to the same from the final mailboxes (RI12)."""
        self.run(self._replayed())

    async def _replayed(self) -> None:
        again = self.folder / "again"
        async with world(again) as anew:
            for owner in OWNERS:
                box = await anew.mailbox(owner)
                plan = self.here.boxes[owner].plan
                anew.boxes[owner] = replace(
                    box, provider=self.here.boxes[owner].provider, plan=plan
                )
            if self.contacts:
                await anew.contacts(self.contacts, added_at=LONG_AGO)
            await anew.sync()
            told = [await self._told(one) for one in (self.here, anew)]
        assert told[0] == told[1]

    async def _told(self, one: World) -> list[tuple[Any, ...]]:
        """What is told of letters that nobody touched, without ids that count rows."""
        rows = await one.rows(
            """
            SELECT contact_id, subject, direction, roles, via, flags, message_id, mailboxes, text,
              occurred_at, received_at, has_attachments, visibility,
              (SELECT group_concat(w, ' ') FROM (SELECT role || address || internal AS w
                FROM activity_participants p WHERE p.activity_id = a.activity_id ORDER BY 1)),
              (SELECT group_concat(w, ' ') FROM (SELECT DISTINCT o.subject AS w
                FROM activity_feed o WHERE o.thread_id = a.thread_id ORDER BY 1))
            FROM activity_feed a ORDER BY 1, 2
            """
        )
        if self.disturbed:  # threads may hang together by letters that are gone
            rows = [row[:-1] for row in rows]
        touched = {one.message_id for one in self.ever if one.subject in self.disturbed} - {""}
        unlike = {one.subject for one in self.ever if one.message_id in touched} | self.disturbed
        return [row for row in rows if row[1] not in unlike]


TestMailboxes = Mailboxes.TestCase
if settings.get_current_profile_name() != "long":
    TestMailboxes.pytestmark = [pytest.mark.timeout(200)]
    TestMailboxes.settings = settings(
        max_examples=100,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
