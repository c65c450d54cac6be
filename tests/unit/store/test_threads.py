"""Threads as a function of what is on record (H1, H2)."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass
from itertools import permutations

import pytest
from sqlite_utils import Database as SqliteUtils

from eisd.model.facts import Mark, Participant
from eisd.model.mail import Role
from eisd.store import messages, migrations, threads
from eisd.store.messages import Content, NewMessage
from eisd.store.threads import WITHIN_MS, Ref

DAY = 86_400_000


@dataclass(frozen=True)
class Letter:
    """One message: its number is its Message-ID; whom it answers, and what else it shares."""

    number: int
    parents: tuple[int, ...] = ()
    provider: int = 0
    subject: int = 0
    is_reply: bool = False
    people: tuple[int, ...] = (1, 2)
    bcc: tuple[int, ...] = ()
    day: float = 0

    @property
    def id_key(self) -> bytes:
        """Its identity."""
        return self.number.to_bytes(8, "big") * 2

    @property
    def gate_at(self) -> int:
        """In milliseconds."""
        return int(self.day * DAY)

    @property
    def refs(self) -> dict[int, Ref]:
        """Each kind in a range of its own."""
        found = {5000 + self.provider: Ref.PROVIDER} if self.provider else {}
        return {**dict.fromkeys(self.parents, Ref.PARENT), **found, self.number: Ref.OWN}


def record(db: sqlite3.Connection, *letters: Letter) -> None:
    """Put new messages on record together, as fetching them does."""
    new = [
        NewMessage(one.id_key, 0, content(one), thread, "", one.gate_at)
        for one, thread in zip(
            letters, threads.threads_for(db, [one.refs for one in letters]), strict=True
        )
    ]
    rows = [row.id for row in messages.insert(db, new)]
    threads.bear(db, zip(rows, [one.refs for one in letters], strict=True))
    messages.name(db, zip(rows, map(people, letters), strict=True))
    for row in threads.leading(db, rows):
        threads.follow(db, row)


def settle(db: sqlite3.Connection, one: Letter) -> None:
    """Put one message on record as settling does."""
    (thread,) = threads.threads_for(db, [one.refs])
    (row,) = messages.insert(db, [NewMessage(one.id_key, 0, content(one), thread)])
    messages.describe(db, row.id, "", one.gate_at, people(one))
    threads.attach(db, row.id, one.refs)
    threads.follow(db, row.id)


def content(one: Letter) -> Content:
    """As little as can be."""
    return Content(
        identity=str(one.number),
        subject="",
        subject_key=one.subject,
        is_reply=one.is_reply,
        snippet="",
        text="",
        text_reply="",
        date_raw="",
        dated_at=None,
        received=(),
        size=0,
        parse_status="full",
        defects=(),
        sha256="",
        attachments=(),
    )


def people(one: Letter) -> list[Participant]:
    """Whom it names."""
    return [
        Participant(role, person, person, 0, 0, Mark.NONE, f"p{person}@x.test")
        for role, group in ((Role.TO, one.people), (Role.BCC, one.bcc))
        for person in group
    ]


def partition(db: sqlite3.Connection) -> set[frozenset[int]]:
    """Which messages are together."""
    found: dict[int, set[int]] = {}
    for identity, thread in db.execute("SELECT identity, thread_id FROM message"):
        found.setdefault(thread, set()).add(int(identity))
    return {frozenset(one) for one in found.values()}


def together(*letters: Letter) -> set[frozenset[int]]:
    """The threads of these letters, which are the same in every order and any parts."""
    orders = list(permutations(letters))
    random.Random(1).shuffle(orders)  # noqa: S311
    seen = []
    for number, order in enumerate(orders[:10] * 2):
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.execute("PRAGMA foreign_keys = ON")
        migrations.migrate(db)
        if number % 2:
            cut = number % len(order)
            record(db, *order[:cut])
            record(db, *order[cut:])
        else:
            for one in order:
                settle(db, one)
        seen.append(partition(db))
        (empty,) = db.execute(
            "SELECT count(*) FROM thread WHERE id NOT IN (SELECT thread_id FROM message)"
        ).fetchone()
        assert not empty
        db.close()
    assert all(one == seen[0] for one in seen)
    return seen[0]


def test_h1_a_chain_of_references_is_a_thread():
    """By In-Reply-To and References, whatever the order; another message is another thread."""
    chain = [Letter(1), Letter(2, (1,)), Letter(3, (2,)), Letter(9), Letter(4, (3, 7))]

    assert together(*chain) == {frozenset({1, 2, 3, 4}), frozenset({9})}


def test_h2_a_parent_that_comes_late_joins_its_answers():
    """Two threads that a message names are one from then on."""
    found = together(Letter(1), Letter(2), Letter(3, (1, 2)))

    assert found == {frozenset({1, 2, 3})}


def test_h1_the_providers_thread_joins():
    """Where no header says so; a reference joins it to others."""
    found = together(Letter(1, provider=1), Letter(2, provider=1), Letter(3, (2,)), Letter(4))

    assert found == {frozenset({1, 2, 3}), frozenset({4})}


def test_h1_a_reply_without_parents_follows_its_subject():
    """Reply prefix, same subject, two shared participants, under thirty days."""
    opening = Letter(1, subject=7)
    reply = Letter(2, subject=7, is_reply=True, day=3)

    assert together(opening, reply) == {frozenset({1, 2})}


@pytest.mark.parametrize(
    "reply",
    [
        Letter(2, subject=7, day=3),
        Letter(2, subject=8, is_reply=True, day=3),
        Letter(2, subject=7, is_reply=True, day=3, people=(2, 3)),
        Letter(2, subject=7, is_reply=True, day=3, people=(2,), bcc=(1,)),
        Letter(2, subject=7, is_reply=True, day=WITHIN_MS / DAY),
        Letter(2, subject=7, is_reply=True, day=-1),
    ],
    ids=["no prefix", "another subject", "one shared", "by bcc", "too late", "before it"],
)
def test_h1_the_subject_alone_joins_nothing(reply: Letter):
    """Each guard holds by itself."""
    assert together(Letter(1, subject=7), reply) == {frozenset({1}), frozenset({2})}


def test_h1_a_subject_without_words_joins_nothing():
    """Re: and nothing else is no subject."""
    assert len(together(Letter(1), Letter(2, is_reply=True))) == 2


def test_h1_a_reply_follows_the_last_message_before_it():
    """Of two conversations of one subject the later one; both stay apart."""
    found = together(
        Letter(1, subject=7, day=0),
        Letter(2, subject=7, day=5),
        Letter(3, subject=7, is_reply=True, day=6),
        Letter(4, subject=7, is_reply=True, day=2),
    )

    assert found == {frozenset({1, 4}), frozenset({2, 3})}


def test_h1_thirty_days_are_counted_from_the_last_message():
    """A conversation may go on for long."""
    letters = [Letter(n, subject=7, is_reply=n > 1, day=20.0 * n) for n in range(1, 5)]

    assert together(*letters) == {frozenset({1, 2, 3, 4})}


def test_h2_a_parent_that_comes_late_takes_its_answer_out_of_a_subject():
    """What a header says counts for more, whichever came first."""
    found = together(
        Letter(1, subject=7),
        Letter(2, (9,), subject=7, is_reply=True, day=3),
        Letter(9, subject=7, day=-40),
        Letter(5, (2,), day=4),
    )

    assert found == {frozenset({1}), frozenset({2, 5, 9})}


def test_h2_a_parent_that_nobody_has_leaves_the_subject():
    """A reply whose parent never came is still a reply."""
    found = together(Letter(1, subject=7), Letter(2, (9,), subject=7, is_reply=True, day=3))

    assert found == {frozenset({1, 2})}


def test_h2_the_lower_thread_wins(db: sqlite3.Connection):
    """Numbers that people have seen stay as long as they can."""
    for one in (Letter(1), Letter(2), Letter(3, (1, 2))):
        settle(db, one)

    assert db.execute("SELECT DISTINCT thread_id FROM message").fetchall() == [(1,)]


def test_h1_a_message_may_name_hundreds(db: sqlite3.Connection):
    """More references than one statement takes."""
    db.execute("BEGIN")
    record(db, Letter(2000, tuple(range(1, 1_300))))
    record(db, Letter(1_250))

    assert len(partition(db)) == 1


def test_references_of_an_older_database_are_taken_over(tmp_path):
    """A thread stays one over the upgrade, and a parent that it waits for still joins it."""
    db = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    migrations.migrations().apply(SqliteUtils(db), stop_before=migrations.STEPS[2].__name__)
    db.execute("INSERT INTO thread DEFAULT VALUES")
    for number in (1, 2):
        db.execute(
            "INSERT INTO message (id_key, identity, thread_id, subject, snippet, text, text_reply,"
            " occurred_at, gate_at) VALUES (?, ?, 1, '', '', '', '', '', 0)",
            (number.to_bytes(8, "big") * 2, str(number)),
        )
    db.executemany("INSERT INTO thread_ref (ref, thread_id) VALUES (?, 1)", [(1,), (2,), (3,)])

    migrations.migrate(db)
    record(db, Letter(3))

    assert partition(db) == {frozenset({1, 2, 3})}
    db.close()
