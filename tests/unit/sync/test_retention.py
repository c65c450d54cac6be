"""What is older than it is to be kept goes, and nothing brings it back; what is younger stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lab.mail import make
from lab.world import HASHER, World, ago

from eisd.store import drafts, folders, replay, retention
from eisd.store.retention import Cutoffs
from eisd.store.sql import now_ms
from eisd.sync import pruning
from eisd.sync.rules import DAY_MS
from eisd.sync.verify import verify

ADA, BOB = "ada@x.test", "bob@y.test"
OLD, YOUNG = ago(days=100), ago(days=10)
KEPT = 60
"""Days that mail is kept in these tests."""
LETTER = make(f"Ada Lovelace <{ADA}>", "anna@lab.test", "Relic", "of the past", date=OLD)


def cutoffs(**days: int) -> Cutoffs:
    """What is too old, by age in days."""
    return Cutoffs(**{what: now_ms() - age * DAY_MS for what, age in days.items()})


async def prune(here: World, **days: int) -> dict[str, int]:
    """Prune, with that being the policy; what went."""
    here.keep_days = days.get("activities")
    told = dict(await pruning.prune(here.store, cutoffs(**days)))
    return {kind: number for kind, number in told.items() if number}


async def subjects(here: World) -> list[str]:
    """The subjects of all activities."""
    return sorted(one for (one,) in await here.rows("SELECT subject FROM activity_feed"))


async def aged(here: World):
    """A mailbox with an old letter of Ada's, a young one, and an old one of a stranger."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    anna.put(LETTER, at=OLD)
    anna.deliver(ADA, subject="Fresh", at=YOUNG)
    anna.deliver(BOB, subject="Foreign", at=OLD)
    await here.sync()
    assert await subjects(here) == ["Fresh", "Relic"]
    return anna


async def test_what_is_too_old_goes_with_every_word_of_it(here: World):
    """Activity, text, participants and hashes; the copies stay as rows that tell nothing."""
    await aged(here)

    told = await pruning.would(here.store, cutoffs(activities=KEPT))
    done = await prune(here, activities=KEPT)

    assert {kind: number for kind, number in told.items() if number} == done
    assert done == {"activities": 1, "messages": 1, "copies": 1}
    assert await subjects(here) == ["Fresh"]
    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    assert "Relic" not in dump
    assert "of the past" not in dump
    stranger = HASHER.key(BOB).to_bytes(8, "big").hex().upper()
    assert stranger not in dump
    assert sorted((await here.outcomes()).values()) == [
        "matched",
        "skipped:expired",
        "skipped:outside_window",
    ]
    assert await prune(here, activities=KEPT) == {}, "a second time there is nothing to do"


async def resync(here: World) -> None:
    """The folders are listed anew, from as far back as ever."""
    rows = await here.store.read(lambda db: folders.of_mailbox(db, here.boxes["anna"].id))
    await here.store.write(lambda tx: [folders.reset(tx.db, row.id) for row in rows])


async def renumber(here: World) -> None:
    """The server numbers the folder anew: all rows' remote ids are void."""
    here.boxes["anna"].provider.renumber()


async def another_mailbox(here: World) -> None:
    """A colleague is connected who has the same letter."""
    (await here.mailbox("bert", window_days=None)).put(LETTER, at=OLD)


async def copied(here: World) -> None:
    """A program puts the old letter into a folder as if it had come today."""
    here.boxes["anna"].provider.create_folder("Kept")
    here.boxes["anna"].put(LETTER, folder="Kept", at=ago(hours=1))


async def backfilled(here: World) -> None:
    """The contact is given all of its past, and the stranger becomes a contact."""
    await here.contacts({"c1": [ADA], "c2": [BOB]}, added_at=None)


async def replayed(here: World) -> None:
    """Everything on record is decided again."""
    await here.store.write(lambda tx: replay.enqueue(tx.db, replay.span(tx.db, None, None)))


async def forgotten(here: World) -> None:
    """No row tells any more that the letter was on record, and everything is listed anew."""
    await here.store.write(lambda tx: tx.db.execute("DELETE FROM copy WHERE message_id IS NULL"))
    await resync(here)


@pytest.mark.parametrize(
    "way",
    [resync, renumber, another_mailbox, forgotten, copied, backfilled, replayed],
    ids=lambda f: f.__name__,
)
async def test_nothing_brings_it_back(here: World, way):
    """However the old letter is met again, it is no activity; new mail is one as ever."""
    anna = await aged(here)
    await prune(here, activities=KEPT)

    await way(here)
    anna.deliver(ADA, subject="News")
    await here.sync()
    await here.sync()

    assert await subjects(here) == ["Fresh", "News"]
    assert "Relic" not in await here.store.read(lambda db: "\n".join(db.iterdump()))


async def test_older_mail_is_not_even_listed(here: World):
    """A mailbox that is connected with a larger window begins where mail is kept."""
    here.keep_days = KEPT
    await aged_without_check(here)

    assert await subjects(here) == ["Fresh"]
    assert set((await here.outcomes()).values()) <= {"matched", "skipped:outside_window"}


async def aged_without_check(here: World) -> None:
    """A mailbox whose window is all of its mail, an old and a young letter."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    anna.put(LETTER, at=OLD)
    anna.deliver(ADA, subject="Fresh", at=YOUNG)
    await here.sync()


async def test_one_message_id_for_everything_hides_no_new_mail(here: World):
    """A machine that gives each letter the same Message-ID is heard after the first one went."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    same = {"from_": ADA, "message_id": "<machine@x.test>"}
    anna.put(make(**same, subject="Then", date=OLD), at=OLD)
    await here.sync()
    await prune(here, activities=KEPT)

    anna.put(make(**same, subject="Now", date=ago(hours=1)), at=ago(hours=1))
    await here.sync()

    assert await subjects(here) == ["Now"]


async def test_hashes_of_what_concerned_nobody_go_by_an_age_of_their_own(here: World):
    """A contact that comes later gets the young letter alone; counts agree with the server's."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c0", "first@import.test")
    anna.deliver(BOB, subject="old", at=OLD)
    anna.deliver(BOB, subject="young", at=YOUNG)
    await here.sync()

    assert await prune(here, unmatched=KEPT) == {"copies": 1}
    await here.contacts({"c2": [BOB]}, added_at=1)
    await here.sync()

    assert await subjects(here) == ["young"]
    [inbox] = [one for one in await verify(here.store, anna.id, anna.plan) if one.folder == "INBOX"]
    assert (inbox.ok, inbox.rows) == (True, 2)


async def test_rows_of_what_the_server_removed_long_ago_go(here: World):
    """Of mail that concerned nobody; what matched stays with its activity."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    for author in (ADA, BOB):
        anna.deliver(author, at=OLD)
    await here.sync()
    long_ago = now_ms() - 90 * DAY_MS
    await here.store.write(lambda tx: tx.db.execute("UPDATE copy SET removed_at = ?", (long_ago,)))

    assert await prune(here, unmatched=KEPT) == {"rows": 1}
    assert await here.rows("SELECT outcome FROM copy") == [("matched",)]


async def test_the_history_of_the_outbox_goes_and_what_waits_stays(here: World):
    """Sent, failed, cancelled mail and ended drafts; not what is queued, to be filed, or open."""
    await here.mailbox()
    ended = now_ms() - 90 * DAY_MS
    states = (("sent", ""), ("failed", ""), ("cancelled", ""), ("sent", "due"), ("queued", ""))

    def put(tx):
        for number, (state, filing) in enumerate(states, 1):
            tx.db.execute(
                "INSERT INTO submission (id, mailbox_id, state, message_id, id_key, envelope_id,"
                " sender, subject, size, created_at, due_at, next_at, ended_at, filing)"
                " VALUES (?1, 1, ?2, ?1, x'', ?1, 'a@lab.test', 'Offer', 1, 0, 0, 0, ?3, ?4)",
                (number, state, None if state == "queued" else ended, filing),
            )
            tx.db.execute(
                "INSERT INTO recipient (submission_id, address, exact) VALUES (?, ?, 1)",
                (number, ADA),
            )
        for _ in range(2):
            drafts.add(tx.db, 1, b"{}", "Draft", [(ADA, 1)])
        drafts.end(tx.db, 1, "sent", 1)
        tx.db.execute("UPDATE draft SET updated_at = ?", (ended,))

    await here.store.write(put)

    assert await prune(here, outbox=KEPT) == {"submissions": 3, "drafts": 1}
    assert await here.rows("SELECT id FROM submission ORDER BY id") == [(4,), (5,)]
    assert await here.rows("SELECT submission_id FROM recipient ORDER BY 1") == [(4,), (5,)]
    assert await here.rows("SELECT id, submission_id FROM draft") == [(2, None)]


async def test_mail_that_is_still_to_be_sent_is_never_too_old(here: World):
    """Its activity waits with it, however long ago it was due."""
    await aged(here)

    def unsent(tx):
        tx.db.execute(
            "INSERT INTO submission (mailbox_id, state, message_id, id_key, envelope_id, sender,"
            " subject, size, created_at, due_at, next_at)"
            " SELECT 1, 'held', 'x', id_key, 'x', 'a@lab.test', '', 1, 0, 0, 0 FROM message"
            " WHERE subject = 'Relic'"
        )

    await here.store.write(unsent)

    assert await prune(here, activities=KEPT) == {"copies": 1}
    assert await subjects(here) == ["Fresh", "Relic"]


async def test_the_content_of_attachments_goes_and_their_names_stay(here: World):
    """What a younger message bears as well is kept for that."""
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    for at in (OLD, YOUNG):
        anna.deliver(ADA, at=at, attachments={"plan.bin": b"both"})
    anna.deliver(ADA, at=OLD, attachments={"relic.bin": b"old"})
    await here.sync()

    def keep(tx):
        tx.db.execute("UPDATE attachment SET stored = 1")
        tx.db.execute("INSERT INTO blob SELECT DISTINCT sha256, x'00' FROM attachment")

    await here.store.write(keep)

    assert await prune(here, attachments=KEPT) == {"attachments": 2}
    assert await here.rows("SELECT filename, stored FROM attachment ORDER BY stored, filename") == [
        ("plan.bin", 0),
        ("relic.bin", 0),
        ("plan.bin", 1),
    ]
    assert await here.rows("SELECT count(*) FROM blob") == [(1,)]


async def test_with_no_age_nothing_goes(here: World):
    """As it is by default."""
    await aged(here)

    assert await prune(here) == {}
    assert await subjects(here) == ["Fresh", "Relic"]


async def test_much_goes_in_small_writes(here: World, monkeypatch: pytest.MonkeyPatch):
    """More than one write holds is gone in the end; a thread that loses its begin stays one."""
    monkeypatch.setattr(retention, "SOME", 2)
    monkeypatch.setattr(retention, "STEP", 3)
    anna = await here.mailbox(window_days=None)
    await here.contact("c1", ADA)
    for number in range(7):
        anna.deliver(
            ADA,
            subject="Re: plan",
            at=OLD + timedelta(days=9 * number),
            message_id=f"<{number}@x.test>",
            in_reply_to=f"<{max(0, number - 1)}@x.test>" if number else "",
        )
    await here.sync()
    [(threads,)] = await here.rows("SELECT count(DISTINCT thread_id) FROM message")
    assert threads == 1

    done = await prune(here, activities=KEPT)

    assert done["messages"] == 5
    assert await here.rows("SELECT count(DISTINCT thread_id), count(*) FROM message") == [(1, 2)]
    assert await here.rows("SELECT count(*) FROM thread") == [(1,)]
