"""The main job over the memory driver: what becomes of mail, and that nothing is lost."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from lab.world import HASHER, World, ago, world

from eisd.driver.memory import MemorySession
from eisd.errors import DriverError
from eisd.logs import capture, trace_id
from eisd.model.folder import Cursor, Folder, Window


@pytest.fixture
async def here(tmp_path: Path):
    async with world(tmp_path) as made:
        yield made
        await made.check()


async def test_mail_from_a_contact_becomes_its_activity(here: World):
    """A received message from a contact is matched; a stranger's is only indexed."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@analytical.test")
    mine = anna.deliver("Ada <ada@analytical.test>", subject="Engines", text="Hello Anna\n")
    other = anna.deliver("eve@elsewhere.test", subject="Secret plan")

    await here.sync()

    assert await here.outcomes() == {
        ("anna", "INBOX", mine): "matched",
        ("anna", "INBOX", other): "unmatched:no_contact",
    }
    assert await here.activities() == [
        ("c1", "incoming", '["from"]', '["anna"]', "[]", "Engines"),
    ]
    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    assert "Engines" in dump
    assert "Secret" not in dump
    assert "eve@" not in dump


@pytest.mark.parametrize("trusted", [frozenset(), frozenset({"mx.lab.test"})], ids=["none", "one"])
async def test_s4_who_vouches_is_asked_where_somebody_is_trusted(
    here: World, monkeypatch: pytest.MonkeyPatch, trusted: frozenset[str]
):
    """A scan wants Authentication-Results if the configuration names a server that writes it."""
    wanted = set[bool]()

    class Noted(MemorySession):
        def scan(self, folder: Folder, since: Cursor | Window, *, authentication: bool = True):  # type: ignore[override]
            wanted.add(authentication)
            return super().scan(folder, since, authentication=authentication)

    monkeypatch.setattr("eisd.driver.memory.MemorySession", Noted)
    here.trusted = trusted
    anna = await here.mailbox()
    anna.deliver("ada@analytical.test")

    await here.sync()

    assert wanted == {bool(trusted)}


async def test_sent_mail_is_outgoing(here: World):
    """What staff writes is outgoing for every contact addressed, Bcc too."""
    anna = await here.mailbox()
    await here.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"], "c3": ["cyd@z.test"]})
    anna.deliver(
        anna.address,
        "ada@x.test",
        folder="Sent",
        cc="bob@y.test",
        headers={"Bcc": "cyd@z.test"},
        subject="Offer",
    )

    await here.sync()

    assert [row[:3] for row in await here.activities()] == [
        ("c1", "outgoing", '["to"]'),
        ("c2", "outgoing", '["cc"]'),
        ("c3", "outgoing", '["bcc"]'),
    ]


async def test_syncing_again_changes_nothing(here: World):
    """A second pass finds nothing new and writes no activity (RI13)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(40):
        anna.deliver("ada@x.test" if number % 3 else "eve@y.test", subject=f"n{number}")
    await here.sync()
    before = (await here.outcomes(), await here.activities(), len(here.fresh))

    await here.sync()

    assert (await here.outcomes(), await here.activities(), len(here.fresh)) == before
    assert len(before[0]) == 40


async def test_two_mailboxes_one_activity(here: World):
    """The same message in two mailboxes is one activity that names both."""
    anna = await here.mailbox("anna")
    bert = await here.mailbox("bert")
    await here.contact("c1", "ada@x.test")
    both = f"{anna.address}, {bert.address}"
    for box in (anna, bert):
        box.deliver("ada@x.test", both, message_id="<one@x.test>", subject="Both")

    await here.sync()

    assert await here.activities() == [
        ("c1", "incoming", '["from"]', '["anna","bert"]', "[]", "Both"),
    ]


async def test_a_later_copy_adds_a_contact(here: World):
    """Bcc is known from the sender's copy alone; it makes the recipient's copy count too (I4)."""
    anna = await here.mailbox("anna")
    bert = await here.mailbox("bert")
    await here.contact("c1", "ada@x.test")
    received = bert.deliver(anna.address, bert.address, message_id="<b@lab.test>", subject="Bcc")
    await here.sync()
    assert (await here.outcomes())["bert", "INBOX", received] == "skipped:internal"

    anna.deliver(
        anna.address,
        bert.address,
        folder="Sent",
        message_id="<b@lab.test>",
        headers={"Bcc": "ada@x.test"},
        subject="Bcc",
    )
    await here.sync()

    assert (await here.outcomes())["bert", "INBOX", received] == "matched"
    assert [row[:4] for row in await here.activities()] == [
        ("c1", "outgoing", '["bcc"]', '["anna","bert"]'),
    ]


async def test_move_is_not_a_deletion(here: World):
    """A message moved to another folder keeps its one activity and gets no flag (F4)."""
    here.on_remote_delete = "remove"
    anna = await here.mailbox()
    anna.provider.create_folder("Deals")
    await here.contact("c1", "ada@x.test")
    first = anna.deliver("ada@x.test", subject="Moves")
    await here.sync()

    anna.provider.move(first, "INBOX", "Deals")
    await here.sync()

    assert len(await here.activities()) == 1
    assert [f for (_, f, _), o in (await here.outcomes()).items() if o == "matched"] == ["Deals"]


@pytest.mark.parametrize(
    ("policy", "left"), [("retain", [[]]), ("mark", [["removed"]]), ("remove", [])]
)
async def test_deletion_on_the_server(here: World, policy: str, left: list[list[str]]):
    """retain keeps the activity, mark flags it, remove takes it (F3)."""
    here.on_remote_delete = policy
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    first = anna.deliver("ada@x.test")
    await here.sync()

    anna.provider.expunge(first)
    await here.sync()

    assert [json.loads(row[4]) for row in await here.activities()] == left
    assert await here.outcomes() == {}


async def test_renumbered_folder_makes_no_second_activity(here: World):
    """A changed UIDVALIDITY lists the folder again; identity keeps each activity one (F6)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    for number in range(20):
        anna.deliver("ada@x.test", subject=f"n{number}")
    await here.sync()
    before = await here.activities()

    anna.provider.renumber()
    anna.deliver("ada@x.test", subject="after")
    await here.sync()

    after = await here.activities()
    assert len(after) == len(before) + 1
    assert len(await here.outcomes()) == 21


async def test_old_mail_dragged_in_is_outside_the_window(here: World):
    """A copy that arrives live with an old receive time is skipped (F5)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    await here.sync()

    old = anna.deliver("ada@x.test", at=ago(days=90))
    await here.sync()

    assert (await here.outcomes())["anna", "INBOX", old] == "skipped:outside_window"


async def test_draft_is_skipped(here: World):
    """A draft in a synced folder is skipped and never counts for its message (F2)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    draft = anna.deliver(anna.address, "ada@x.test", flags=["\\Draft"], message_id="<d@x>")

    await here.sync()

    assert (await here.outcomes())["anna", "INBOX", draft] == "skipped:draft"
    assert await here.activities() == []


async def test_contacts_imported_after_the_mail(here: World):
    """The first import into an empty workspace is always known: the past is matched by hashes."""
    anna = await here.mailbox()
    anna.deliver("ada@x.test", subject="Before")
    await here.sync()
    assert await here.activities() == []

    await here.contact("c1", "ada@x.test")
    await here.sync()

    assert [row[5] for row in await here.activities()] == ["Before"]


async def test_vanished_before_it_was_fetched(here: World):
    """A copy that is gone before its text could be had is skipped:vanished, no error (O2)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    gone = anna.deliver("ada@x.test")
    anna.provider.fail_fetch(gone, times=1)
    with suppress(DriverError):  # whichever of the two connections it was that dropped
        await here.sync()
    assert (await here.outcomes())["anna", "INBOX", gone] == "error:fetch"
    anna.provider.expunge(gone)

    await here.sync()

    assert await here.rows("SELECT outcome, reason FROM message_outcomes") == [
        ("skipped", "vanished")
    ]


async def test_poison_costs_one_message(here: World):
    """A message that cannot be fetched is an error; every other one is matched."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    ids = [anna.deliver("ada@x.test", subject=f"n{number}") for number in range(5)]
    anna.provider.fail_fetch(ids[2])

    for _ in range(3):
        with suppress(DriverError):  # the line drops each time
            await here.sync()

    outcomes = await here.outcomes()
    assert outcomes["anna", "INBOX", ids[2]] == "error:fetch"
    assert [outcomes["anna", "INBOX", one] for one in ids if one != ids[2]] == ["matched"] * 4


async def test_same_message_id_on_two_messages(here: World):
    """One Message-ID on different messages is two messages; the earliest keeps the bare id (I2)."""
    anna = await here.mailbox()
    await here.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})
    anna.deliver("ada@x.test", message_id="<same@id>", subject="New", at=ago(days=1))
    anna.deliver("bob@y.test", message_id="<same@id>", subject="Old", at=ago(days=9))

    await here.sync()

    rows = await here.rows("SELECT contact_id, message_id, flags FROM activity_feed ORDER BY 1")
    assert [row[0] for row in rows] == ["c1", "c2"]
    assert rows[1][1] == "<same@id>"
    assert rows[0][1].startswith("<same@id~")
    assert all("message_id_collision" in row[2] for row in rows)


async def test_thread_joins_by_references(here: World):
    """Replies share their parent's thread, whatever the order of arrival (H1, H2)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test", message_id="<3@x>", headers={"References": "<1@x> <2@x>"})
    anna.deliver("ada@x.test", message_id="<9@x>")
    anna.deliver("ada@x.test", message_id="<2@x>", in_reply_to="<1@x>")
    anna.deliver("ada@x.test", message_id="<1@x>")

    await here.sync()

    threads = dict(await here.rows("SELECT message_id, thread_id FROM activity_feed"))
    assert threads["<1@x>"] == threads["<2@x>"] == threads["<3@x>"]
    assert threads["<9@x>"] != threads["<1@x>"]


BOUNCE = b"""\
From: Mail Delivery System <MAILER-DAEMON@lab.test>\r
To: anna@lab.test\r
Return-Path: <>\r
Subject: Undelivered Mail\r
Message-ID: <dsn@lab.test>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
I could not deliver it.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; lab.test\r
\r
Final-Recipient: rfc822; ada@x.test\r
Action: failed\r
Status: 5.1.1\r
--b\r
Content-Type: text/rfc822-headers\r
\r
Message-ID: <offer@lab.test>\r
From: anna@lab.test\r
To: ada@x.test\r
--b--\r
"""


QMAIL = b"""\
Return-Path: <>\r
From: MAILER-DAEMON@lab.test\r
To: anna@lab.test\r
Subject: Undelivered: failure notice\r
Message-ID: <qmail@lab.test>\r
\r
<ada@x.test>:\r
User unknown (5.1.1)\r
\r
--- Below this line is a copy of the message.\r
\r
Message-ID: <offer@lab.test>\r
"""


@pytest.mark.parametrize("report", [BOUNCE, QMAIL], ids=["rfc3464", "qmail"])
@pytest.mark.parametrize("bounce_first", [True, False])
async def test_bounce_marks_what_it_is_about(here: World, bounce_first: bool, report: bytes):
    """A delivery report sets its parent's status in either order and is kept nowhere (G1)."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")

    def sent() -> None:
        anna.deliver(
            anna.address, "ada@x.test", folder="Sent", message_id="<offer@lab.test>", subject="Of"
        )

    def bounced() -> None:
        anna.put(report)

    for deliver in (bounced, sent) if bounce_first else (sent, bounced):
        deliver()
        await here.sync()

    assert await here.rows("SELECT subject, delivery_status FROM activity_feed") == [
        ("Of", "bounced")
    ]
    assert "skipped:bounce" in (await here.outcomes()).values()
    dump = await here.store.read(lambda db: "\n".join(db.iterdump()))
    assert "Undelivered" not in dump


@pytest.mark.parametrize("bounce_first", [True, False])
@pytest.mark.parametrize(
    ("named", "status"),
    [
        (b"ada@x.test", [("c1", "bounced"), ("c2", None)]),
        (b"eve@z.test", [("c1", None), ("c2", None)]),
        (b"real-name@inner.test", [("c1", "bounced"), ("c2", "bounced")]),
    ],
)
async def test_a_bounce_is_of_the_recipient_it_names(
    here: World, bounce_first: bool, named: bytes, status: list[tuple[str, str | None]]
):
    """It says nothing of the others; who is not in the message may be any of them (G1)."""
    anna = await here.mailbox()
    await here.contacts({"c1": ["ada@x.test"], "c2": ["bob@y.test"]})

    def sent() -> None:
        everybody = ["ada@x.test", "bob@y.test", "eve@z.test"]
        anna.deliver(anna.address, everybody, folder="Sent", message_id="<offer@lab.test>")

    def bounced() -> None:
        anna.put(BOUNCE.replace(b"rfc822; ada@x.test", b"rfc822; " + named))

    for deliver in (bounced, sent) if bounce_first else (sent, bounced):
        deliver()
        await here.sync()

    told = "SELECT contact_id, delivery_status FROM activity_feed ORDER BY contact_id"
    assert await here.rows(told) == status


async def test_no_index_keeps_no_hash_of_strangers(here: World):
    """With store.unmatched = "none" no address hash of a stranger is kept; contacts match."""
    here.index = False
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    anna.deliver("ada@x.test", cc="bob@y.test", subject="Mine")
    anna.deliver("eve@z.test", subject="Theirs")

    await here.sync()

    assert [row[5] for row in await here.activities()] == ["Mine"]
    kept = await here.rows("SELECT facts FROM copy WHERE outcome = 'unmatched'")
    assert len(kept) == 1
    assert HASHER.key("eve@z.test").to_bytes(8, "big") not in kept[0][0]


async def test_a_header_the_server_will_not_give(here: World, monkeypatch: pytest.MonkeyPatch):
    """A copy listed without its header is fetched whole and then decided like any other."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    mine = anna.deliver("ada@x.test", subject="Mine")
    other = anna.deliver("eve@y.test", subject="Theirs")
    monkeypatch.setattr("eisd.driver.memory._head", lambda _rfc822: b"")

    await here.sync()

    assert await here.outcomes() == {
        ("anna", "INBOX", mine): "matched",
        ("anna", "INBOX", other): "unmatched:no_contact",
    }
    assert [row[5] for row in await here.activities()] == ["Mine"]


async def test_the_log_tells_a_message_by_its_trace(here: World):
    """What the log says of a message bears the trace id that explain works out."""
    anna = await here.mailbox()
    await here.contact("c1", "ada@x.test")
    await here.sync()
    anna.deliver("ada@x.test", message_id="<traced@x.test>")

    with capture() as lines:
        await here.sync()

    traced = [line["event"] for line in lines if line.get("trace_id")]
    assert traced == ["message.ingested", "match.activity_created"]
    assert {line["trace_id"] for line in lines if line.get("trace_id")} == {
        trace_id(HASHER.identity("traced@x.test"))
    }
    assert {line["message_id"] for line in lines if line.get("trace_id")} == {"<traced@x.test>"}
    key = await here.store.read(
        lambda db: db.execute("SELECT message_key FROM message_outcomes").fetchall()
    )
    assert key == [(trace_id(HASHER.identity("traced@x.test")),)]
