"""Folders, mailboxes and copies: what each file of the store promises by itself."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from eisd.model.activity import Outcome, OutcomeReason
from eisd.model.facts import Staff
from eisd.model.folder import Cursor, Folder, FolderRole
from eisd.model.mailbox import Box, MailboxState
from eisd.store import copies, folders, listings, mailboxes, removals
from eisd.store.copies import MAX_ATTEMPTS, NewCopy
from eisd.store.mailboxes import MailboxSpec

ANNA = MailboxSpec("anna", "anna@lab.test|h", "anna@lab.test", (), "imap", "al", "personal", ("w",))
INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)
DEALS = Folder("Deals", "Deals")
COPY = NewCopy(
    remote_id="1",
    id_key=bytes(16),
    variant=0,
    gate_at=1_000,
    size=10,
    box=Box.RECEIVED,
    live=True,
    seen=False,
    answered=False,
    flagged=False,
    held=OutcomeReason.NONE,
    outcome=Outcome.PENDING,
    reason=OutcomeReason.NONE,
    facts=b"",
    message_id=0,
    parent=0,
)


@pytest.fixture
def anna(db: sqlite3.Connection) -> int:
    """A mailbox."""
    return mailboxes.configure(db, [ANNA])["anna"]


@pytest.fixture
def inbox(db: sqlite3.Connection, anna: int) -> int:
    """Its inbox."""
    return folders.put(db, anna, [(INBOX, "")])[0].id


def outcomes(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """(remote id, outcome, reason) of every copy."""
    return db.execute("SELECT remote_id, outcome, reason FROM copy ORDER BY id").fetchall()


# Mailboxes


def test_a_mailbox_is_its_address_and_host(db: sqlite3.Connection, anna: int):
    """Renamed it keeps its row; with another identity it is another one (M14)."""
    assert mailboxes.configure(db, [replace(ANNA, name="anne")]) == {"anne": anna}
    other = mailboxes.configure(db, [replace(ANNA, name="anne", identity="b|h")])["anne"]

    assert other != anna
    states = db.execute("SELECT name, state FROM mailbox ORDER BY id").fetchall()
    assert states == [("anne", "disconnected"), ("anne", "starting")]


def test_two_mailboxes_may_swap_their_names(db: sqlite3.Connection):
    """One configuration is one step."""
    bert = replace(ANNA, name="bert", identity="bert|h", address="bert@lab.test")
    before = mailboxes.configure(db, [ANNA, bert])

    after = mailboxes.configure(db, [replace(ANNA, name="bert"), replace(bert, name="anna")])

    assert (after["anna"], after["bert"]) == (before["bert"], before["anna"])


def test_the_first_login_is_remembered(
    db: sqlite3.Connection, anna: int, monkeypatch: pytest.MonkeyPatch
):
    """The second of it, a workspace's own too, and where the window began (Z1)."""
    monkeypatch.setattr(mailboxes, "now_ms", lambda: 5_999)
    mailboxes.connected(db, anna, 77)
    monkeypatch.setattr(mailboxes, "now_ms", lambda: 9_000)
    mailboxes.configure(db, [replace(ANNA, workspaces=("w", "later"))])
    mailboxes.connected(db, anna, 88)

    row = mailboxes.by_id(db, anna)
    assert (row.connected_at, row.begin_at) == (5_000, 77)
    assert mailboxes.feeds(db) == {anna: {"w": 5_000, "later": 9_000}}


def test_since_moves_with_the_state_alone(
    db: sqlite3.Connection, anna: int, monkeypatch: pytest.MonkeyPatch
):
    """Another sentence about the same state is no new beginning."""
    for now, state, detail in (
        (1_000, MailboxState.PROBLEMATIC, "one"),
        (2_000, MailboxState.PROBLEMATIC, "two"),
    ):
        monkeypatch.setattr(mailboxes, "now_ms", lambda now=now: now)
        mailboxes.set_state(db, anna, state, "auth", detail)
    assert db.execute("SELECT since, detail FROM mailbox").fetchone() == (1_000, "two")

    monkeypatch.setattr(mailboxes, "now_ms", lambda: 3_000)
    mailboxes.set_state(db, anna, MailboxState.PROBLEMATIC, "tls", "three")
    assert db.execute("SELECT since FROM mailbox").fetchone() == (3_000,)


def test_staff_stays_with_a_disconnected_mailbox(db: sqlite3.Connection):
    """Its addresses are staff until it is forgotten (S1)."""
    anna = mailboxes.configure(db, [replace(ANNA, aliases=("hello@lab.test",))])["anna"]
    mailboxes.configure(db, [])

    assert mailboxes.staff_addresses(db) == [("w", "anna@lab.test"), ("w", "hello@lab.test")]
    assert mailboxes.feeds(db) == {anna: {"w": 0}}
    mailboxes.forget(db, anna)
    assert mailboxes.staff_addresses(db) == []


def test_staff_comes_back_as_it_was_put(db: sqlite3.Connection):
    """By workspace and kind, with 64 bits."""
    staffs = {
        "w": Staff(frozenset({2**64 - 1, 1}), frozenset({2}), frozenset({2**63})),
        "v": Staff(frozenset({3}), frozenset()),
    }

    mailboxes.replace_staff(db, staffs)

    assert mailboxes.staff(db) == staffs


# Folders


def test_a_position_moves_from_where_it_was(db: sqlite3.Connection, inbox: int):
    """Somebody who asked for a resync meanwhile is not overruled (F7)."""
    one, two = Cursor("1", "v1", backfilling=True), Cursor("2", "v1")

    assert folders.move(db, inbox, one, 5, before=None)
    assert folders.move(db, inbox, two, 0, before=one)
    folders.reset(db, inbox)
    assert not folders.move(db, inbox, Cursor("3", "v1"), 0, before=two)
    assert folders.by_id(db, inbox).cursor is None


def test_a_folder_that_is_not_listed_is_gone_and_its_rows_stay(
    db: sqlite3.Connection, anna: int, inbox: int
):
    """Back again it is listed anew."""
    folders.move(db, inbox, Cursor("1", "v1"), 0, before=None)
    copies.insert(db, inbox, "v1", [COPY])

    rows = folders.put(db, anna, [(DEALS, "not wanted")])
    assert [(r.folder.name, r.status, r.why) for r in rows] == [
        ("INBOX", "gone", ""),
        ("Deals", "excluded", "not wanted"),
    ]
    back = folders.put(db, anna, [(INBOX, ""), (DEALS, "")])

    assert [(r.status, r.cursor) for r in back] == [("synced", None), ("synced", None)]
    assert len(outcomes(db)) == 1


# Copies


def test_the_queue_is_live_mail_first_then_the_newest(
    db: sqlite3.Connection, anna: int, inbox: int
):
    """And nothing that is done, given up, gone, or to be tried later."""
    copies.insert(
        db,
        inbox,
        "v1",
        [
            COPY._replace(remote_id="old", gate_at=1, live=False),
            COPY._replace(remote_id="new", gate_at=9, live=False),
            COPY._replace(remote_id="live", gate_at=5),
            COPY._replace(remote_id="done", outcome=Outcome.SKIPPED),
            COPY._replace(remote_id="poison", outcome=Outcome.ERROR, reason=OutcomeReason.POISON),
            COPY._replace(remote_id="later"),
            COPY._replace(remote_id="gone"),
        ],
    )
    ids = dict(db.execute("SELECT remote_id, id FROM copy"))
    copies.failed(db, ids["later"], OutcomeReason.FETCH, "try later")
    removals.vanished(db, [ids["gone"]])

    assert [one.remote_id for one in copies.queue(db, anna, 99)] == ["live", "new", "old"]
    assert [one.remote_id for one in copies.queue(db, anna, 1)] == ["live"]
    assert copies.next_retry(db, anna) is not None


def test_five_tries_make_poison(db: sqlite3.Connection, anna: int, inbox: int):
    """Each with a longer pause before it, then none (O1)."""
    copies.insert(db, inbox, "v1", [COPY])
    (copy,) = db.execute("SELECT id FROM copy").fetchone()
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        assert not copies.failed(db, copy, OutcomeReason.FETCH, "no")
        waits.append(copies.next_retry(db, anna))

    assert waits == sorted(waits)  # type: ignore[type-var]
    assert copies.failed(db, copy, OutcomeReason.FETCH, "no")
    assert outcomes(db) == [("1", "error", "poison")]
    assert copies.next_retry(db, anna) is None


def test_a_copy_listed_again_is_there_again(db: sqlite3.Connection, inbox: int):
    """Its flags are the new ones; that it had vanished is forgotten."""
    copies.insert(db, inbox, "v1", [COPY])
    removals.vanished(db, [1])
    assert outcomes(db) == [("1", "skipped", "vanished")]

    copies.insert(db, inbox, "v1", [COPY._replace(seen=True)])

    assert outcomes(db) == [("1", "pending", "")]
    assert db.execute("SELECT seen, removed_at, held FROM copy").fetchall() == [(1, None, "")]


def test_a_matched_copy_listed_again_stays_matched(db: sqlite3.Connection, inbox: int):
    """What a listing says before it is settled decides nothing."""
    copies.insert(db, inbox, "v1", [COPY._replace(outcome=Outcome.MATCHED)])

    copies.insert(db, inbox, "v1", [COPY._replace(outcome=Outcome.UNMATCHED)])

    assert outcomes(db) == [("1", "matched", "")]


def test_retired_ids_may_come_again(db: sqlite3.Connection, anna: int, inbox: int):
    """After a renumbering and back the old rows are in nobody's way (F6)."""
    copies.insert(db, inbox, "v1", [COPY])
    removals.retire(db, inbox)
    removals.retire(db, inbox)
    copies.insert(db, inbox, "v1", [COPY])

    assert outcomes(db) == [("1", "skipped", "vanished"), ("1", "pending", "")]
    assert [one.remote_id for one in copies.queue(db, anna, 9)] == ["1"]


def test_an_id_that_names_another_message_is_retired(db: sqlite3.Connection, inbox: int):
    """The same message again is not."""
    copies.insert(db, inbox, "v1", [COPY, COPY._replace(remote_id="2")])

    removals.displaced(db, inbox, "v1", {"1": b"x" * 16, "2": bytes(16), "3": b"y" * 16})

    rows = db.execute("SELECT remote_id, validity, removed_at IS NULL FROM copy").fetchall()
    assert rows[0][1].startswith("v1~")
    assert [row[2] for row in rows] == [0, 1]


def test_a_comparison_tells_both_sides(db: sqlite3.Connection, inbox: int):
    """What we have and they lack, what they have and we lack; rooms do not mix."""
    copies.insert(db, inbox, "v1", [COPY._replace(remote_id=str(n)) for n in range(4)])
    for room, listed in ((1, ["1", "2", "8"]), (2, ["0"])):
        listings.begin(db, room)
        listings.note(db, room, listed)

    absent, unknown = listings.compare(db, 1, inbox, "v1", 2**62, None)

    assert [outcomes(db)[row_id - 1][0] for row_id in absent] == ["0", "3"]
    assert unknown == ["8"]
    assert listings.compare(db, 2, inbox, "v1", 0, None) == ([], [])
