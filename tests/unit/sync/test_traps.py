"""Where mail is lost, doubled or shown to the wrong people by others: folders, ids and orders."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from lab.world import Box, World, ago, in_writer
from unit.sync.living import Hasty, living, until

from eisd.errors import DriverError, Rejected, UserError
from eisd.store import copies, folders, mailboxes
from eisd.sync.engine import Engine
from eisd.sync.fetch import Fetcher
from eisd.sync.loop import Life
from eisd.sync.verify import verify


async def listed_only(here: World, name: str = "anna") -> None:
    """A pass whose fetching fails: what matched stays pending."""
    box = here.boxes[name]
    box.provider.fail("fetch", times=1_000)
    with suppress(DriverError):
        await here.sync(name)
    box.provider.mend()
    await here.store.write(
        in_writer(
            lambda db: db.execute(
                "UPDATE copy SET outcome = 'pending', reason = '', attempts = 0, retry_at = NULL"
                " WHERE outcome = 'error'"
            )
        )
    )


async def texts(here: World) -> list[tuple[str, str]]:
    """(contact, text) of every activity."""
    rows = await here.rows("SELECT contact_id, text FROM activity_feed")
    return sorted((contact, text.strip()) for contact, text in rows)


# Numberings


async def test_ids_that_came_to_name_other_mail_fetch_nothing(here: World):
    """A fetch after a renumbering never takes a stranger's text for a contact's (RF17)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    first = anna.deliver("eve@far.test", text="private\n")
    anna.deliver("ada@x.test", text="for Anna\n")
    await listed_only(here)
    anna.provider.expunge(first)
    anna.provider.renumber()
    anna.deliver("eve@far.test", text="secret\n")
    queued = await here.store.read(lambda db: copies.queue(db, anna.id, 9))
    mailbox = here.start()

    async with mailbox.session() as session:
        await Fetcher(mailbox).run(session, queued)
    assert await texts(here) == []
    await here.sync()

    assert await texts(here) == [("c1", "for Anna")]
    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    assert "secret" not in dump


async def test_an_id_used_again_under_one_numbering_is_another_copy(here: World):
    """A server without UIDVALIDITY may give an id twice; the second message is not lost (RF18)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("eve@far.test", folder="Deals")
    await here.sync()

    anna.provider.delete_folder("Deals")
    await here.sync()
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals", text="again\n")
    await here.sync()

    assert await texts(here) == [("c1", "again")]
    assert (await here.outcomes())["anna", "Deals", "m1"] == "matched"


@pytest.mark.parametrize(("policy", "left"), [("mark", [["removed"]]), ("remove", [])])
async def test_deleted_while_the_folder_is_numbered_anew(here: World, policy: str, left: object):
    """What is gone after a renumbering counts as removed, whatever its ids were (F3, F6)."""
    here.on_remote_delete = policy
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    first = anna.deliver("ada@x.test")
    anna.deliver("eve@far.test")
    await here.sync()

    anna.provider.expunge(first)
    anna.provider.renumber()
    await here.sync()

    assert [json.loads(row[4]) for row in await here.activities()] == left


async def test_a_folder_that_comes_back_with_another_numbering(here: World):
    """Copies of the old numbering are not taken for ones that are still there."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals")
    await here.sync()
    (row,) = [
        row
        for row in await here.store.read(lambda db: folders.of_mailbox(db, anna.id))
        if row.folder.name == "Deals"
    ]
    anna.provider.renumber("Deals")
    await here.store.write(in_writer(lambda db: folders.gone(db, row.id)))  # and then it is back

    await here.sync()

    rows = await here.rows("SELECT removed_at IS NULL FROM message_outcomes ORDER BY 1")
    assert rows == [(0,), (1,)]


# Folders


async def test_a_folder_renamed_to_and_fro_loses_nothing(here: World):
    """A copy that was waiting when its folder went away is fetched when it comes back."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals", text="kept\n")
    await listed_only(here)
    held = anna.provider.folder("Deals")
    message = held.messages.pop(1)  # nobody may show it elsewhere meanwhile
    anna.provider.rename_folder("Deals", "Old")
    await here.sync()
    assert (await here.rows("SELECT reason FROM message_outcomes")) == [("vanished",)]

    anna.provider.rename_folder("Old", "Deals")
    held.messages[1] = message
    await here.sync()

    assert await texts(here) == [("c1", "kept")]
    assert await here.outcomes() == {("anna", "Deals", "m1"): "matched"}


async def test_a_renamed_folder_keeps_its_activities(here: World):
    """A folder renamed under a running session is found before anything counts as removed (F4)."""
    here.on_remote_delete = "remove"
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals")
    mailbox = here.start()
    await here.sync()
    before = await here.rows("SELECT activity_id FROM activity_feed")
    async with mailbox.session() as session:

        async def nothing() -> None:
            return

        engine = Engine(mailbox, session, nothing)
        await engine.discover()
        anna.provider.rename_folder("Deals", "Won")
        await engine.full(reconcile_all=True)

    assert await here.rows("SELECT activity_id FROM activity_feed") == before
    assert {folder for _, folder, _ in await here.outcomes()} == {"Won"}


async def test_a_folder_that_may_not_be_opened_is_not_gone(here: World):
    """A refusal to open a folder takes no activity and no position away."""
    here.on_remote_delete = "remove"
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test")
    await here.sync()

    anna.deliver("ada@x.test", text="meanwhile\n")
    anna.provider.fail("scan", Rejected("permission denied", code="noperm"))
    await here.sync()
    assert len(await here.activities()) == 1
    assert await here.rows("SELECT status, backfilling FROM folder WHERE name = 'INBOX'") == [
        ("synced", 0)
    ]
    await here.sync()

    assert len(await here.activities()) == 2


async def test_a_folder_that_may_not_be_opened_is_named_and_tried_again(here: World):
    """A refusal shows in the mailbox's note, and the next pass is a new chance."""
    anna = await here.mailbox()
    anna.plan = replace(anna.plan, interval=0.5)
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test")
    anna.provider.fail("scan", Rejected("not now", code="no"), times=1)
    noted: set[str] = set()

    async with living(Hasty(here.start())):

        async def came() -> bool:
            noted.update(row[0] for row in await here.rows("SELECT detail FROM mailbox_status"))
            return bool(await here.activities())

        await until(came)

    assert "the server refuses to show INBOX" in noted


async def test_a_copy_that_waits_in_a_folder_excluded_later_is_fetched(here: World):
    """A folder left out after it was synced keeps its rows, and what matched gets its text (F1)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals", text="kept\n")
    await listed_only(here)
    anna.plan = replace(anna.plan, chosen=("INBOX",))

    await here.sync()

    assert await here.outcomes() == {("anna", "Deals", "m1"): "matched"}
    assert await texts(here) == [("c1", "kept")]


async def test_a_copy_that_waits_in_a_folder_gone_later_has_vanished(here: World):
    """It is no error, and nothing waits for it (O2)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.create_folder("Deals")
    anna.deliver("ada@x.test", folder="Deals")
    await listed_only(here)
    anna.provider.delete_folder("Deals")

    await here.sync()

    assert await here.rows("SELECT outcome, reason FROM message_outcomes") == [
        ("skipped", "vanished")
    ]
    assert await here.rows("SELECT backlog FROM mailbox_status") == [(0,)]


async def test_out_of_junk_into_the_inbox_counts_from_then_on(here: World):
    """Junk is not listed; what leaves it is handled then (F3)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    spam = anna.deliver("ada@x.test", folder="Junk")
    await here.sync()
    assert await here.outcomes() == {}

    anna.provider.move(spam, "Junk", "INBOX")
    await here.sync()

    assert list((await here.outcomes()).values()) == ["matched"]


# The window


async def test_a_narrower_window_removes_nothing(here: World):
    """What lies before a window's new begin is not listed any more, and not removed either."""
    here.on_remote_delete = "remove"
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test", at=ago(days=20))
    anna.deliver("ada@x.test", at=ago(days=2))
    await here.sync()

    await resync(here, anna, ago(days=5).timestamp())
    await here.sync()

    assert len(await here.activities()) == 2


async def test_a_wider_window_takes_back_what_was_outside(here: World):
    """A copy skipped as outside_window counts once the window begins before it."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    await here.sync()
    old = anna.deliver("ada@x.test", at=ago(days=90))
    await here.sync()
    assert (await here.outcomes())["anna", "INBOX", old] == "skipped:outside_window"

    await resync(here, anna, ago(days=120).timestamp())
    await here.sync()

    assert (await here.outcomes())["anna", "INBOX", old] == "matched"


async def test_a_copy_outside_the_window_is_removed_like_any_other(here: World):
    """Mail dragged in from an archive and out again leaves no row that stands for nothing (RI2)."""
    anna = await here.mailbox()
    await here.sync()
    old = anna.deliver("ada@x.test", at=ago(days=90))
    await here.sync()
    anna.provider.expunge(old)
    checks = await verify(here.store, anna.id, anna.plan)
    assert [check.surplus for check in checks] == [1, 0]

    await here.sync()

    assert await here.rows("SELECT reason, removed_at IS NOT NULL FROM message_outcomes") == [
        ("outside_window", 1)
    ]
    assert all(check.ok for check in await verify(here.store, anna.id, anna.plan))


async def resync(here: World, box: Box, since: float) -> None:
    """What `mailbox resync --since` does."""

    def again(tx: object) -> None:
        db = tx.db  # type: ignore[attr-defined]
        mailboxes.set_begin(db, box.id, int(since * 1000))
        for row in folders.of_mailbox(db, box.id):
            folders.reset(db, row.id)

    await here.store.write(again)


async def test_no_past_is_no_reason_to_lose_the_present(here: World):
    """With no window at all a message of this very second counts, by a clock that is slow too."""
    anna = await here.mailbox(window_days=0)
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test", at=ago(hours=2), subject="past")
    await here.sync()

    anna.deliver("ada@x.test", at=ago(seconds=90), subject="now")
    await here.sync()

    assert [row[5] for row in await here.activities()] == ["now"]


# The fetch lane


async def test_a_line_that_drops_twice_under_a_message_says_nothing_of_it(here: World):
    """Most connections break by themselves: the message is no error, and waits for nothing."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.fail_fetch(anna.deliver("ada@x.test"), times=2)

    async with living(Hasty(here.start())):

        async def came() -> bool:
            assert not [one for one in (await here.outcomes()).values() if "error" in one]
            return bool(await here.activities())

        await until(came)


async def test_who_asks_for_a_sync_waits_for_no_retry(here: World):
    """What failed once is tried at once, not when its pause is over."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.provider.fail_fetch(anna.deliver("ada@x.test"), times=1)
    with suppress(DriverError):  # whichever of the two connections it was that dropped
        await here.sync()
    assert list((await here.outcomes()).values()) == ["error:fetch"]
    mailbox = here.start()

    async with living(Hasty(mailbox)):
        assert await mailbox.caught_up(10)

    assert list((await here.outcomes()).values()) == ["matched"]


async def test_a_lane_outlives_any_error(here: World, events: list[dict[str, object]]):
    """A password that cannot be read for the second connection leaves the first one to fetch."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    asked = 0

    class Fickle:
        async def password(self) -> str:
            nonlocal asked
            asked += 1
            if asked > 1:
                raise UserError("the secret's file is gone")
            return "secret"

        async def access_token(self, *, refused: str = "") -> str:
            raise NotImplementedError

    anna.plan = replace(anna.plan, login=Fickle())
    for number in range(30):
        anna.deliver("ada@x.test", subject=f"n{number}")

    await Life(here.start()).once()

    assert len(await here.activities()) == 30
    assert not [one for one in events if one["event"] == "task.crashed"]


async def test_a_copy_removed_and_then_wanted_is_not_waited_for(here: World):
    """A contact added later does not queue a copy that is gone; another one serves."""
    anna = await here.mailbox()
    first = anna.deliver("ada@x.test", message_id="<m@x>")
    await here.sync()
    anna.provider.expunge(first)
    await here.sync()
    second = anna.deliver("ada@x.test", message_id="<m@x>")
    await listed_only(here)
    await here.contact("c1", "ada@x.test")
    anna.provider.expunge(second)

    await here.sync()

    assert await here.rows("SELECT DISTINCT reason FROM message_outcomes") == [("vanished",)]
    assert await here.rows("SELECT backlog FROM mailbox_status") == [(0,)]


async def test_who_is_in_bcc_is_told_whatever_was_fetched_first(here: World):
    """The name that only the sender's copy knows is on record, in every order (I4)."""
    seen = set()
    for order in (("anna", "bert"), ("bert", "anna")):
        name = "-".join(order)
        anna = here.boxes.get("anna") or await here.mailbox("anna")
        bert = here.boxes.get("bert") or await here.mailbox("bert")
        if not seen:
            await here.contact("c1", "ada@x.test")
        blind = {"Bcc": "Cyd <cyd@z.test>"}
        when = ago(hours=3)
        told = {"message_id": f"<{name}@lab.test>", "subject": name, "at": when}
        anna.deliver(anna.address, f"{bert.address}, ada@x.test", folder="Sent", headers=blind,
                     **told)  # fmt: skip
        bert.deliver(anna.address, f"{bert.address}, ada@x.test", **told)
        for mailbox in order:
            await listed_only(here, mailbox)
        await here.sync(*order)
        rows = await here.rows(
            "SELECT role, address, p.name FROM activity_participants p JOIN activity_feed"
            " USING (activity_id) WHERE subject = ? ORDER BY 1, 2",
            name,
        )
        seen.add(tuple(rows))
    assert len(seen) == 1
    assert ("bcc", "cyd@z.test", "Cyd") in seen.pop()


async def test_an_empty_mailbox_is_up_to_date(here: World):
    """A mailbox that holds nothing is idle and no trouble."""
    await here.mailbox()

    await here.sync()

    assert await here.rows("SELECT state, backlog FROM mailbox_status") == [("idle", 0)]
